# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The caches of other registries in a folder, as their container runs them; and an upstream that counts."""

from __future__ import annotations

import collections
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import images
import jinja2
from paths import ROOT
from registry_server import RegistryServer, free_port

ROLE = ROOT / "roles" / "registry"
CONTEXT = ROLE / "files" / "images" / "registry"


class CountingRegistry(RegistryServer):
    """A registry whose log has every request."""

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(folder, **options)
        loud = self.config.read_text().replace("level: error, accesslog: {disabled: true}", "level: info")
        assert "level: info" in loud
        self.config.write_text(loud)

    def asked(self) -> collections.Counter[tuple[str, str]]:
        """How often each thing was asked for: method and path, without the question whether this is a registry."""
        found = re.findall(r'"(GET|HEAD) (/v2/[^ ]+) HTTP', self.log.read_text())
        return collections.Counter(found)


class Caches:
    """Caches with the role's own files. ``upstreams``: name of a cache -> address."""

    def __init__(
        self, folder: Path, upstreams: dict[str, str], *, min_free: int = 0, environment: dict[str, str] | None = None
    ) -> None:
        self.folder, self.store, self.run = folder, folder / "kept", folder / "run"
        self.log = folder / "caches.log"
        for path in (folder, self.store, self.run):
            path.mkdir(exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.socket = self.run / "caches.sock"
        caches = [
            {"name": name, "upstream": upstream, "zone": number + 1, "pattern": name.replace(".", "[.]")}
            | {"keep_days": 30, "tag_minutes": 10, "max_bytes": 2**30, "username": "", "password": ""}
            for number, (name, upstream) in enumerate(upstreams.items())
        ]
        template = jinja2.Template((ROLE / "templates/caches.conf.j2").read_text(), trim_blocks=True)
        text = template.render(__registry_caches=caches, __registry_caches_min_free=min_free)
        here = {
            "/run/labserver-registry": str(self.run),
            "/run/labserver-caches": str(self.run),
            "/var/cache/labserver-registry": str(self.store),
            "listen 5000;": f"listen 127.0.0.1:{self.port};",
        }
        for before, after in here.items():
            text = text.replace(before, after)
        (folder / "nginx.conf").write_text("user root;\n" + text)
        (folder / "caches.json").write_text(json.dumps({"version": 1, "min_free_bytes": min_free, "caches": caches}))
        named = "".join(f"{name}={value}\n" for name, value in (environment or {}).items())
        (folder / "outgoing.env").write_text(named)
        self.environment = {
            **os.environ,
            "CACHE_FOLDER": str(folder),
            "CACHE_PROGRAM": str(CONTEXT),
            "CACHE_SOCKET": str(self.socket),
            "FETCHER_SETTINGS": str(folder / "caches.json"),
            "FETCHER_SOCKET": str(self.run / "fetcher.sock"),
            "FETCHER_STORE": str(self.store),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Caches:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [CONTEXT / "cache"], env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + 20
        while True:
            try:
                if images.Registry(self.url).call("GET", "/health")[0] == 200:
                    return self
            except OSError:
                pass
            assert time.monotonic() < end and self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)

    def __exit__(self, *_exc: object) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(20)

    def kill(self) -> None:
        """End everything without a word, as a power failure does."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def check(self) -> tuple[int, str]:
        """What status asks."""
        done = subprocess.run(
            [CONTEXT / "cache", "check"], env=self.environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def pull(self, repository: str, tag: str) -> set[str]:
        return images.Registry(self.url).pull(repository, tag)
