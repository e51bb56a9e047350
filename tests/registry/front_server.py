# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry behind its front in a folder, as the container runs both, and pushes while it is maintained."""

from __future__ import annotations

import base64
import contextlib
import functools
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import images
import jinja2
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import maintenance, pause, users
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.cache import Cache
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.client import RegistryClient
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.model import Limits
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.policy import Policy
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.store import Store
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.wanted import Desired
from paths import ROOT
from registry_server import BINARY, SERVE, free_port

ROLE = ROOT / "roles" / "registry"
BASIC = {"Authorization": "Basic " + base64.b64encode(b"pusher:secret").decode()}


class Front:
    """The role's front and registry in a folder, with the role's own files."""

    def __init__(self, folder: Path, binary: str = BINARY, caches: Mapping[str, Path] | None = None) -> None:
        """``caches``: names of caches, and the folder of the socket at which they answer."""
        self.store, self.run, self.log = folder / "store", folder / "run", folder / "log"
        for path in (self.store, self.run):
            path.mkdir()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        here = {
            "/run/labserver-registry": str(self.run),
            "/etc/labserver-registry": str(folder),
            "/usr/local/share/labserver-registry": str(folder),
            "/var/lib/registry": str(self.store),
            "/run/labserver-caches": str(next(iter((caches or {"": folder}).values()))),
            "listen 5000;": f"listen 127.0.0.1:{self.port};",
        }
        texts = {
            name: jinja2.Template((ROLE / "templates" / f"{name}.j2").read_text(), trim_blocks=True).render(
                registry_anonymous_port=0,
                __registry_caches=[{"pattern": one.replace(".", "[.]")} for one in caches or ()],
            )
            for name in ("nginx.conf", "config.yml")
        }
        texts["nginx.conf"] = "user root;\n" + texts["nginx.conf"]  # the folders of pytest are root's alone
        texts["gate.lua"] = (ROLE / "files/images/registry/gate.lua").read_text()
        texts["http_secret"] = "signs the state of uploads, and so lets one go on after a pause"
        texts["pushers"] = texts["readers"] = users.htpasswd([users.User("pusher", "push", "secret")], "")
        for name, text in texts.items():
            for before, after in here.items():
                text = text.replace(before, after)  # noqa: PLW2901
            (folder / name).write_text(text)
        environment = {
            "SERVE_BINARY": binary,
            "SERVE_FRONT": f"127.0.0.1/{self.port}",
            "SERVE_CONFIG": str(folder / "config.yml"),
            "SERVE_FRONT_CONFIG": str(folder / "nginx.conf"),
            "SERVE_LOCKS": str(self.store / ".locks"),
            "SERVE_SOCKET": str(self.run / "registry.sock"),
            "SERVE_SECRET_FILE": str(folder / "http_secret"),
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [SERVE, "all"], env={**os.environ, **environment}, stdout=log, stderr=log, start_new_session=True
            )

    def client(self) -> RegistryClient:
        return RegistryClient(self.url, username="pusher", password="secret", retries=0)

    def wait(self) -> None:
        end = time.monotonic() + 20
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return
            except Exception:
                assert time.monotonic() < end and self.process.poll() is None, self.log.read_text()
                time.sleep(0.05)

    def rest(self) -> contextlib.AbstractContextManager[None]:
        """Hold the registry, as maintenance does."""
        return pause.supervised(self.store / ".locks", functools.partial(os.kill, self.process.pid, signal.SIGUSR1))

    def registry(self) -> int:
        """Return the number of the registry's process; behind the front it is the child that is not nginx."""
        parent = self.process.pid
        for child in map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split()):
            if b"config.yml" in Path(f"/proc/{child}/cmdline").read_bytes():
                return child
        raise AssertionError(self.log.read_text())

    def maintain(self, desired: Desired) -> maintenance.Outcome:
        with self.client() as client:
            return maintenance.converge(maintenance.World(Store(self.store), Cache(), client, self.rest), desired)


@dataclass
class Pushed:
    """What came of pushes in a row of maintenance rounds. ``longest_seconds``: the longest pause of the registry."""

    done: list[tuple[str, images.Thing]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    rounds: int = 0
    longest_seconds: float = 0.0


def push_through(front: Front, enough: Callable[[Pushed], bool], pushers: str = "ab") -> Pushed:
    """Push by several clients that repeat nothing, while the registry is maintained again and again."""
    result, stop = Pushed(), threading.Event()

    def push(name: str) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            registry = images.Registry(front.url, BASIC)
            thing = images.image(f"{name}{number}", layers=("base", f"{name}{number}"))
            try:
                registry.push("lab/live", thing, f"{name}{number}")
                result.done.append((f"{name}{number}", thing))
            except (OSError, AssertionError) as error:
                result.failures.append(f"{name}{number}: {error!r}")
            registry.connection.close()

    threads = [threading.Thread(target=push, args=(name,)) for name in pushers]
    for thread in threads:
        thread.start()
    desired = Desired([Policy(repositories=("lab/old",), keep_last=1, order="name", min_age=0)], limits=Limits(0, 1.0))
    try:
        while not enough(result):
            registry = images.Registry(front.url, BASIC)
            for extra in range(2):
                thing = images.image(f"c{result.rounds}-{extra}", layers=("base", f"{extra}"))
                registry.push("lab/old", thing, f"c{result.rounds:05}-{extra}")
            registry.connection.close()
            outcome = front.maintain(desired)
            assert outcome.removed
            assert outcome.broken == []
            result.rounds += 1
            result.longest_seconds = max(result.longest_seconds, outcome.downtime)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    return result
