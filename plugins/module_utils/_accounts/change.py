# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one person's state comes to: the lines of the account, the record, and the tasks. Nothing here has an effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from .homes import Seen
from .people import Person
from .records import Record
from .settings import Settings
from .tables import Tables

EPOCH = date(1970, 1, 1)
LOCKED_SINCE_EVER = "1"  # shadow's expiry field: the second day of 1970, as `usermod --expiredate 1` writes it


@dataclass(frozen=True)
class Action:
    """One thing to do, for people to read: ``what`` is done with ``name``, and the detail."""

    what: str
    name: str
    detail: str = ""


class Task(StrEnum):
    """What is to be done for a person outside the account files."""

    MAKE_HOME = "make home"
    CLOSE_HOME = "close home"
    PLACE_KEYS = "place keys"
    STOP = "stop"
    ARCHIVE = "archive"
    REMOVE = "remove"
    LEAVE_HOME = "leave home"  # it is not the person's own: neither archived nor removed


@dataclass(frozen=True)
class Change:
    """The lines of passwd and shadow as they shall be, the record, and what is to be done."""

    passwd: tuple[str, ...]
    shadow: tuple[str, ...]
    record: Record
    actions: tuple[Action, ...] = ()
    tasks: tuple[Task, ...] = ()
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def change(
    person: Person, old: Record | None, tables: Tables, home: Seen | None, settings: Settings, today: date
) -> Change:
    """Compare a person with the account and the home there is. ``old`` is the record of the last run, if any."""
    name = person.system_name
    passwd, actions = _passwd(person, tables)
    entry = tables.shadow.get(name)
    shadow = tuple(entry) if entry else (name, "!", days(today), "0", "99999", "7", "", "", "")
    start = Change(passwd, shadow, _record(person, old), actions)
    known = name in tables.passwd
    if person.state == "present":
        return _present(start, person, old, known, home)
    return _leaving(start, person, known, home, settings, lambda seen: not_their_own(person, seen, tables))


def days(day: date) -> str:
    """Return a date in the form of the shadow file: days since 1970."""
    return str((day - EPOCH).days)


def not_their_own(person: Person, home: Seen, tables: Tables) -> str | None:
    """Return why a folder is not somebody's own home, as adopted accounts may have it (``/``, ``/srv``), or None."""
    if home.link:
        return f"is a symbolic link to {home.link}"
    if not home.is_folder:
        return "is not a folder"
    if home.uid != person.uid:
        return f"belongs to uid {home.uid}"
    if person.home.strip("/").count("/") < 1:
        return "is a folder of the system"
    for entry in tables.passwd.entries():
        if entry[0] != person.system_name and f"{entry[5]}/".startswith(f"{person.home}/"):
            return f"is also that of {entry[0]} or holds it"
    return None


def _passwd(person: Person, tables: Tables) -> tuple[tuple[str, ...], tuple[Action, ...]]:
    name = person.system_name
    entry = tables.passwd.get(name)
    if entry is None:
        new = (name, "x", str(person.uid), str(person.gid), person.full_name, person.home, person.shell)
        return new, (Action("create user", name, f"uid {person.uid}"),)
    line, actions = list(entry), []
    if entry[4].rstrip(",") != person.full_name:
        actions.append(Action("change user", name, f'full name "{person.full_name}"'))
        line[4] = person.full_name
    if entry[6] != person.shell:
        actions.append(Action("change user", name, f"shell {person.shell}"))
        line[6] = person.shell
    return tuple(line), tuple(actions)


def _record(person: Person, old: Record | None) -> Record:
    record = old or Record(person.system_name, person.uid, person.gid, person.home)
    return replace(
        record,
        system_name=person.system_name,
        uid=person.uid,
        gid=person.gid,
        home=person.home,
        full_name=person.full_name,
        shell=person.shell,
        account=True,
    )


