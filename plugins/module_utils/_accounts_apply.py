# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""Doing on a host what the plan says, in an order in which a run that dies is finished by the next one."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import _accounts_archive, _accounts_ids, _accounts_register, _accounts_roster, _accounts_stop, _accounts_store
from ._accounts_folders import Folders
from ._accounts_homes import Homes, Skeleton
from ._accounts_ids import Found, Ids
from ._accounts_model import Desired
from ._accounts_plan import Host, Person, Plan, make_plan
from ._accounts_register import Register
from ._accounts_tables import Tables

REGISTER = "etc/labserver/accounts/register.json"
RUN_LOCK = "run/lock/labserver-accounts"
PUBLIC = "etc/labserver/public"
LOCAL = "this host"


def stop_people(people: list[Person]) -> list[str]:
    """End containers and processes of people; returns what went wrong."""
    problems = _accounts_stop.stop_containers(person.user.name for person in people)
    return problems + _accounts_stop.stop_processes(person.uid for person in people)


def forget_caches() -> None:
    """Tell the name service caches, where a host has them, that the account files changed."""
    for command in (["nscd", "-i", "passwd"], ["nscd", "-i", "group"], ["sss_cache", "-U", "-G"]):
        if shutil.which(command[0]):
            subprocess.run(command, check=False, capture_output=True)


@dataclass(frozen=True)
class World:
    """What the code touches: a root folder, the clock, and the ways to end processes and tell caches."""

    root: Path
    homes: Homes
    folders: Folders
    now: Callable[[], datetime] = lambda: datetime.now(tz=UTC)
    stop: Callable[[list[Person]], list[str]] = stop_people
    forget_caches: Callable[[], None] = forget_caches
    lock_timeout_seconds: float = 60  # for the locks of the account files, which others hold for moments only
    run_timeout_seconds: float = 600  # for another run of this, which may be archiving homes

    @classmethod
    def real(cls) -> World:
        """Return the host itself."""
        return cls(Path("/"), Homes(Path("/")), Folders(Path("/")))


