# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of a person's time here: what runs is stopped, the home archived, and deleted only if that was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from . import archive as accounts_archive
from . import store
from .model import Desired
from .register import Register
from .state import Plan
from .tables import Tables
from .world import Result, World


def offboard(plan: Plan, old: Register, desired: Desired, world: World, result: Result) -> None:
    stopped = [plan.people[login] for login in plan.stop]
    problems = world.stop(stopped) if stopped else []
    result.failures += problems
    for login in plan.stop if problems else ():  # the next run tries again
        reached = old.users.get(login)
        plan.register = plan.register.with_user(login, state=reached.state if reached else "")
    removed: list[str] = []
    # Where something may still write, an archive proves nothing: such a home waits for the next run, too.
    waiting = set(plan.stop) if problems else set()
    for login in dict.fromkeys((*plan.archive, *plan.remove)):
        if login in waiting:
            continue
        before = old.users.get(login)
        try:
            if login not in plan.leave_home:
                archive = _archive(plan, login, desired, world)
                plan.register = plan.register.with_user(login, archive=archive)
            if login in plan.remove and login not in plan.leave_home:
                home = world.homes.inside(plan.people[login].home)
                if home.exists():
                    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
                    accounts_archive.remove_home(home, mounts)
            if login in plan.remove:
                removed.append(login)
        except (OSError, accounts_archive.ArchiveError) as error:
            result.failures.append(f"{plan.people[login].system_name}: {error}")
            plan.register = plan.register.with_user(login, state=before.state if before else "")
    if removed:
        _remove_accounts(plan, removed, world)


def _archive(plan: Plan, login: str, desired: Desired, world: World) -> str | None:
    """Return the name of an archive that holds the person's home as it is now, made anew where needed."""
    person, record = plan.people[login], plan.register.users[login]
    home = world.homes.inside(person.home)
    if not home.is_dir():
        return record.archive
    folder = world.homes.inside(desired.settings.archive_folder)
    if login not in plan.archive and record.archive:
        kept = accounts_archive.Archive(folder / record.archive)
        if accounts_archive.verify(kept, home) is None:
            return record.archive
    facts = {
        "user": login,
        "system_name": person.system_name,
        "uid": person.uid,
        "gid": person.gid,
        "full_name": person.full_name,
    }
    return accounts_archive.make(home, folder, person.system_name, world.now(), facts).path.name


def _remove_accounts(plan: Plan, logins: Iterable[str], world: World) -> None:
    """Take accounts out of the account files, under the locks, from files read anew."""
    with store.locked(world.root, world.lock_timeout_seconds):
        tables = Tables.parse(store.read_tables(world.root))
        for login in logins:
            name = plan.people[login].system_name
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
            plan.register = plan.register.with_user(login, account=False)
        store.write_tables(world.root, tables.changed(), tables.before)
    world.forget_caches()
