# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One-time passwords: who of the roster needs one, and the file that keeps them readable until they are used.

The store itself is in ``password_store.py``. Nothing here returns or logs a password; they are only in the file for
root (and, by the role, in a file on the controller).
"""

from __future__ import annotations

import contextlib
import csv
import datetime
import io
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common import files, lock
from .password_store import Entry, PasswordStore, Record, StoreError, read_record

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without characters that look alike on a printed slip."""
GROUPS, GROUP_LENGTH = 4, 4
"""16 characters of 31: 79 bits, so that even a cheap hash cannot be searched."""
COLUMNS = ("name", "full_name", "password", "made")

LOCK_SECONDS = 60.0

Hash = Callable[[str], str]


@dataclass(frozen=True)
class Line:
    """One line of the file of one-time passwords."""

    name: str
    full_name: str
    password: str
    made: str


@dataclass(frozen=True)
class Paths:
    """Where things are on the host."""

    store: Path
    record: Path
    one_time: Path


@dataclass(frozen=True)
class Plan:
    """What has to be done: who gets a one-time password (``seed``, ``reset``), who goes, whose line goes (``used``)."""

    create: bool
    seed: tuple[str, ...]
    reset: tuple[str, ...]
    remove: tuple[str, ...]
    used: tuple[str, ...]
    record: bool

    def actions(self) -> list[dict[str, str]]:
        """Return the plan as data, without any password."""
        return [
            *([{"what": "create", "name": "store"}] if self.create else []),
            *({"what": "seed", "name": name} for name in self.seed),
            *({"what": "reset", "name": name} for name in self.reset),
            *({"what": "remove", "name": name} for name in self.remove),
            *({"what": "forget", "name": name} for name in self.used),
            *([{"what": "record", "name": "store"}] if self.record else []),
        ]


def make_password() -> str:
    """Return a random one-time password such as ``k3vd-9xqa-...``."""
    groups = ("".join(secrets.choice(ALPHABET) for _letter in range(GROUP_LENGTH)) for _group in range(GROUPS))
    return "-".join(groups)


def read_lines(path: Path) -> list[Line]:
    """Return the lines of the file of one-time passwords; none when it is missing."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return parse_lines(text)


def parse_lines(text: str) -> list[Line]:
    """Return the lines of the content of a file of one-time passwords."""
    return [Line(**{key: row.get(key) or "" for key in COLUMNS}) for row in csv.DictReader(io.StringIO(text))]


def render_lines(lines: list[Line]) -> str:
    """Return the content of the file of one-time passwords."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((line.name, line.full_name, line.password, line.made) for line in lines)
    return buffer.getvalue()


def problems(roster: Mapping[str, Any], reset: list[str]) -> list[str]:
    """Return what is wrong with a request to reset passwords."""
    people = roster["users"]
    found = []
    for index, name in enumerate(reset):
        if name not in people:
            found.append(f"reset[{index}]: nobody in the roster has the login name {name!r}")
        elif people[name].get("state", "present") != "present":
            found.append(f"reset[{index}]: the account {name!r} is {people[name]['state']}; it cannot get a password")
        elif "room" in people[name]:
            found.append(f"reset[{index}]: {name!r} is a room, into which nobody logs in; reset a person's password")
    return found


def compare(
    roster: Mapping[str, Any],
    entries: Mapping[str, Entry] | None,
    lines: list[Line],
    *,
    reset: list[str],
    found: Record | None,
    recorded: Record | None,
) -> Plan:
    """Return what has to be done. ``entries`` is None without a store. Locked people keep their password.

    ``found`` is the record that fits the store as it is, ``recorded`` the one on the disk.
    """
    people = {name: person for name, person in roster["users"].items() if "room" not in person}
    kept = {name for name, person in people.items() if person.get("state", "present") != "absent"}
    wanted = {name for name, person in people.items() if person.get("state", "present") == "present"}
    present = entries or {}
    known_lines = {line.name for line in lines}
    seed = sorted(wanted - set(present))
    again = sorted(set(reset) - set(seed))
    remove = sorted(set(present) - kept)
    used = sorted(
        name for name in known_lines - set(again) - set(seed) if name not in present or not present[name].one_time
    )
    changes = bool(seed or remove or entries is None)
    return Plan(entries is None, tuple(seed), tuple(again), tuple(remove), tuple(used), changes or found != recorded)


def only(plan: Plan, names: list[str]) -> Plan:
    """Return what of a plan concerns the passwords of some people; what else is due stays so."""
    seed = tuple(name for name in plan.seed if name in names)
    reset = tuple(name for name in plan.reset if name in names)
    return Plan(False, seed, reset, (), (), bool(seed))


def check(paths: Paths) -> tuple[dict[str, Entry] | None, Record | None, Record | None]:
    """Read the store; raises StoreError when it is not the recorded one or has lost entries."""
    recorded = read_record(paths.record)
    if not paths.store.exists():
        if recorded is not None:
            raise StoreError(
                f"{paths.store}: the password store is gone ({recorded.added} accounts are recorded in {paths.record});"
                " restore it from the backup, or remove the record to give everybody a new one-time password"
            )
        return None, None, None
    store = PasswordStore(paths.store)
    found = store.record()
    if recorded is not None:
        store.check(recorded)
    return store.entries(), found, recorded


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other changes of the file of one-time passwords out: a line written a moment before its hash looks used.

    Raises StoreError when another change takes longer than a minute.
    """
    guard = path.with_name(f".{path.name}.lock")
    with lock.opened(guard) as descriptor:
        if not lock.acquire(descriptor, LOCK_SECONDS):
            raise StoreError(f"{path}: another change of it has held {guard} for {LOCK_SECONDS:.0f} s; try again")
        yield


def apply(
    plan: Plan, roster: Mapping[str, Any], paths: Paths, *, owner: int, digest: Hash, now: datetime.datetime
) -> None:
    """Carry out a plan: first the file for root, then the store, then the record, so that no password is ever lost."""
    stamp = now.astimezone(datetime.UTC).isoformat(timespec="seconds")
    store = PasswordStore(paths.store)
    if plan.create:
        store.create(owner, owner)
    fresh = {name: make_password() for name in (*plan.seed, *plan.reset)}
    gone = {*plan.used, *plan.remove, *fresh}
    with alone(paths.one_time):
        before = read_lines(paths.one_time)
        lines = [line for line in before if line.name not in gone]
        lines += [
            Line(name, roster["users"][name].get("full_name") or "", fresh[name], stamp) for name in sorted(fresh)
        ]
        if lines != before or not paths.one_time.exists():
            files.replace(paths.one_time, render_lines(lines).encode(), 0o600)
        if fresh or plan.remove:
            store.apply({name: digest(password) for name, password in fresh.items()}, list(plan.remove), stamp)
    if plan.record:
        files.replace(paths.record, store.record().text().encode(), 0o644)


def prune(paths: Paths) -> list[str]:
    """Take the lines of passwords that were used out of the file for root; returns their names."""
    if not paths.one_time.exists() or not paths.store.exists():
        return []
    with alone(paths.one_time):
        lines = read_lines(paths.one_time)
        entries = PasswordStore(paths.store).entries() if lines else {}
        # A name that is missing in the store was not used: the store may have lost it, and the hub is shut then.
        kept = [line for line in lines if line.name not in entries or entries[line.name].one_time]
        if len(kept) == len(lines):
            return []
        files.replace(paths.one_time, render_lines(kept).encode(), 0o600)
        return sorted({line.name for line in lines} - {line.name for line in kept})
