# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of a person's time here: what runs is stopped, the home archived, and deleted only if that was asked for."""

from __future__ import annotations

from collections.abc import Iterable

from . import archive, store
from .archive import Archive, ArchiveError
from .change import Task
from .model import Desired
from .records import Register
from .tables import Tables
from .world import Outcome, World


def offboard(old: Register, desired: Desired, world: World, outcome: Outcome) -> None:
    """Do for those who leave what the plan says; what fails for one person stands in the outcome's failures.

    ``old`` is the register before the run: whoever did not leave completely is there again in the next one.
    """
    plan = outcome.plan
    leaving, left_alone = plan.logins(Task.STOP), plan.logins(Task.LEAVE_HOME)
    problems = world.stop([plan.people[login] for login in leaving]) if leaving else []
    outcome.failures += problems
    # Where something may still write, an archive proves nothing: such a home waits for the next run.
    waiting = leaving if problems else ()
    for login in waiting:
        outcome.note(login, state=_state(old, login))
    removed: list[str] = []
    for login in plan.logins(Task.ARCHIVE, Task.REMOVE):
        if login in waiting:
            continue
        try:
            if login not in left_alone:
                outcome.note(login, archive=_archive(outcome, login, desired, world))
            if login in plan.logins(Task.REMOVE):
                if login not in left_alone:
                    _remove_home(plan.people[login].home, world)
                removed.append(login)
        except (OSError, ArchiveError) as error:
            outcome.failures.append(f"{plan.people[login].system_name}: {error}")
            outcome.note(login, state=_state(old, login))
    if removed:
        _remove_accounts(outcome, removed, world)


def _state(old: Register, login: str) -> str:
    return old.users[login].state if login in old.users else ""


def _remove_home(path: str, world: World) -> None:
    home = world.homes.inside(path)
    if home.exists():
        archive.refuse_mounts(path, world.folders.mounted())
        archive.remove_home(home)


def _archive(outcome: Outcome, login: str, desired: Desired, world: World) -> str | None:
    """Return the name of an archive that holds the person's home as it is now, made anew where needed."""
    person, record = outcome.plan.people[login], outcome.register.users[login]
    home = world.homes.inside(person.home)
    if not home.is_dir():
        return record.archive
    folder = world.homes.inside(desired.settings.archive_folder)
    if login in outcome.plan.logins(Task.REMOVE):
        # Before the work, which would otherwise be done at every run and in vain.
        archive.refuse_mounts(person.home, world.folders.mounted())
    if record.archive:
        kept = Archive(folder / record.archive)
        if archive.verify(kept, home) is None:
            return record.archive
    facts = {
        "user": login,
        "system_name": person.system_name,
        "uid": person.uid,
        "gid": person.gid,
        "full_name": person.full_name,
    }
    return archive.make(home, folder, person.system_name, world.now(), facts).path.name


def _remove_accounts(outcome: Outcome, logins: Iterable[str], world: World) -> None:
    """Take accounts out of the account files, under the locks, from files read anew."""
    with store.locked(world.root, world.lock_timeout_seconds):
        tables = Tables.parse(store.read_tables(world.root))
        for login in logins:
            name = outcome.plan.people[login].system_name
            for key in ("subuid", "subgid", "shadow", "passwd"):
                if key in tables.known:
                    tables.known[key].remove(name)
            own = tables.group.get(name)
            if own is not None and not own[3]:
                tables.group.remove(name)
                if tables.gshadow is not None:
                    tables.gshadow.remove(name)
            for key in ("group", "gshadow"):
                table = tables.known.get(key)
                for entry in list(table.entries()) if table is not None else ():
                    members = [member for member in entry[3].split(",") if member and member != name]
                    if table is not None and ",".join(members) != entry[3]:
                        table.set(entry[0], [*entry[:3], ",".join(members)])
            outcome.note(login, account=False)
        store.write_tables(world.root, tables.changed())
    world.forget_caches()
