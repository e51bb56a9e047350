# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the front: ``python -m labhub.front``. What it needs to know is in its environment."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import asyncssh

from ..exchange import files
from .hub import Hub, HubError
from .server import LOGIN_SECONDS, Front

LOG = logging.getLogger("labhub.front")
KEEP_SECONDS = 3.0
"""So often the hub is told who is connected; somebody whose access ended is out as soon."""
HOST_KEYS = {"ssh-ed25519": "host_ed25519", "ecdsa-sha2-nistp256": "host_ecdsa"}
FRONT_KEY = "front_ed25519"


def load_key(path: Path, kind: str) -> asyncssh.SSHKey:
    """Return the private key in a file, made at the first start: clients remember it."""
    if not path.exists():
        files.replace(path, asyncssh.generate_private_key(kind).export_private_key())
    return asyncssh.read_private_key(str(path))


async def serve(environment: Mapping[str, str]) -> None:
    """Listen until the process ends."""
    folder = Path(environment["LABSERVER_SSH_KEYS"])
    hub = Hub(environment["LABSERVER_HUB_URL"], Path(environment["LABSERVER_SSH_TOKEN"]))
    front = Front(hub, load_key(folder / FRONT_KEY, "ssh-ed25519"))
    longest = float(environment.get("LABSERVER_SSH_HOURS", "24")) * 3600
    await asyncssh.create_server(
        front.connection,
        "",
        int(environment.get("LABSERVER_SSH_PORT", "2222")),
        server_host_keys=[load_key(folder / name, kind) for kind, name in HOST_KEYS.items()],
        server_version="labserver",
        login_timeout=LOGIN_SECONDS,
        agent_forwarding=False,
        x11_forwarding=False,
        allow_scp=False,
        compression_algs=None,
        keepalive_interval=60,
        keepalive_count_max=5,
        # Nobody's certificate counts, nor what a folder .ssh of this container might say.
        authorized_client_keys=None,
        config=None,
    )
    LOG.info("listening")
    while True:
        try:
            await front.keep()
        except HubError as error:
            LOG.warning("who may stay is not known: %s", error)
        now = time.monotonic()
        for one in list(front.open.values()):
            if now - one.since > longest:
                one.end("This connection is as old as connections may become here. Connect again.")
        await asyncio.sleep(KEEP_SECONDS)


def main() -> int:
    """Run the front."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncssh.set_log_level("WARNING")
    # As a client of people's containers asyncssh asks who it runs as, and this account has no name in the container.
    os.environ.setdefault("LOGNAME", "labserver")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(os.environ))
    return 0


if __name__ == "__main__":
    sys.exit(main())
