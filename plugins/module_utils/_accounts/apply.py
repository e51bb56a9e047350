# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Doing on a host what the plan says, in an order in which a run that dies is finished by the next one."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import ids as accounts_ids
from . import quota, roster, store
from . import register as accounts_register
from . import wanted as accounts_wanted
from .homes import Skeleton
from .ids import Found, Ids
from .model import Desired
from .offboard import offboard
from .plan import make_plan
from .register import Register
from .state import Host, Plan
from .tables import Tables
from .world import LOCAL, PUBLIC, REGISTER, RUN_LOCK, RefusedError, Result, World


def found(root: Path) -> Found:
    """Return the ids that a host has now; raises StoreError, ValueError."""
    tables = Tables.parse(store.read_tables(root))
    return _found(tables, read_register(root))


def _found(tables: Tables, register: Register) -> Found:
    return Found(
        accounts={entry[0]: (int(entry[2]), int(entry[3])) for entry in tables.passwd.entries() if entry[2].isdigit()},
        groups={entry[0]: int(entry[2]) for entry in tables.group.entries() if entry[2].isdigit()},
        recorded_users={name: record.uid for name, record in register.users.items()},
        recorded_groups=dict(register.groups),
    )


def read_register(root: Path) -> Register:
    """Return the host's register; raises ValueError when it is damaged."""
    path = root / REGISTER
    try:
        return accounts_register.load(path.read_bytes())
    except FileNotFoundError:
        return Register()
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error


def sub_ids(root: Path) -> tuple[int, int, int]:
    """Return SUB_UID_MIN, SUB_UID_MAX and SUB_UID_COUNT of login.defs."""
    values = {"SUB_UID_MIN": 100000, "SUB_UID_MAX": 600100000, "SUB_UID_COUNT": 65536}
    with contextlib.suppress(OSError):
        text = (root / "etc/login.defs").read_text(errors="replace")
        for key, value in re.findall(r"^(SUB_UID_\w+)\s+(\d+)", text, re.MULTILINE):
            values[key] = int(value)
    return values["SUB_UID_MIN"], values["SUB_UID_MAX"], values["SUB_UID_COUNT"]


