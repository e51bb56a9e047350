# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts Debian's docker-registry on loopback the way the container of the role does: by the script ``serve``."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from paths import ROOT

SERVE = ROOT / "roles" / "registry" / "files" / "images" / "registry" / "serve"
BINARY = os.environ.get("REGISTRY_BINARY", "docker-registry")

CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {store}, maxthreads: 100}}
  delete: {{enabled: {delete}}}
  maintenance: {{uploadpurging: {{enabled: false}}}}
http: {{addr: "127.0.0.1:{port}", secret: tests, relativeurls: true{tls}}}
{extra}
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class RegistryServer:
    """One registry; ``folder`` holds its store, its configuration and its locks."""

    def __init__(
        self, folder: Path, *, delete: bool = True, extra: str = "", tls: tuple[Path, Path] | None = None
    ) -> None:
        self.store = folder / "store"
        self.locks = folder / "locks"
        self.config = folder / "config.yml"
        self.log = folder / "log"
        self.store.mkdir(exist_ok=True)
        self.locks.mkdir(exist_ok=True)
        self.port = free_port()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        keys = f", tls: {{certificate: {tls[0]}, key: {tls[1]}}}" if tls else ""
        self.config.write_text(
            CONFIG.format(store=self.store, port=self.port, delete=str(delete).lower(), extra=extra, tls=keys),
            encoding="utf-8",
        )
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RegistryServer:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [SERVE, "registry"],
                env={
                    **os.environ,
                    "SERVE_BINARY": BINARY,
                    "SERVE_CONFIG": str(self.config),
                    "SERVE_LOCKS": str(self.locks),
                    "OTEL_TRACES_EXPORTER": "none",
                },
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait()

    def wait(self, seconds: float = 20.0) -> None:
        """Wait until the registry answers."""
        end = time.monotonic() + seconds
        while not self.answers():
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, f"no answer within {seconds} s\n{self.log.read_text()}"
            time.sleep(0.01)

    def answers(self) -> bool:
        try:
            trusting = ssl._create_unverified_context()
            with urllib.request.urlopen(self.url + "/v2/", timeout=5, context=trusting):
                return True
        except urllib.error.HTTPError as error:
            return error.code == 401
        except OSError:
            return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
            self.process = None
