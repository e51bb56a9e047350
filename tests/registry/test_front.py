# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry behind its front, as the container runs both: maintenance turns no request away."""

from __future__ import annotations

import base64
import functools
import os
import signal
import subprocess
import threading
import time
import typing as t
from pathlib import Path

import images
import jinja2
import pytest
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

    def __init__(self, folder: Path) -> None:
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
            "listen 5000;": f"listen 127.0.0.1:{self.port};",
        }
        texts = {
            name: jinja2.Template((ROLE / "templates" / f"{name}.j2").read_text()).render(registry_anonymous_port=0)
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
            "SERVE_BINARY": BINARY,
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

    def maintain(self, desired: Desired) -> maintenance.Outcome:
        stop = functools.partial(os.kill, self.process.pid, signal.SIGUSR1)
        rest = functools.partial(pause.supervised, self.store / ".locks", stop)
        with self.client() as client:
            return maintenance.converge(maintenance.World(Store(self.store), Cache(), client, rest), desired)


@pytest.fixture
def front(tmp_path: Path) -> t.Iterator[Front]:
    tmp_path.chmod(0o755)
    running = Front(tmp_path)
    try:
        running.wait()
        yield running
    finally:
        running.process.terminate()
        running.process.wait(20)


def test_no_push_fails_in_a_row_of_maintenance_rounds(front: Front) -> None:
    """By a client that repeats nothing: what Docker does not repeat is among its requests."""
    failures: list[str] = []
    done: list[tuple[str, images.Thing]] = []
    stop = threading.Event()

    def push(name: str) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            registry = images.Registry(front.url, BASIC)
            thing = images.image(f"{name}{number}", layers=("base", f"{name}{number}"))
            try:
                registry.push("lab/live", thing, f"{name}{number}")
                done.append((f"{name}{number}", thing))
            except (OSError, AssertionError) as error:
                failures.append(f"{name}{number}: {error!r}")
            registry.connection.close()

    threads = [threading.Thread(target=push, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    desired = Desired([Policy(repositories=("lab/old",), keep_last=1, order="name", min_age=0)], limits=Limits(0, 1.0))
    longest = 0.0
    for count in range(12):
        registry = images.Registry(front.url, BASIC)
        for extra in range(2):
            thing = images.image(f"c{count}-{extra}", layers=("base", f"{extra}"))
            registry.push("lab/old", thing, f"c{count:02}-{extra}")
        outcome = front.maintain(desired)
        assert outcome.removed and outcome.broken == []
        longest = max(longest, outcome.downtime)
    stop.set()
    for thread in threads:
        thread.join()
    print(f"{len(done)} pushes, longest pause {longest:.2f} s")
    assert failures == [] and len(done) > 30
    registry = images.Registry(front.url, BASIC)
    for tag, thing in done:
        assert registry.pull("lab/live", tag) == thing.everything()


def test_a_request_waits_for_its_turn_and_not_for_ever(front: Front) -> None:
    """Whoever may not come in is told so at once; who may is held, and after a while told to come again."""
    stop = functools.partial(os.kill, front.process.pid, signal.SIGUSR1)
    with pause.supervised(front.store / ".locks", stop):
        began = time.monotonic()
        assert images.Registry(front.url).call("GET", "/v2/")[0] == 401
        assert time.monotonic() - began < 2
        status, headers, _body = images.Registry(front.url, BASIC).call("GET", "/v2/")
        assert (status, headers["retry-after"]) == (503, "3")
        assert 15 < time.monotonic() - began < 30
    front.wait()
    assert images.Registry(front.url, BASIC).call("GET", "/v2/")[0] == 200


def test_a_registry_that_ends_by_itself_ends_the_container(front: Front) -> None:
    parent = front.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    (registry,) = (pid for pid in children if "docker-registry" in Path(f"/proc/{pid}/cmdline").read_text())
    os.kill(int(registry), signal.SIGTERM)
    assert front.process.wait(20) != 0
