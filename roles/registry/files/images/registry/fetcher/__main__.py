# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python3 -m fetcher serve``: fetch for nginx. ``python3 -m fetcher check``: say what is wrong, for status."""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .server import Disk, Server
from .upstream import Upstream, UpstreamError, caches, opener

SETTINGS = Path(os.environ.get("FETCHER_SETTINGS", "/etc/labserver-registry/caches.json"))
SOCKET = os.environ.get("FETCHER_SOCKET", "/run/labserver-registry/fetcher.sock")
STORE = Path(os.environ.get("FETCHER_STORE", "/var/cache/labserver-registry"))
CA_FILE = "/etc/ssl/certs/ca-certificates.crt"


def what_is_wrong(upstreams: list[Upstream], disk: Disk) -> list[str]:
    """Return a sentence for each upstream that would not give anything now, and one for a full disk."""

    def ask(upstream: Upstream) -> str:
        try:
            upstream.check()
        except UpstreamError as trouble:
            return f"{upstream.cache.name}: {trouble}; what is kept is served"
        return ""

    with ThreadPoolExecutor(8) as threads:
        found = [text for text in threads.map(ask, upstreams) if text]
    if not disk.has_room(0):
        found.append(
            f"the disk of registry_caches_folder has less than {disk.spare_bytes // 1024**2} MiB left: what is pulled "
            "is passed on and not kept; make room there, or lower max_size in registry_caches"
        )
    return found


def main(arguments: list[str]) -> int:
    """Serve, or check (0: all well, 1: something is wrong)."""
    settings = json.loads(SETTINGS.read_text(encoding="utf-8"))
    opened = opener(CA_FILE if Path(CA_FILE).exists() else None)
    upstreams = {name: Upstream(cache, opened) for name, cache in caches(settings).items()}
    # nginx makes room when less than min_free is left; only where it cannot is the half of it reached.
    disk = Disk(STORE, settings["min_free_bytes"] // 2)
    if arguments == ["check"]:
        found = what_is_wrong(list(upstreams.values()), disk)
        sys.stdout.write("; ".join(found) + "\n" if found else "")
        return 1 if found else 0
    with Server(SOCKET, upstreams, disk) as server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
