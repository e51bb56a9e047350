# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of how a host was before it was taken over, and what stops the old hub and starts it again.

The record (``before.json`` with copies of files beside it) is made once and is what the way back goes by.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._common import files, labels, process
from .model import Current, Person

FOLDER = "var/lib/labserver/adopt"
RECORD = "before.json"
LOCK = "adopt"
"""Held by each step of the module, and by the host while it goes back by itself."""
FILES = (
    "/etc/passwd",
    "/etc/group",
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/subuid",
    "/etc/subgid",
    "/etc/fstab",
)
"""What the roles change of a host that the old hub reads too."""
TLJH_UNITS = ("jupyterhub.service", "traefik.service")
UNDER_WAY = ("switching", "switched")
"""The states in which the old hub is stopped and the new one is not all there."""
FRONT_DOOR = "nginx.service"
"""Of the role proxy, unless the host had one."""
COMMAND_SECONDS = 120.0
COPYING, COPY_SECONDS = ("cp", "chown"), 6 * 3600.0  # a registry's images
VERSION = 1


class AdoptError(Exception):
    """What was asked cannot be done; the message says why and what to do."""


def run(argv: Sequence[str]) -> tuple[int, str]:
    """Return exit status and words of a command."""
    limit = COPY_SECONDS if argv[0] in COPYING else COMMAND_SECONDS
    done = process.call(argv, limit, environment={"LC_ALL": "C"})
    return done.status, done.output.decode("utf-8", "replace") if done.status == 0 else done.words


@dataclass(frozen=True)
class Effects:
    """What is touched, handed in: the root folder, commands, and the clock (seconds since 1970)."""

    root: Path = Path("/")
    run: Callable[[Sequence[str]], tuple[int, str]] = run
    now: Callable[[], float] = time.time

    def inside(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def order(self, *argv: str) -> str:
        """Run a command that has to succeed; raises AdoptError with what it said."""
        status, said = self.run(argv)
        if status != 0:
            raise AdoptError(f"{' '.join(argv)} failed: {said.strip()[-400:]}")
        return said


@dataclass(frozen=True)
class Kept:
    """A file as it was; ``sha256`` is empty where there was none."""

    sha256: str = ""
    mode: int = 0
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True)
class Before:
    """The record. ``state`` is kept, switching, switched, done or back; ``after`` has the hashes of the files when all
    was done, ``ended`` says why the host gave itself back to the old hub where it did.

    ``units`` maps a service to (at boot, running), ``containers`` a name to (restart policy, running), ``homes`` a
    folder to its mode; ``made`` are homes that were not there.
    """

    kind: str
    state: str
    files: Mapping[str, Kept] = field(default_factory=dict)
    homes: Mapping[str, int] = field(default_factory=dict)
    made: tuple[str, ...] = ()
    units: Mapping[str, tuple[bool, bool]] = field(default_factory=dict)
    containers: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    ended: str = ""

    def text(self) -> str:
        """Return the content of the record's file."""
        data = {**vars(self), "version": VERSION, "files": {path: vars(kept) for path, kept in self.files.items()}}
        return json.dumps(data, indent=1, sort_keys=True) + "\n"


def read(root: Path) -> Before | None:
    """Return the record, None without one; raises AdoptError when it cannot be read."""
    path = root / FOLDER / RECORD
    try:
        raw = json.loads(path.read_bytes())
        if raw.pop("version") != VERSION:
            raise ValueError("another version")
        raw["files"] = {name: Kept(**kept) for name, kept in raw["files"].items()}
        raw["made"] = tuple(raw["made"])
        for key in ("units", "containers"):
            raw[key] = {name: tuple(value) for name, value in raw[key].items()}
        return Before(**raw)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AdoptError(f"{path}: the record of how the host was is unreadable ({error}); bring it back") from error


def write(effects: Effects, before: Before) -> None:
    """Write the record."""
    files.replace(effects.root / FOLDER / RECORD, before.text().encode(), 0o600)


