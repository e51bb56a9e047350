# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""What has to be done on a host: desired people and groups compared with the account files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from ._accounts_folders import FolderSeen, differences
from ._accounts_ids import Ids
from ._accounts_limits import Limits, merge
from ._accounts_model import Desired, Folder, Settings, User
from ._accounts_register import Record, Register
from ._accounts_tables import Ranges, Tables

EPOCH = date(1970, 1, 1)
LOCKED_SINCE_EVER = "1"  # shadow's expiry field: the second day of 1970, as `usermod --expiredate 1` writes it


@dataclass(frozen=True)
class Action:
    """One thing to do, for people to read: ``what`` is done with ``name``, and the detail."""

    what: str
    name: str
    detail: str = ""


@dataclass(frozen=True)
class Seen:
    """A home on the host: owner, permission bits, and the keys in ``.ssh/authorized_keys`` (None: not looked at)."""

    uid: int
    gid: int
    mode: int
    keys: tuple[str, ...] | None = None
    is_folder: bool = True


@dataclass(frozen=True)
class Host:
    """A host as it is. ``look`` tells of a home (None: it is not there), with its keys when asked."""

    tables: Tables
    register: Register
    look: Callable[[str, bool], Seen | None]
    look_folder: Callable[[str], FolderSeen | None]
    sub_ids: tuple[int, int, int] = (100000, 600100000, 65536)  # SUB_UID_MIN, _MAX, _COUNT of login.defs


@dataclass(frozen=True)
class Person:
    """A person as they shall be on this host; ``state`` is the effective one (expired people are absent).

    ``account`` False: the account is gone, only the name is remembered. ``managed`` False: unlisted, to be kept as is.
    """

    user: User
    system_name: str
    uid: int
    gid: int
    home: str
    shell: str
    full_name: str
    state: str
    groups: tuple[str, ...]
    limits: Limits
    account: bool = True
    managed: bool = True


@dataclass
class Plan:
    """All that is to be done; ``tables`` and ``register`` are the new ones, lists name people by login name."""

    tables: Tables
    register: Register
    today: date = EPOCH
    records: dict[str, Record] = field(default_factory=dict)  # those of the register, while they are worked on
    people: dict[str, Person] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    make_home: list[str] = field(default_factory=list)
    close_home: list[str] = field(default_factory=list)
    place_keys: list[str] = field(default_factory=list)
    stop: list[str] = field(default_factory=list)
    archive: list[str] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    make_folder: list[Folder] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def act(self, what: str, name: str, detail: str = "") -> None:
        self.actions.append(Action(what, name, detail))


def make_plan(desired: Desired, ids: Ids, host: Host, today: date) -> Plan:
    """Compare and return the plan; its ``problems`` are what only this host can tell, and with them nothing is done."""
    plan = Plan(host.tables, host.register, today)
    groups = {group.name: ids.groups[group.name] for group in desired.groups}
    present = [name for name, record in host.register.users.items() if record.state == "present"]
    if present and not desired.users and desired.settings.unlisted == "lock":
        plan.problems.append(
            f"accounts_users: is empty, but this host has {len(present)} people, who would all be locked; is a file of "
            "the inventory missing? Give those who leave state absent, or set accounts_unlisted to keep"
        )
    plan.groups = {**host.register.groups, **groups}
    plan.records = dict(host.register.users)
    plan.register = Register(plan.records, plan.groups)
    _lab_groups(plan, groups)
    for person in _people(desired, ids, host, today):
        plan.people[person.user.name] = person
        old = host.register.users.get(person.user.name)
        if not person.account or not person.managed:
            continue
        if person.state == "present":
            _present(plan, person, old, host)
        else:
            _leaving(plan, person, old, host, desired.settings)
    _memberships(plan, desired)
    for folder in desired.folders:
        _shared_folder(plan, folder, host.look_folder(folder.path))
    return plan


