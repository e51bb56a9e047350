# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be done on a host: desired people and groups compared with the account files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

from .folders import FolderSeen, differences
from .ids import Ids
from .members import memberships
from .model import Desired, Folder, Settings
from .people import people
from .register import Record, Register
from .state import EPOCH, Host, Person, Plan, Seen
from .tables import Ranges, Tables

LOCKED_SINCE_EVER = "1"  # shadow's expiry field: the second day of 1970, as `usermod --expiredate 1` writes it


def make_plan(desired: Desired, ids: Ids, host: Host, today: date, only: frozenset[str] | None = None) -> Plan:
    """Compare and return the plan; its ``problems`` are what only this host can tell, and with them nothing is done.

    With ``only`` nothing is planned but for the people of these login names.
    """
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
    if only is None:
        _lab_groups(plan, groups)
    for person in people(desired, ids, host, today):
        plan.people[person.user.name] = person
        old = host.register.users.get(person.user.name)
        if not person.account or not person.managed or (only is not None and person.user.name not in only):
            continue
        if person.state == "present":
            _present(plan, person, old, host)
        else:
            _leaving(plan, person, old, host, desired.settings)
    memberships(plan, desired, only)
    if only is None:
        _quotas(plan, desired, host)
    for folder in desired.folders if only is None else ():
        _shared_folder(plan, folder, host.look_folder(folder.path))
    return plan


def _quotas(plan: Plan, desired: Desired, host: Host) -> None:
    wanted: dict[str, int] = {}
    for person in plan.people.values():
        limit = person.user.quota_bytes if person.user.quota_bytes is not None else desired.settings.quota_bytes
        if person.account and person.managed and person.state == "present" and limit is not None:
            wanted[person.user.name] = limit
    if host.quotas.reason:
        if any(wanted.values()):
            plan.notices.append(f"no quotas: {host.quotas.reason}")
        return
    for name, limit in wanted.items():
        person = plan.people[name]
        if host.quotas.get(person.uid) != -(-limit // 1024) * 1024:
            plan.set_quota.append((name, limit))
            plan.act("set quota", person.system_name, f"{limit} bytes" if limit else "none")


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


def _not_their_own(person: Person, home: Seen, tables: Tables) -> str | None:
    """Return why a folder is not somebody's own home, as adopted accounts may have it (``/``, ``/srv``), or None."""
    if not home.is_folder:
        return "is no folder"
    if home.uid != person.uid:
        return f"belongs to uid {home.uid}"
    if person.home.strip("/").count("/") < 1:
        return "is a folder of the system"
    for entry in tables.passwd.entries():
        if entry[0] != person.system_name and f"{entry[5]}/".startswith(f"{person.home}/"):
            return f"is also that of {entry[0]} or holds it"
    return None


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
    if absent and (not reached or settings.remove_homes):
        why = None if home is None else _not_their_own(person, home, plan.tables)
        if why:
            plan.leave_home.append(login)
            plan.notices.append(f"{person.home}, the home of {name}, {why}: it is neither archived nor removed")
        elif home is not None and not reached:
            plan.archive.append(login)
            plan.act("archive home", name, person.home)
        if settings.remove_homes:
            plan.remove.append(login)
            what = "remove account" if why else "remove home and account"
            plan.act(what, name, "" if why else f"{person.home}, after the archive was verified")
    plan.records[login] = replace(record, state=person.state)