def run(
    desired: Desired,
    ids: Ids | None,
    world: World,
    *,
    check: bool = False,
    only: frozenset[str] | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> Result:
    """Bring a host to what is desired, or in check mode only say what that would be.

    ``ids`` are those given for the whole inventory; without them the host decides by its own records. With ``only``,
    nothing is done but for these people, who leave. ``inputs`` are kept on the host for the daily job. Raises
    RefusedError when something speaks against it (nothing was touched), StoreError when the account files cannot be
    read or locked. What fails later, person by person, stands in the result's ``failures``; all else is done.
    """
    if check:
        result, _register = _planned(desired, ids, world, only)
        result.files.update(_account_files(result.plan))
        result.files.update(_public_files(result.plan, desired, world))
        result.files.update(_wanted_file(inputs, result.ids, world))
        return result
    with store.one_at_a_time(world.root / RUN_LOCK, world.run_timeout_seconds):
        result = _run(desired, ids, world, only)
        wanted = _wanted_file(inputs, result.ids, world)
        for _before, after in wanted.values():
            accounts_wanted.write(world.root, after)
        result.files.update(wanted)
        return result


def _run(desired: Desired, ids: Ids | None, world: World, only: frozenset[str] | None) -> Result:
    with store.locked(world.root, world.lock_timeout_seconds):
        result, old = _planned(desired, ids, world, only)
        plan = result.plan
        _write_register(world.root, _reserved(plan, old))
        result.files.update(_account_files(plan))
        store.write_tables(world.root, plan.tables.changed(), plan.tables.before)
    if result.files:
        world.forget_caches()
    public = _public_files(plan, desired, world)
    result.files.update(public)
    _write_public(world.root, public)  # first of all the hub learns who has no access any more
    _homes(plan, old, desired, world, result)
    offboard(plan, old, desired, world, result)
    _write_register(world.root, plan.register)
    return result


def _planned(desired: Desired, ids: Ids | None, world: World, only: frozenset[str] | None) -> tuple[Result, Register]:
    register = read_register(world.root)
    tables = Tables.parse(store.read_tables(world.root))
    host_found = _found(tables, register)
    # Trouble with other people must not keep somebody's access alive.
    concerned = desired if only is None else replace(desired, users=tuple(u for u in desired.users if u.name in only))
    numbers, problems = accounts_ids.allocate({LOCAL: (concerned, host_found)}, ids or Ids(), "the numbers handed in")
    if problems:
        raise RefusedError(problems)
    quotas = world.quotas or quota.find(desired.settings.home_folder)
    host = Host(tables, register, world.homes.look, world.folders.look, quotas, sub_ids(world.root))
    plan = make_plan(desired, numbers, host, world.now().astimezone().date(), only)
    if plan.problems:
        raise RefusedError(plan.problems)
    return Result(plan, numbers), register


def _wanted_file(inputs: Mapping[str, Any] | None, ids: Ids, world: World) -> dict[str, tuple[bytes, bytes]]:
    if inputs is None:
        return {}
    before, after = accounts_wanted.read(world.root), accounts_wanted.dump(inputs, ids)
    return {} if before == after else {f"/{accounts_wanted.FILE}": (before, after)}


def _account_files(plan: Plan) -> dict[str, tuple[bytes, bytes]]:
    return {f"/etc/{name}": (plan.tables.before[name], content) for name, content in plan.tables.changed().items()}


def _reserved(plan: Plan, old: Register) -> Register:
    """Return the new register with the states that were reached so far: the others are written when they are."""
    users = dict(plan.register.users)
    for login in {*plan.stop, *plan.archive, *plan.remove, *plan.place_keys}:
        before = old.users.get(login)
        users[login] = replace(
            users[login],
            state=before.state if before else "",
            ssh_keys=tuple(dict.fromkeys((*(before.ssh_keys if before else ()), *users[login].ssh_keys))),
        )
    return Register(users, plan.register.groups)


def _write_register(root: Path, register: Register) -> None:
    path, content = root / REGISTER, register.dump()
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == content:
            return
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    store.replace_file(path, content, 0o600)
    store.sync_folder(path.parent)


def _public_files(plan: Plan, desired: Desired, world: World) -> dict[str, tuple[bytes, bytes]]:
    people = list(plan.people.values())
    wanted = {
        "roster.json": roster.roster(people, plan.groups, desired.settings.expiry_notice_days),
        "passwd": roster.public_passwd(people),
        "group": roster.public_group(people, plan.groups),
    }
    files: dict[str, tuple[bytes, bytes]] = {}
    for name, content in wanted.items():
        path = world.root / PUBLIC / name
        before = path.read_bytes() if path.exists() else b""
        if before != content:
            files[f"/{PUBLIC}/{name}"] = (before, content)
    return files


def _write_public(root: Path, files: dict[str, tuple[bytes, bytes]]) -> None:
    folder = root / PUBLIC
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    for name in ("group", "passwd", "roster.json"):  # the roster last: whoever reads it finds the names of its ids
        if f"/{PUBLIC}/{name}" in files:
            store.replace_file(folder / name, files[f"/{PUBLIC}/{name}"][1], 0o644)


def _homes(plan: Plan, old: Register, desired: Desired, world: World, result: Result) -> None:
    skeleton = Skeleton.read(world.homes.inside(desired.settings.skeleton_folder)) if plan.make_home else Skeleton()
    for login in plan.make_home:
        person = plan.people[login]
        with _noting(result, f"home of {person.system_name}"):
            world.homes.create(person.home, skeleton, person.uid, person.gid)
    for login in plan.close_home:
        with _noting(result, f"home of {login}"):
            world.homes.close(plan.people[login].home)
    for login, limit in plan.set_quota:
        with _noting(result, f"quota of {login}"):
            (world.quotas or quota.find(desired.settings.home_folder)).set(plan.people[login].uid, limit)
    for folder in plan.make_folder:
        with _noting(result, f"folder {folder.path}"):
            world.folders.make(folder, plan.groups[folder.group])
    for login in plan.place_keys:
        person, record = plan.people[login], plan.register.users[login]
        known = old.users.get(login)
        before = known.ssh_keys if known else ()
        try:
            world.homes.place_keys(person.home, record.ssh_keys, before, person.uid, person.gid)
        except OSError as error:
            result.failures.append(f"ssh keys of {person.system_name}: {error.strerror or error}")
            plan.register = plan.register.with_user(login, ssh_keys=tuple({*before, *record.ssh_keys}))


@contextlib.contextmanager
def _noting(result: Result, what: str) -> Any:
    """Note a failure with one person and go on with the others."""
    try:
        yield
    except OSError as error:
        result.failures.append(f"{what}: {error.strerror or error}{f' ({error.filename})' if error.filename else ''}")