def digest(path: Path) -> str:
    """Return the hash of a file, nothing where there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


def copy_of(root: Path, path: str) -> Path:
    """Return where the copy of a file is kept."""
    return root / FOLDER / "files" / path.strip("/").replace("/", "%")


def keep(effects: Effects, current: Current, people: Iterable[Person]) -> Before:
    """Make the record of a host that was not taken over yet, with copies of all files; returns it."""
    folder = effects.root / FOLDER
    (folder / "files").mkdir(parents=True, exist_ok=True)
    for each in (folder, folder / "files"):
        each.chmod(0o700)
    kept = {}
    for path in FILES:
        source = effects.inside(path)
        if not source.exists():
            kept[path] = Kept()
            continue
        seen, content = source.stat(), source.read_bytes()
        files.replace(copy_of(effects.root, path), content, 0o600)
        kept[path] = Kept(hashlib.sha256(content).hexdigest(), stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid)
    everybody = list(people)
    homes = {}
    for person in everybody:
        home = effects.inside(person.home)
        if person.home and home.is_dir() and not home.is_symlink():
            homes[person.home] = stat.S_IMODE(home.stat().st_mode)
    made = tuple(f"/home/{person.account}" for person in everybody if person.uid is None)
    kind = current.hubs[0].kind
    before = Before(
        kind,
        "kept",
        kept,
        homes,
        tuple(home for home in made if not effects.inside(home).exists()),
        {unit: _unit(effects, unit) for unit in (*(TLJH_UNITS if kind == "tljh" else ()), FRONT_DOOR)},
        {each.name: (each.restart_policy, each.running) for each in _containers(current)},
    )
    write(effects, before)
    return before


def _unit(effects: Effects, name: str) -> tuple[bool, bool]:
    enabled, _said = effects.run(["systemctl", "is-enabled", "--quiet", name])
    active, _said = effects.run(["systemctl", "is-active", "--quiet", name])
    return enabled == 0, active == 0


def _known(effects: Effects, unit: str) -> bool:
    return effects.run(["systemctl", "cat", unit])[0] == 0


def _containers(current: Current) -> list[Any]:
    """Return the old hub's containers that are there all the time: those of its Compose project."""
    project = "com.docker.compose.project"
    projects = {each.labels.get(project) for each in current.containers if each.name == current.hubs[0].container}
    return [each for each in current.containers if each.labels.get(project) in projects - {None}]


def stop_old(effects: Effects, before: Before, current: Current) -> None:
    """Stop the old hub and people's servers at it, and keep both from starting at boot. Nothing is removed."""
    for name in before.units:
        if name != FRONT_DOOR and _known(effects, name):
            effects.order("systemctl", "disable", "--now", name)
    if before.kind == "tljh":
        effects.order("systemctl", "stop", "jupyter-*.service")
    for name in before.containers:
        effects.order("docker", "update", "--restart=no", name)
    running = [each.name for each in current.containers if each.running]
    people = [each.name for each in current.containers if each.role == "person" and each.running]
    stopped = [name for name in (*before.containers, *people) if name in running] if before.kind == "compose" else []
    if stopped:
        effects.order("docker", "stop", "--time=10", *stopped)


def stop_new(effects: Effects) -> None:
    """Stop people's servers of the new hub, which the role leaves alone."""
    status, said = effects.run(["docker", "ps", "--quiet", f"--filter=label={labels.HUB_SERVERS}"])
    if status == 0 and said.split():
        effects.order("docker", "stop", "--time=10", *said.split())


def start_old(effects: Effects, before: Before) -> None:
    """Start the old hub as it ran, at boot too where it did so."""
    effects.order("systemctl", "daemon-reload")
    # What did not run first: it may hold the ports.
    for name, (at_boot, running) in sorted(before.units.items(), key=lambda item: item[1][1]):
        if not _known(effects, name):
            continue
        effects.order("systemctl", "enable" if at_boot else "disable", name)
        effects.order("systemctl", "start" if running else "stop", name)
    for name, (policy, _running) in before.containers.items():
        effects.order("docker", "update", f"--restart={policy or 'no'}", name)
    running_ones = [name for name, (_policy, running) in before.containers.items() if running]
    if running_ones:
        effects.order("docker", "start", *running_ones)


def changed_since(root: Path, before: Before) -> list[str]:
    """Return which of the files somebody changed after the takeover was done."""
    return [path for path, wanted in before.after.items() if digest(root / path.lstrip("/")) != wanted]


def damaged(root: Path, before: Before) -> list[str]:
    """Return the copies that are not what was kept."""
    wanted = {path: kept.sha256 for path, kept in before.files.items() if kept.sha256}
    return [path for path, sha256 in wanted.items() if digest(copy_of(root, path)) != sha256]


def restore(effects: Effects, before: Before) -> list[str]:
    """Give files and homes back what they had; returns the homes that were moved aside (nothing is deleted)."""
    for path, kept in before.files.items():
        target = effects.inside(path)
        if not kept.sha256:
            target.unlink(missing_ok=True)
        elif digest(target) != kept.sha256 or stat.S_IMODE(target.stat().st_mode) != kept.mode:
            files.replace(target, copy_of(effects.root, path).read_bytes(), kept.mode, kept.uid, kept.gid)
    for home, mode in before.homes.items():
        with contextlib.suppress(FileNotFoundError):
            seen = effects.inside(home).lstat().st_mode
            if stat.S_ISDIR(seen) and stat.S_IMODE(seen) != mode:
                effects.inside(home).chmod(mode)
    aside = []
    for home in before.made:
        source = effects.inside(home)
        if source.is_dir() and not source.is_symlink():
            target = source.with_name(f".taken-back-{int(effects.now())}-{source.name}")
            source.rename(target)
            aside.append(str(target))
    return aside
