# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services of systemd as they have to be: running, at boot, and started with the files that are there now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import due

Runner = Callable[[Sequence[str]], tuple[int, str]]
"""Runs a command; returns its exit status and what it wrote to both outputs."""
PROPERTIES = "Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload"
UP = ("active", "reloading")  # not "activating": that is also what waits for another try after a failure
AT_BOOT = ("enabled", "enabled-runtime", "static", "alias", "indirect", "generated")
LOG_LINES = 8


class ServicesError(Exception):
    """A service could not be brought to where it has to be; the message has the last lines of its log."""


@dataclass(frozen=True)
class Desired:
    """One service. Not ``running`` means: stopped, and not started at boot; ``masked``: not started by anybody."""

    name: str
    running: bool = True
    masked: bool = False


@dataclass(frozen=True)
class Current:
    """What systemd says of a service; a unit that it does not know is not ``known``."""

    known: bool = False
    running: bool = False
    boot: bool = False
    masked: bool = False
    stale: bool = False
    """Its file was changed since systemd read it."""
    due: bool = False


@dataclass(frozen=True)
class Step:
    """One order to systemd: ``daemon-reload``, ``mask``, ``enable``, ``disable``, ``restart``, ``start``, ``stop``."""

    what: str
    name: str = ""


Plan = tuple[Step, ...]


@dataclass(frozen=True)
class World:
    """The host: the root of its file system, and how commands are run."""

    run: Runner
    root: Path = Path("/")


def parse(text: str) -> dict[str, Mapping[str, str]]:
    """Return the properties by unit from the output of ``systemctl show``."""
    found: dict[str, Mapping[str, str]] = {}
    for block in text.split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if "Id" in fields:
            found[fields["Id"]] = fields
    return found


def read(world: World, names: Iterable[str]) -> dict[str, Current]:
    """Ask systemd for all services at once; on a host without systemd (check mode, a bare host) none is known."""
    asked = list(names)
    status, text = world.run(["systemctl", "show", f"--property={PROPERTIES}", "--", *asked])
    units = parse(text) if status == 0 else {}
    return {name: _current(units.get(name, {}), due.marked(world.root, name)) for name in asked}


def _current(fields: Mapping[str, str], is_due: bool) -> Current:
    state = fields.get("LoadState", "not-found")
    return Current(
        known=state != "not-found",
        running=fields.get("ActiveState") in UP,
        boot=fields.get("UnitFileState") in AT_BOOT,
        masked=state == "masked",
        stale=fields.get("NeedDaemonReload") == "yes",
        due=is_due,
    )


def compare(desired: Iterable[Desired], current: Mapping[str, Current]) -> Plan:
    """Return the orders to systemd. It is told to read its files again only when it has to: that has side effects."""
    wanted = list(desired)
    steps: list[Step] = []
    if any(current[one.name].stale or (one.running and not current[one.name].known) for one in wanted):
        steps.append(Step("daemon-reload"))
    for one in wanted:
        now = current[one.name]
        if one.masked and not now.masked:
            steps.append(Step("mask", one.name))
        if one.running:
            if not now.boot:
                steps.append(Step("enable", one.name))
            if now.due and now.running:
                steps.append(Step("restart", one.name))
            elif not now.running:
                steps.append(Step("start", one.name))
        else:
            if now.boot and now.known and not now.masked and not one.masked:
                steps.append(Step("disable", one.name))
            if now.running:
                steps.append(Step("stop", one.name))
    return tuple(steps)


def apply(world: World, plan: Plan) -> None:
    """Give the orders; raises ServicesError at the first that fails. A mark goes only after its service was started.

    systemd refuses to start a unit that was started a few times within a short time, whoever asked for it
    (StartLimitBurst in systemd.unit(5)). What a run asks for is wanted now, so that count is forgotten first.
    """
    for step in plan:
        if step.what in ("start", "restart"):
            world.run(["systemctl", "reset-failed", step.name])  # fails for a unit that is not loaded: no count
        command = ["systemctl", step.what, *([step.name] if step.name else [])]
        status, said = world.run(command)
        if status != 0:
            words = f"{' '.join(command)} failed: {said.strip()}"
            if step.what in ("start", "restart"):
                _status, log = world.run(
                    ["journalctl", "-u", step.name, "-n", str(LOG_LINES), "-o", "cat", "--no-pager"]
                )
                words += f"\nLast lines of its log:\n{log.strip()}"
            raise ServicesError(words)
        if step.what in ("start", "restart", "stop"):
            due.clear(world.root, step.name)
