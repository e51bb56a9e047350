# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's server in a container as the hub's spawner makes it, but without a hub: its page takes a token."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from image_builds import docker

UID = 20001
TOKEN = "test"
MEMORY_BYTES = 2 << 30
CPUS = 1.5
READY_SECONDS = 120


class Server:
    """One server, with ``home`` of this machine as its home. Everything runs as the person."""

    def __init__(self, reference: str, name: str, home: Path) -> None:
        self.name, self.home, self.reference = f"labserver-test-{name}-{os.getpid()}", home, reference
        self.address = ""

    def __enter__(self) -> Server:
        home = "/home/jupyter-mira"
        self.home.mkdir(parents=True, exist_ok=True)
        os.chown(self.home, UID, UID)
        # As the roster has it: ssh and others ask who they are.
        passwd = self.home.with_name("passwd")
        passwd.write_text(f"root:x:0:0::/root:/bin/sh\njupyter-mira:x:{UID}:{UID}::{home}:/bin/bash\n")
        # The root is read-only beyond what the spawner does: an image that writes into itself loses that at each start.
        docker(
            "run", "--detach", "--name", self.name, "--init", "--user", f"{UID}:{UID}", "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges", "--read-only", "--tmpfs", "/tmp:exec,mode=1777",
            "--memory", str(MEMORY_BYTES), "--cpus", str(CPUS), "--volume", f"{self.home}:{home}", "--workdir", home,
            "--volume", f"{passwd}:/etc/passwd:ro",
            "--env", f"HOME={home}", "--env", "USER=jupyter-mira", "--env", f"MEM_LIMIT={MEMORY_BYTES}",
            "--env", f"CPU_LIMIT={CPUS}", self.reference,
            "jupyter", "lab", "--no-browser", "--ip=0.0.0.0", "--port=8888", f"--IdentityProvider.token={TOKEN}",
        )  # fmt: skip
        self.address = docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", self.name)
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                self.get("/api/status")
                return self
            except OSError:
                assert time.monotonic() < deadline, docker("logs", self.name, check=False)
                time.sleep(0.2)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        docker("rm", "--force", "--volumes", self.name, check=False)

    def run(self, command: str, text: str | None = None) -> str:
        """Run a shell's command in the server and return its output; raises AssertionError when it fails."""
        return docker("exec", "--interactive", self.name, "bash", "-ec", command, text=text)

    def ask(self, path: str, seconds: float = 120) -> tuple[Mapping[str, str], bytes]:
        """Return the headers and the content of a page; raises AssertionError with what it says instead."""
        request = urllib.request.Request(
            f"http://{self.address}:8888{path}", headers={"Authorization": f"token {TOKEN}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error} {error.read()[-2000:]!r}") from error

    def get(self, path: str) -> Any:
        """Return the decoded JSON of a page."""
        return json.loads(self.ask(path)[1])
