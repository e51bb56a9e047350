# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Doing on a host what the plan says, in an order in which a run that dies is finished by the next one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .._common import files, lock
from . import current, ids, nss, output, quota, records, store
from .change import Task
from .current import Current
from .homes import Skeleton
from .ids import Ids
from .model import Desired
from .offboard import offboard
from .people import people
from .plan import Plan, compare
from .records import Register
from .store import StoreError
from .tables import Tables
from .world import Outcome, RefusedError, World

LOCK = "accounts"
PUBLIC = "etc/labserver/public"
LOCAL = "this host"


def converge(
    desired: Desired,
    numbers: Ids | None,
    world: World,
    *,
    check: bool = False,
    only: frozenset[str] | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> Outcome:
    """Bring a host to what is desired, or in check mode only say what that would be.

    ``numbers`` are those given for the whole inventory; without them the host decides by its own records. With
    ``only``, nothing is done but for these people, who leave. ``inputs`` are kept on the host for the daily job. Raises
    RefusedError when something speaks against it (nothing was touched), StoreError when the account files cannot be
    read or locked. What fails later, person by person, stands in the outcome's ``failures``; all else is done.
    """
    if check:
        outcome = _planned(desired, numbers, world, only)
        outcome.files.update(_account_files(outcome.plan))
        outcome.files.update(_public_files(outcome.plan, desired, world))
        outcome.files.update(_wanted_file(inputs, outcome.ids, world))
        return outcome
    try:
        with lock.hold(world.root, LOCK, world.run_timeout_seconds):
            outcome = _planned_and_done(desired, numbers, world, only)
            wanted = _wanted_file(inputs, outcome.ids, world)
            for _before, after in wanted.values():
                records.write_wanted(world.root, after)
            outcome.files.update(wanted)
            return outcome
    except lock.BusyError:
        raise StoreError("another run changes the accounts of this host; run again later") from None


def _planned_and_done(desired: Desired, numbers: Ids | None, world: World, only: frozenset[str] | None) -> Outcome:
    with store.locked(world.root, world.lock_timeout_seconds):
        outcome = _planned(desired, numbers, world, only)
        plan, old = outcome.plan, outcome.register
        outcome.register = plan.register
        records.write_register(world.root, _reserved(plan, old))
        outcome.files.update(_account_files(plan))
        store.write_tables(world.root, plan.files)
    if outcome.files:
        world.forget_caches()
    public = _public_files(plan, desired, world)
    outcome.files.update(public)
    _write_public(world.root, public)  # first of all the hub learns who has no access any more
    _homes(old, desired, world, outcome)
    offboard(old, desired, world, outcome)
    records.write_register(world.root, outcome.register)
    return outcome


def _planned(desired: Desired, numbers: Ids | None, world: World, only: frozenset[str] | None) -> Outcome:
    """Read, compare, and return the plan beside the register as it is; raises RefusedError."""
    account_files = store.read_tables(world.root)
    register, tables = records.read_register(world.root), Tables.parse(account_files)
    # Trouble with other people must not keep somebody's access alive.
    concerned = desired if only is None else replace(desired, users=tuple(u for u in desired.users if u.name in only))
    service = world.name_service or nss.read(world.root)
    hosts = {LOCAL: (concerned, current.found(tables, register, service, concerned, numbers or Ids()))}
    numbers, problems = ids.allocate(hosts, numbers or Ids(), "the numbers handed in")
    if problems:
        raise RefusedError(problems)
    today = world.now().astimezone().date()
    everybody = tuple(people(desired, numbers, tables, register, today))
    quotas = world.quotas or quota.find(desired.settings.home_folder)
    found = Current(
        files=account_files,
        register=register,
        homes=current.look(everybody, register, world.homes, only),
        folders={folder.path: world.folders.look(folder.path) for folder in desired.folders},
        quotas=current.limits(everybody, desired, quotas),
        no_quotas=quotas.reason,
        sub_ids=current.sub_ids(world.root),
    )
    plan = compare(desired, numbers, everybody, found, today, only)
    if plan.problems:
        raise RefusedError(plan.problems)
    return Outcome(plan, numbers, register)


def _wanted_file(inputs: Mapping[str, Any] | None, numbers: Ids, world: World) -> dict[str, tuple[bytes, bytes]]:
    if inputs is None:
        return {}
    before, after = records.read_wanted(world.root), records.wanted(inputs, numbers)
    return {} if before == after else {f"/{records.WANTED}": (before, after)}


def _account_files(plan: Plan) -> dict[str, tuple[bytes, bytes]]:
    return {f"/etc/{name}": both for name, both in plan.files.items()}


def _reserved(plan: Plan, old: Register) -> Register:
    """Return the new register with the states that were reached so far: the others are written when they are."""
    users = dict(plan.register.users)
    for login in plan.logins(Task.STOP, Task.ARCHIVE, Task.REMOVE, Task.PLACE_KEYS):
        before = old.users.get(login)
        users[login] = replace(
            users[login],
            state=before.state if before else "",
            ssh_keys=tuple(dict.fromkeys((*(before.ssh_keys if before else ()), *users[login].ssh_keys))),
        )
    return Register(users, plan.register.groups)


def _public_files(plan: Plan, desired: Desired, world: World) -> dict[str, tuple[bytes, bytes]]:
    everybody, groups = list(plan.people.values()), plan.register.groups
    wanted = {
        "roster.json": output.roster(everybody, groups, desired.settings.expiry_notice_days),
        "passwd": output.public_passwd(everybody),
        "group": output.public_group(everybody, groups),
    }
    changed: dict[str, tuple[bytes, bytes]] = {}
    for name, content in wanted.items():
        path = world.root / PUBLIC / name
        before = path.read_bytes() if path.exists() else b""
        if before != content:
            changed[f"/{PUBLIC}/{name}"] = (before, content)
    return changed


def _write_public(root: Path, changed: Mapping[str, tuple[bytes, bytes]]) -> None:
    folder = root / PUBLIC
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    for name in ("group", "passwd", "roster.json"):  # the roster last: whoever reads it finds the names of its ids
        if f"/{PUBLIC}/{name}" in changed:
            files.replace(folder / name, changed[f"/{PUBLIC}/{name}"][1], 0o644)


def _homes(old: Register, desired: Desired, world: World, outcome: Outcome) -> None:
    plan = outcome.plan
    new = plan.logins(Task.MAKE_HOME)
    skeleton = Skeleton.read(world.homes.inside(desired.settings.skeleton_folder)).for_jupyter() if new else Skeleton()
    for login in new:
        person = plan.people[login]
        with _noting(outcome, f"home of {person.system_name}"):
            world.homes.create(person.home, skeleton, person.uid, person.gid)
    for login in plan.logins(Task.CLOSE_HOME):
        with _noting(outcome, f"home of {login}"):
            world.homes.close(plan.people[login].home)
    for login, limit in plan.quotas:
        with _noting(outcome, f"quota of {login}"):
            (world.quotas or quota.find(desired.settings.home_folder)).set(plan.people[login].uid, limit)
    for folder in plan.folders:
        with _noting(outcome, f"folder {folder.path}"):
            world.folders.make(folder, plan.register.groups[folder.group])
    for login in plan.logins(Task.PLACE_KEYS):
        person, record = plan.people[login], plan.register.users[login]
        before = old.users[login].ssh_keys if login in old.users else ()
        try:
            world.homes.place_keys(person.home, record.ssh_keys, before, person.uid, person.gid)
        except OSError as error:
            outcome.failures.append(f"ssh keys of {person.system_name}: {error.strerror or error}")
            outcome.note(login, ssh_keys=tuple({*before, *record.ssh_keys}))


@contextlib.contextmanager
def _noting(outcome: Outcome, what: str) -> Iterator[None]:
    """Note a failure with one person and go on with the others."""
    try:
        yield
    except OSError as error:
        outcome.failures.append(f"{what}: {error.strerror or error}{f' ({error.filename})' if error.filename else ''}")