def _shared_folder(plan: Plan, folder: Folder, seen: FolderSeen | None) -> None:
    if seen is not None and not seen.is_folder:
        plan.problems.append(f"accounts_shared_folders: {folder.path} exists and is no folder; move it away")
        return
    changes = differences(folder, plan.groups[folder.group], seen)
    if changes:
        plan.make_folder.append(folder)
        plan.act("share folder", folder.path, ", ".join(changes))
    if seen is not None and not seen.has_acls:
        plan.notices.append(
            f"{folder.path} is on a file system without ACLs: what members write there can be edited by others only "
            "where they work with umask 002"
        )


def _people(desired: Desired, ids: Ids, host: Host, today: date) -> Iterator[Person]:
    """Yield everybody who is listed, then those that this host remembers but the inventory does not."""
    limits = {group.name: group.limits for group in desired.groups}
    listed = {user.name for user in desired.users}
    for user in desired.users:
        entry = host.tables.passwd.get(user.system_name)
        old = host.register.users.get(user.name)
        state = "absent" if user.expires is not None and user.expires < today else user.state
        if user.name not in ids.users:
            continue  # absent, and this lab never knew them
        uid = ids.users[user.name]
        if state != "present" and entry is None:
            if old is not None:  # the account is gone already; the name stays known
                yield _remembered(user, old, state)
            elif state == "locked":
                yield _person(user, (uid, uid), desired, limits, state)
            continue
        if entry is not None:
            person = _person(user, (int(entry[2]), int(entry[3])), desired, limits, state)
            yield replace(
                person,
                home=entry[5],
                shell=user.shell or entry[6],
                full_name=user.full_name if user.full_name is not None else entry[4].rstrip(","),
            )
        else:
            own = host.tables.group.get(user.system_name)
            yield _person(user, (uid, int(own[2]) if own else uid), desired, limits, state)
    for name, old in sorted(host.register.users.items()):
        if name in listed:
            continue
        state = old.state or "present"
        if state == "present" and desired.settings.unlisted == "lock":
            state = "locked"
        entry = host.tables.passwd.get(old.system_name)
        user = User(name, old.system_name, full_name=old.full_name, state=state)
        known = _remembered(user, old, state)
        if entry is not None:
            full_name = entry[4].rstrip(",")
            known = replace(known, account=True, home=entry[5], shell=entry[6], full_name=full_name)
        if state == "present":
            groups = (group for group in host.register.groups if old.system_name in _members(host.tables, group))
            known = replace(known, managed=False, groups=tuple(groups))
        yield known


def _person(user: User, ids: tuple[int, int], desired: Desired, limits: Mapping[str, Limits], state: str) -> Person:
    settings = desired.settings
    return Person(
        user=user,
        system_name=user.system_name,
        uid=ids[0],
        gid=ids[1],
        home=f"{settings.home_folder}/{user.system_name}",
        shell=user.shell or settings.shell,
        full_name=user.full_name or "",
        state=state,
        groups=() if state == "absent" else user.groups,
        limits=Limits()
        if state == "absent"
        else merge(user.limits, (limits[group] for group in user.groups if group in limits)),
    )


def _remembered(user: User, old: Record, state: str) -> Person:
    return Person(
        user=user,
        system_name=old.system_name,
        uid=old.uid,
        gid=old.gid,
        home=old.home,
        shell=old.shell,
        full_name=user.full_name or old.full_name,
        state=state,
        groups=(),
        limits=Limits(),
        account=False,
    )


def _lab_groups(plan: Plan, groups: Mapping[str, int]) -> None:
    for name, gid in groups.items():
        if _own_group(plan.tables, name, gid):
            plan.act("create group", name, f"gid {gid}")


def _own_group(tables: Tables, name: str, gid: int) -> bool:
    """Make sure that a group and its gshadow line exist; returns whether the group is new."""
    new = name not in tables.group
    if new:
        tables.group.set(name, [name, "x", str(gid), ""])
    if tables.gshadow is not None and name not in tables.gshadow:
        members = (tables.group.get(name) or ["", "", "", ""])[3]
        tables.gshadow.set(name, [name, "!", "", members])
    return new