class RefusedError(Exception):
    """Nothing was touched; ``problems`` say why."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass
class Result:
    """What was planned and what of it failed. ``files`` holds changed files: path -> (before, after)."""

    plan: Plan
    ids: Ids
    files: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.plan.actions or self.files)


def found(root: Path) -> Found:
    """Return the ids that a host has now; raises StoreError, ValueError."""
    tables = Tables.parse(_accounts_store.read_tables(root))
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
        return _accounts_register.load(path.read_bytes())
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


def run(desired: Desired, ids: Ids | None, world: World, check: bool = False) -> Result:
    """Bring a host to what is desired, or in check mode only say what that would be.

    ``ids`` are those given for the whole inventory; without them the host decides by its own records. Raises
    RefusedError when something speaks against it (nothing was touched), StoreError when the account files cannot be
    read or locked. What fails later, person by person, stands in the result's ``failures``; all else is done.
    """
    if check:
        result, _register = _planned(desired, ids, world)
        result.files.update(_account_files(result.plan))
        result.files.update(_public_files(result.plan, world))
        return result
    with _accounts_store.one_at_a_time(world.root / RUN_LOCK, world.run_timeout_seconds):
        return _run(desired, ids, world)


def _run(desired: Desired, ids: Ids | None, world: World) -> Result:
    with _accounts_store.locked(world.root, world.lock_timeout_seconds):
        result, old = _planned(desired, ids, world)
        plan = result.plan
        _write_register(world.root, _reserved(plan, old))
        result.files.update(_account_files(plan))
        _accounts_store.write_tables(world.root, plan.tables.changed(), plan.tables.before)
    if result.files:
        world.forget_caches()
    public = _public_files(plan, world)
    result.files.update(public)
    _write_public(world.root, public)  # first of all the hub learns who has no access any more
    _homes(plan, old, desired, world, result)
    _offboard(plan, old, desired, world, result)
    _write_register(world.root, plan.register)
    return result


def _planned(desired: Desired, ids: Ids | None, world: World) -> tuple[Result, Register]:
    register = read_register(world.root)
    tables = Tables.parse(_accounts_store.read_tables(world.root))
    host_found = _found(tables, register)
    numbers, problems = _accounts_ids.allocate({LOCAL: (desired, host_found)}, ids or Ids(), "the numbers handed in")
    if problems:
        raise RefusedError(problems)
    host = Host(tables, register, world.homes.look, world.folders.look, sub_ids(world.root))
    plan = make_plan(desired, numbers, host, world.now().astimezone().date())
    if plan.problems:
        raise RefusedError(plan.problems)
    return Result(plan, numbers), register


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
    _accounts_store.replace_file(path, content, 0o600)
    _accounts_store.sync_folder(path.parent)


def _public_files(plan: Plan, world: World) -> dict[str, tuple[bytes, bytes]]:
    people = list(plan.people.values())
    wanted = {
        "roster.json": _accounts_roster.roster(people, plan.groups),
        "passwd": _accounts_roster.public_passwd(people),
        "group": _accounts_roster.public_group(people, plan.groups),
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
            _accounts_store.replace_file(folder / name, files[f"/{PUBLIC}/{name}"][1], 0o644)


def _homes(plan: Plan, old: Register, desired: Desired, world: World, result: Result) -> None:
    skeleton = Skeleton.read(world.homes.inside(desired.settings.skeleton_folder)) if plan.make_home else Skeleton()
    for login in plan.make_home:
        person = plan.people[login]
        with _noting(result, f"home of {person.system_name}"):
            world.homes.create(person.home, skeleton, person.uid, person.gid)
    for login in plan.close_home:
        with _noting(result, f"home of {login}"):
            world.homes.close(plan.people[login].home)
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


def _offboard(plan: Plan, old: Register, desired: Desired, world: World, result: Result) -> None:
    stopped = [plan.people[login] for login in plan.stop]
    problems = world.stop(stopped) if stopped else []
    result.failures += problems
    removed: list[str] = []
    for login in dict.fromkeys((*plan.archive, *plan.remove)):
        before = old.users.get(login)
        try:
            archive = _archive(plan, login, desired, world)
            plan.register = plan.register.with_user(login, archive=archive)
            if login in plan.remove:
                home = world.homes.inside(plan.people[login].home)
                if home.exists():
                    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
                    _accounts_archive.remove_home(home, mounts)
                removed.append(login)
        except (OSError, _accounts_archive.ArchiveError) as error:
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
        kept = _accounts_archive.Archive(folder / record.archive)
        if _accounts_archive.verify(kept, home) is None:
            return record.archive
    facts = {
        "user": login,
        "system_name": person.system_name,
        "uid": person.uid,
        "gid": person.gid,
        "full_name": person.full_name,
    }
    return _accounts_archive.make(home, folder, person.system_name, world.now(), facts).path.name


def _remove_accounts(plan: Plan, logins: Iterable[str], world: World) -> None:
    """Take accounts out of the account files, under the locks, from files read anew."""
    with _accounts_store.locked(world.root, world.lock_timeout_seconds):
        tables = Tables.parse(_accounts_store.read_tables(world.root))
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
        _accounts_store.write_tables(world.root, tables.changed(), tables.before)
    world.forget_caches()


def summary(result: Result) -> dict[str, Any]:
    """Return the part of a module's result that is data: actions, users and groups."""
    return {
        "actions": [{"what": a.what, "name": a.name, "detail": a.detail} for a in result.plan.actions],
        "users": {
            person.user.name: {
                "system_name": person.system_name,
                "uid": person.uid,
                "gid": person.gid,
                "state": person.state,
            }
            for person in result.plan.people.values()
        },
        "notices": result.plan.notices,
        "groups": {name: {"gid": gid} for name, gid in sorted(result.plan.groups.items())},
    }


def diff(result: Result) -> list[dict[str, str]]:
    """Return the changed lines of each changed file that anybody may read; of the secret ones only that they change."""
    parts: list[dict[str, str]] = []
    for path, (before, after) in sorted(result.files.items()):
        if path in ("/etc/shadow", "/etc/gshadow"):
            continue
        old = before.decode("utf-8", "replace").splitlines(keepends=True)
        new = after.decode("utf-8", "replace").splitlines(keepends=True)
        old_set, new_set = set(old), set(new)
        parts.append(
            {
                "before_header": path,
                "after_header": path,
                "before": "".join(line for line in old if line not in new_set),
                "after": "".join(line for line in new if line not in old_set),
            }
        )
    return parts
