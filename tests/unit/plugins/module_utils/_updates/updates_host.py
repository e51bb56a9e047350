# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with updates: files below a folder, a clock that is moved, an engine and commands that stand in."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import model
from ansible_collections.labserver.jupyter.plugins.module_utils._updates import state
from ansible_collections.labserver.jupyter.plugins.module_utils._updates.policy import Policy, Reboot
from ansible_collections.labserver.jupyter.plugins.module_utils._updates.world import World

SUNDAYS = Policy(True, "with_reboot", Reboot("sunday", "04:00", 2, 24))
FRIDAY = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OPENS = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
"""Sunday, 04:00 in Berlin."""
QUIET = "Reading package lists...\n0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n"
ENGINE_WAITS = (
    "Inst docker.io [26.1.5+dfsg1-9] (26.1.5+dfsg1-9+deb13u1 Debian-Security:13/stable-security [amd64])\n"
    "Conf docker.io (26.1.5+dfsg1-9+deb13u1 Debian-Security:13/stable-security [amd64])\n"
)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the clock of the host to Berlin's time."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class Engine:
    """An engine with people's servers."""

    def __init__(self) -> None:
        self.people: list[str] = []
        self.stopped: list[str] = []
        self.answers = True

    def get(self, _path: str, **_query: Any) -> Any:
        if not self.answers:
            raise EngineError("no answer")
        return [{"Id": f"c-{name}", "Labels": {"org.labserver.user": name}} for name in self.people]

    def request(self, _method: str, path: str, **_more: Any) -> None:
        self.stopped.append(path)


class Host:
    """``commands`` are the orders that were given; ``fails`` maps the first word of one to what it says then."""

    def __init__(self, root: Path, now: datetime = FRIDAY) -> None:
        self.root, self.moment, self.slept = root, now, 0.0
        self.apt, self.commands = QUIET, list[list[str]]()
        self.fails: dict[str, str] = {}
        self.installs: list[Path] = []
        self.engine = Engine()
        self.awake: list[Any] = []
        (root / "etc/labserver/public").mkdir(parents=True)
        (root / "proc/sys/kernel/random").mkdir(parents=True)
        self.start("first")

    def start(self, boot: str) -> None:
        """Start the host anew: /run is empty."""
        (self.root / "proc/sys/kernel/random/boot_id").write_text(f"{boot}\n")
        (self.root / "proc/uptime").write_text("60.0 60.0\n")
        for path in ("run/reboot-required", "run/reboot-required.pkgs", "run/systemd/shutdown/scheduled"):
            (self.root / path).unlink(missing_ok=True)

    def due(self, *packages: str) -> None:
        """An update asks for a restart."""
        (self.root / "run").mkdir(exist_ok=True)
        (self.root / "run/reboot-required").touch()
        os.utime(self.root / "run/reboot-required", (self.moment.timestamp(), self.moment.timestamp()))
        (self.root / "run/reboot-required.pkgs").write_text("".join(f"{name}\n" for name in packages))

    def kernel(self, name: str) -> None:
        """The next start takes this kernel."""
        (self.root / "boot").mkdir(exist_ok=True)
        (self.root / "boot/vmlinuz").unlink(missing_ok=True)
        os.symlink(f"vmlinuz-{name}", self.root / "boot/vmlinuz")  # noqa: PTH211

    def job(self, name: str) -> None:
        """There is a job of this name."""
        path = self.root / f"etc/labserver/jobs.d/{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(model.to_json(model.Job(name, ("/bin/true",), fields="0 3 * * *")))

    def run(self, argv: Sequence[str], _seconds: float) -> tuple[int, str]:
        self.commands.append(list(argv))
        if "install" in argv:
            for path in self.installs:
                path.touch()
        if argv[0] in self.fails and "-s" not in argv:
            return 100, self.fails[argv[0]]
        if argv[0] == "shutdown":
            (self.root / "run/systemd/shutdown").mkdir(parents=True, exist_ok=True)
            (self.root / "run/systemd/shutdown/scheduled").touch()  # as systemd-logind does
        return 0, self.apt if "-s" in argv else ""

    def sleep(self, seconds: float) -> None:
        """Time passes; who waits to be woken is called."""
        self.moment += timedelta(seconds=seconds)
        self.slept += seconds
        for call in self.awake:
            call()

    @property
    def world(self) -> World:
        """The handle of this host."""
        return World(self.root, lambda: self.moment, self.sleep, self.run, self.engine, lambda: "6.12.1-amd64")  # type: ignore[arg-type]

    @property
    def state(self) -> state.State:
        return state.read(self.root)

    @property
    def announced(self) -> list[dict[str, Any]]:
        """What the hub would read."""
        path = self.root / "etc/labserver/public/reboot.json"
        return json.loads(path.read_bytes())["announcements"] if path.exists() else []

    def orders(self, first: str) -> list[list[str]]:
        """The orders of one program, without questions."""
        return [argv for argv in self.commands if argv[0] == first and "-s" not in argv]