def _record(plan: Plan, person: Person, old: Record | None) -> Record:
    """Return the person's record, reserving name and numbers before anything is made."""
    record = old or Record(person.system_name, person.uid, person.gid, person.home)
    record = replace(
        record,
        system_name=person.system_name,
        uid=person.uid,
        gid=person.gid,
        home=person.home,
        full_name=person.full_name,
        shell=person.shell,
        account=True,
    )
    plan.records[person.user.name] = record
    return record


def _account(plan: Plan, person: Person, host: Host) -> None:
    """Plan the lines of one account: created, or its name and shell corrected."""
    tables, name = plan.tables, person.system_name
    entry = tables.passwd.get(name)
    own = [name, "x", str(person.uid), str(person.gid), person.full_name, person.home, person.shell]
    if entry is None:
        _own_group(tables, name, person.gid)
        for table in ("subuid", "subgid"):
            ranges = tables.known.get(table)
            if isinstance(ranges, Ranges) and name not in ranges:
                start = ranges.next_free(*host.sub_ids)
                if start is not None:
                    ranges.set(name, [name, str(start), str(host.sub_ids[2])])
        plan.act("create user", name, f"uid {person.uid}")
        tables.passwd.set(name, own)
    else:
        changed = list(entry)
        if entry[4].rstrip(",") != person.full_name:
            plan.act("change user", name, f'full name "{person.full_name}"')
            changed[4] = person.full_name
        if entry[6] != person.shell:
            plan.act("change user", name, f"shell {person.shell}")
            changed[6] = person.shell
        tables.passwd.set(name, changed)
    if tables.shadow.get(name) is None:
        tables.shadow.set(name, [name, "!", _days(plan.today), "0", "99999", "7", "", "", ""])


def _days(day: date) -> str:
    return str((day - EPOCH).days)


def _present(plan: Plan, person: Person, old: Record | None, host: Host) -> None:
    name, login = person.system_name, person.user.name
    known = name in plan.tables.passwd
    _account(plan, person, host)
    record = _record(plan, person, old)
    if known and old is None:
        plan.act("adopt user", name, f"uid {person.uid}, home {person.home}")
    shadow = plan.tables.shadow.get(name) or []
    changed = list(shadow)
    if record.locked and len(changed[1]) > 1 and changed[1].startswith("!"):
        changed[1] = changed[1][1:]
    # A date here stops logins on the host even when the daily job does not run. One set by hand is left alone.
    expire = _days(person.user.expires + timedelta(days=1)) if person.user.expires else ""
    if expire or changed[7] == record.shadow_expire:
        changed[7] = expire
    if known and (record.locked or record.state in ("locked", "absent")):
        plan.act("unlock user", name)
    elif changed[7] != shadow[7] and known:
        plan.act("change user", name, f"expires {person.user.expires or 'never'}")
    plan.tables.shadow.set(name, changed)
    record = replace(record, state="present", locked=False, shadow_expire=expire, archive=None)
    home = _home(plan, person, host, known)
    if person.user.ssh_keys is not None or record.ssh_keys:
        record = _keys(plan, person, record, home)
    plan.records[login] = record


def _home(plan: Plan, person: Person, host: Host, known: bool) -> Seen | None:
    keys = person.user.ssh_keys is not None or bool(
        (host.register.users.get(person.user.name) or Record("", 0, 0, "")).ssh_keys
    )
    home = host.look(person.home, keys)
    if home is None:
        plan.make_home.append(person.user.name)
        if known:
            plan.act("create home", person.system_name, person.home)
    elif not home.is_folder or home.uid != person.uid:
        what = f"belongs to uid {home.uid}, not to uid {person.uid}" if home.is_folder else "is no folder"
        plan.problems.append(
            f"accounts_users (name={person.user.name}): {person.home} exists but {what}; "
            "move it away or give it to that uid"
        )
    elif home.mode & 0o007:
        plan.close_home.append(person.user.name)
        plan.act("close home to others", person.system_name, person.home)
    return home


