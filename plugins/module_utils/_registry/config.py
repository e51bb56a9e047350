# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folders, files and users of the lab's registry on its host: one plan, made and applied in one call."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .._common import files
from .caches import Caches
from .users import User, generate_password, user_files


@dataclass(frozen=True, slots=True)
class Entry:
    """What shall be at a path: a folder (``content`` is None) or a file. ``secret``: never shown in a diff."""

    path: Path
    mode: int
    uid: int = 0
    gid: int = 0
    content: str | None = None
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """One change. ``before`` and ``after`` are texts for a diff."""

    what: str
    entry: Entry
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would change, the users' files that would be written with new secrets, and the hash of what is served."""

    actions: tuple[Action, ...]
    generated: tuple[str, ...]
    config_hash: str
    entries: tuple[Entry, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Desired:
    """The registry's host side. ``files``: name -> content for the container; ``maintenance``: the job's settings;
    ``services``: what status and watch look after."""

    folder: Path
    data: Path
    uid: int
    users: tuple[User, ...]
    files: Mapping[str, str]
    maintenance: str | None = None
    rotate: frozenset[str] = frozenset()
    services: str | None = None
    caches: Caches | None = None


def compare(desired: Desired, generate: Callable[[], str] = generate_password) -> Plan:
    """Compare the host with what is wanted. Reads, and writes nothing."""
    container = desired.folder / "container"
    secrets = desired.folder / "secrets"
    users: list[User] = []
    generated: list[str] = []
    entries = [
        Entry(desired.folder, 0o755),
        Entry(container, 0o755),
        Entry(secrets, 0o700),
        Entry(desired.data, 0o750, desired.uid, desired.uid),
    ]
    for user in desired.users:
        password = user.password
        if not password:
            kept = "" if user.name in desired.rotate else (_read(secrets / user.name) or "").strip()
            password = kept or generate()
            generated += [] if kept else [user.name]
        users.append(user._replace(password=password))
        entries.append(Entry(secrets / user.name, 0o600, content=password + "\n", secret=True))
    current = {name: _read(container / name) or "" for name in ("pushers", "readers")}
    entries += [
        Entry(container / name, 0o640, 0, desired.uid, content, secret=True)
        for name, content in user_files(users, current).items()
    ]
    # Signs the state of uploads: with a fixed one, an upload goes on after the registry was started anew.
    http_secret = (_read(container / "http_secret") or "").strip() or generate()
    entries.append(Entry(container / "http_secret", 0o640, 0, desired.uid, http_secret + "\n", secret=True))
    entries += [Entry(container / name, 0o644, content=content) for name, content in sorted(desired.files.items())]
    if desired.maintenance is not None:
        entries.append(Entry(desired.folder / "maintenance.json", 0o600, content=desired.maintenance))
    if desired.services is not None:
        services = desired.folder.parent / "services.d"
        entries += [Entry(services, 0o755), Entry(services / "registry.json", 0o644, content=desired.services)]
    if desired.caches is not None:
        entries += _caches(desired.caches, desired.folder / "caches", desired.uid)
    served = "".join(f"{name}\0{content}\0" for name, content in sorted(desired.files.items()))
    actions = [action for entry in entries if (action := difference(entry)) is not None]
    actions += [
        Action("remove", Entry(path, 0, secret=True), "present", "absent")
        for path in _strangers(secrets, desired.users)
    ]
    return Plan(tuple(actions), tuple(generated), hashlib.sha256(served.encode()).hexdigest()[:12], tuple(entries))


def _caches(caches: Caches, folder: Path, uid: int) -> list[Entry]:
    """What the container of the caches needs. Its files are not for others: they may hold passwords."""
    entries = [Entry(folder, 0o755), Entry(caches.data, 0o750, uid, uid), Entry(caches.socket, 0o750, uid, uid)]
    for name, content in caches.files().items():
        secret = name != "nginx.conf"
        entries.append(Entry(folder / name, 0o640 if secret else 0o644, 0, uid if secret else 0, content, secret))
    return entries


def difference(entry: Entry) -> Action | None:
    """Return what has to happen at one path, None when it is as it shall be."""
    wanted = f"{entry.uid}:{entry.gid} {entry.mode:04o}"
    try:
        found = entry.path.lstat()
    except FileNotFoundError:
        shown = wanted if entry.content is None or entry.secret else entry.content
        return Action("create", entry, "", shown)
    if entry.content is not None:
        content = _read(entry.path)
        if content != entry.content:
            before, after = ("old secret", "new secret") if entry.secret else (content or "", entry.content)
            return Action("write", entry, before, after)
    actual = f"{found.st_uid}:{found.st_gid} {stat.S_IMODE(found.st_mode):04o}"
    return None if actual == wanted else Action("permissions", entry, actual, wanted)


def apply(plan: Plan) -> None:
    """Carry a plan out; files appear whole or not at all."""
    for action in plan.actions:
        entry = action.entry
        if action.what == "remove":
            entry.path.unlink(missing_ok=True)
        elif entry.content is None:
            entry.path.mkdir(parents=True, exist_ok=True)
            os.chown(entry.path, entry.uid, entry.gid)
            entry.path.chmod(entry.mode)
        else:
            write(entry)


def write(entry: Entry) -> None:
    """Replace a file by a new one with the right owner and mode from its first moment."""
    files.replace(entry.path, (entry.content or "").encode(), entry.mode, entry.uid, entry.gid)


def _strangers(secrets: Path, users: Sequence[User]) -> list[Path]:
    """Secrets of users that are gone."""
    names = {user.name for user in users}
    try:
        return sorted(path for path in secrets.iterdir() if path.name not in names and not path.name.startswith("."))
    except FileNotFoundError:
        return []


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