def _present(start: Change, person: Person, old: Record | None, known: bool, home: Seen | None) -> Change:
    name, record = person.system_name, start.record
    actions, shadow = list(start.actions), list(start.shadow)
    if known and old is None:
        actions.append(Action("adopt user", name, f"uid {person.uid}, home {person.home}"))
    if record.locked and len(shadow[1]) > 1 and shadow[1].startswith("!"):
        shadow[1] = shadow[1][1:]
    # A date here stops logins on the host even when the daily job does not run. One set by hand is left alone.
    expire = days(person.user.expires + timedelta(days=1)) if person.user.expires else ""
    if expire or shadow[7] == record.shadow_expire:
        shadow[7] = expire
    if known and (record.locked or record.state in ("locked", "absent")):
        actions.append(Action("unlock user", name))
    elif shadow[7] != start.shadow[7] and known:
        actions.append(Action("change user", name, f"expires {person.user.expires or 'never'}"))
    record = replace(record, state="present", locked=False, shadow_expire=expire, archive=None)
    result = _home(replace(start, shadow=tuple(shadow), record=record, actions=tuple(actions)), person, known, home)
    return _keys(result, person, home) if person.user.ssh_keys is not None or record.ssh_keys else result


def _home(start: Change, person: Person, known: bool, home: Seen | None) -> Change:
    if home is None:
        made = (Action("create home", person.system_name, person.home),) if known else ()
        return replace(start, tasks=(*start.tasks, Task.MAKE_HOME), actions=(*start.actions, *made))
    if not home.is_folder or home.uid != person.uid:
        if home.link:
            what = (
                f"is a symbolic link to {home.link}; move that folder to {person.home}, or make it the home of the "
                f"account (usermod --home {home.link} {person.system_name})"
            )
        elif not home.is_folder:
            what = "is not a folder; move it away"
        else:
            what = f"belongs to uid {home.uid}, not to uid {person.uid}; move it away or give it to that uid"
        problem = f"accounts_users (name={person.user.name}): {person.home} exists but {what}"
        return replace(start, problems=(problem,))
    if home.mode & 0o007:
        closed = Action("close home to others", person.system_name, person.home)
        return replace(start, tasks=(*start.tasks, Task.CLOSE_HOME), actions=(*start.actions, closed))
    return start


def _keys(start: Change, person: Person, home: Seen | None) -> Change:
    wanted = person.user.ssh_keys or ()
    there = (home.keys if home else None) or ()
    missing = [key for key in wanted if key not in there]
    surplus = [key for key in start.record.ssh_keys if key not in wanted and key in there]
    result = replace(start, record=replace(start.record, ssh_keys=wanted))
    if not missing and not surplus:
        return result
    action = Action("change ssh keys", person.system_name, f"{len(missing)} added, {len(surplus)} removed")
    return replace(result, tasks=(*start.tasks, Task.PLACE_KEYS), actions=(*start.actions, action))


def _leaving(
    start: Change,
    person: Person,
    known: bool,
    home: Seen | None,
    settings: Settings,
    foreign: Callable[[Seen], str | None],
) -> Change:
    """Return the locking of a person and, when they are absent, the archive and the removal."""
    name, absent, record = person.system_name, person.state == "absent", start.record
    actions, tasks, notices = list(start.actions), [], []
    shadow = list(start.shadow)
    if not shadow[1].startswith("!"):
        shadow[1] = f"!{shadow[1]}"
        record = replace(record, locked=True)
    shadow[7] = LOCKED_SINCE_EVER
    locked_now = tuple(shadow) != start.shadow
    if locked_now:
        actions.append(Action("lock user", name))
    if home is None and not absent:
        tasks.append(Task.MAKE_HOME)
        if known:
            actions.append(Action("create home", name, person.home))
    reached = record.state == person.state or (record.state == "absent" and not absent)
    if not reached or locked_now:
        tasks.append(Task.STOP)
        actions.append(Action("stop processes and servers", name))
    if absent and (not reached or settings.remove_homes):
        why = None if home is None else foreign(home)
        if why:
            tasks.append(Task.LEAVE_HOME)
            notices.append(f"{person.home}, the home of {name}, {why}: it is neither archived nor removed")
        elif home is not None and not reached:
            tasks.append(Task.ARCHIVE)
            actions.append(Action("archive home", name, person.home))
        if settings.remove_homes:
            tasks.append(Task.REMOVE)
            what = "remove account" if why else "remove home and account"
            actions.append(Action(what, name, "" if why else f"{person.home}, after the archive was verified"))
    return replace(
        start,
        shadow=tuple(shadow),
        record=replace(record, state=person.state, shadow_expire=LOCKED_SINCE_EVER),
        actions=tuple(actions),
        tasks=tuple(tasks),
        notices=tuple(notices),
    )