def _keys(plan: Plan, person: Person, record: Record, home: Seen | None) -> Record:
    wanted = person.user.ssh_keys or ()
    there = (home.keys if home else None) or ()
    missing = [key for key in wanted if key not in there]
    surplus = [key for key in record.ssh_keys if key not in wanted and key in there]
    if missing or surplus:
        plan.place_keys.append(person.user.name)
        plan.act("change ssh keys", person.system_name, f"{len(missing)} added, {len(surplus)} removed")
    return replace(record, ssh_keys=wanted)


def _leaving(plan: Plan, person: Person, old: Record | None, host: Host, settings: Settings) -> None:
    """Plan the locking of a person and, when they are absent, the archive and the removal."""
    name, login, absent = person.system_name, person.user.name, person.state == "absent"
    new = name not in plan.tables.passwd
    _account(plan, person, host)
    record = _record(plan, person, old)
    shadow = plan.tables.shadow.get(name) or []
    changed = list(shadow)
    if not changed[1].startswith("!"):
        changed[1] = f"!{changed[1]}"
        record = replace(record, locked=True)
    changed[7] = LOCKED_SINCE_EVER
    locked_now = plan.tables.shadow.set(name, changed)
    if locked_now:
        plan.act("lock user", name)
    record = replace(record, shadow_expire=LOCKED_SINCE_EVER)
    home = host.look(person.home, False)
    if home is None and not absent:
        plan.make_home.append(login)
        if not new:
            plan.act("create home", name, person.home)
    reached = record.state == person.state or (record.state == "absent" and not absent)
    if not reached or locked_now:
        plan.stop.append(login)
        plan.act("stop processes and servers", name)
    if absent:
        if home is not None and not reached:
            plan.archive.append(login)
            plan.act("archive home", name, person.home)
        if settings.remove_homes:
            plan.remove.append(login)
            plan.act("remove home and account", name, f"{person.home}, after the archive was verified")
    plan.records[login] = replace(record, state=person.state)


def _memberships(plan: Plan, desired: Desired) -> None:
    """Make the members of the lab's groups those of the inventory; groups of the host are only added to."""
    members: dict[str, list[str]] = {name: [] for name in plan.groups}
    for lab_group in desired.groups:
        members[lab_group.name] += lab_group.host_members
    added: dict[str, list[str]] = {}
    for person in plan.people.values():
        if not person.account or (person.state == "absent" and person.user.name in plan.remove):
            continue
        for group in person.groups:
            members[group].append(person.system_name)
        for group in person.user.host_groups if person.state == "present" else ():
            added.setdefault(group, []).append(person.system_name)
    for group, names in members.items():
        _set_members(plan, group, names)
    for group, names in added.items():
        _set_members(plan, group, [*_members(plan.tables, group), *names])


def _members(tables: Tables, group: str) -> list[str]:
    entry = tables.group.get(group)
    return [name for name in entry[3].split(",") if name] if entry else []


def _set_members(plan: Plan, group: str, names: list[str]) -> None:
    entry = plan.tables.group.get(group)
    if entry is None:
        return  # a lab group of old that somebody deleted by hand
    now, wanted = _members(plan.tables, group), list(dict.fromkeys(names))
    if set(now) != set(wanted):
        kept = [name for name in now if name in wanted]
        new = [name for name in wanted if name not in now]
        gone = [name for name in now if name not in wanted]
        if new:
            plan.act("add to group", group, ", ".join(new))
        if gone:
            plan.act("take out of group", group, ", ".join(gone))
        wanted = kept + new
        plan.tables.group.set(group, [*entry[:3], ",".join(wanted)])
    else:
        wanted = now
    shadowed = plan.tables.gshadow.get(group) if plan.tables.gshadow is not None else None
    if shadowed is not None and plan.tables.gshadow is not None:
        current = [name for name in shadowed[3].split(",") if name]
        if set(current) != set(wanted):
            plan.tables.gshadow.set(group, [*shadowed[:3], ",".join(wanted)])
