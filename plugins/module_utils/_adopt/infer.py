# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what a host has to what the inventory says of it then. All pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from .._accounts.names import GROUP_NAME, PREFIX, group_name_problem, system_name
from .._doctor.model import Account, Share
from .._doctor.read_files import credentials_of
from .model import Choices, Current, Hub, Person

FIRST_ID, LAST_ID = 1000, 59999
# TLJH's own; people's rights come from the inventory afterwards.
OF_THE_HUB = ("jupyterhub-users", "jupyterhub-admins")
SHARE_NAME = re.compile(r"[a-z0-9_-]{1,40}")
WARNING_SECONDS = 900
KEPT_OPTIONS = ("vers", "sec", "seal", "domain", "iocharset")
EVERYBODY = ("lab", "everybody", "labpeople")
"""Names of the group of all people, for shares that everybody sees; the first that is free is taken."""


def logins(current: Current, hub: Hub) -> frozenset[str]:
    """Return who may log in at the old hub."""
    found = current.people.users | current.people.admins | current.people.banned
    if hub.kind == "compose":
        found |= frozenset(current.passwords.hashes)
        if hub.computed or not found:
            found |= {account.name[len(PREFIX) :] for account in current.accounts if _of_a_person(account)}
    return found


def _of_a_person(account: Account) -> bool:
    return account.name.startswith(PREFIX) and account.home_mode is not None and account.uid >= FIRST_ID


def people(current: Current, hub: Hub, choices: Choices) -> tuple[Person, ...]:
    """Return everybody who is taken over, by name."""
    accounts = {account.name: account for account in current.accounts}
    groups = lab_groups(current, hub, choices)
    found = []
    for name in sorted(logins(current, hub) - choices.without):
        account = accounts.get(system_name(name))
        found.append(
            Person(
                name,
                system_name(name),
                None if account is None else account.uid,
                "" if account is None else account.home,
                name in current.people.admins,
                name in current.people.banned,
                name in current.passwords.hashes,
                tuple(sorted(group for group, members in groups.items() if name in members)),
            )
        )
    return tuple(found)


def lab_groups(current: Current, hub: Hub, choices: Choices) -> dict[str, frozenset[str]]:
    """Return group -> login names: groups of the host that people are in, and those of the hub."""
    everybody = logins(current, hub) - choices.without
    login_of = {system_name(name): name for name in everybody}
    found: dict[str, frozenset[str]] = {}
    member_of = {login_of[account.name]: account.groups for account in current.accounts if account.name in login_of}
    for group in current.groups:
        members = frozenset(name for name, names in member_of.items() if group.name in names)
        if members and FIRST_ID <= group.gid <= LAST_ID and _for_a_lab(group.name):
            found[group.name] = members
    gids = {group.name: group.gid for group in current.groups}
    for name, members in current.people.groups.items():
        if _for_a_lab(name) and gids.get(name, FIRST_ID) >= FIRST_ID and members & everybody:
            found[name] = found.get(name, frozenset()) | members & everybody
    if any(share_problem(share) == "" for share in current.shares):
        name = next((name for name in EVERYBODY if name not in gids and name not in found), "")
        if name:
            found[name] = frozenset(everybody)
    return found


def _for_a_lab(name: str) -> bool:
    return bool(GROUP_NAME.match(name)) and group_name_problem(name) is None and name not in OF_THE_HUB


def share_problem(share: Share) -> str:
    """Say why a line of fstab stays as it is and is no share of the lab (an empty text: it becomes one)."""
    if not SHARE_NAME.fullmatch(share_name(share)):
        return f"its folder {share.target} gives no name for a share (a-z, 0-9, - and _)"
    if share.fstype.startswith("nfs"):
        return ""
    if share.fstype != "cifs":
        return f"{share.fstype} is not mounted by this collection"
    if not credentials_of(share.options):
        return "its line names no file with credentials; write it to shares_list by hand"
    return ""


def share_name(share: Share) -> str:
    """Return the name of a share: that of its folder."""
    return posixpath.basename(share.target.rstrip("/"))


def inventory(current: Current, hub: Hub, choices: Choices) -> dict[str, object]:
    """Return the variables of the host, as they are written to its host_vars."""
    found: dict[str, object] = {}
    if hub.kind == "tljh":
        found["host_accepted"] = ["tljh", "jupyterhub"]
    groups = lab_groups(current, hub, choices)
    found["accounts_groups_host"] = [_group(name, current, hub) for name in sorted(groups)]
    found["accounts_users_host"] = [_user(person) for person in people(current, hub, choices)]
    if current.shares:
        found.update(_shares(current, next((name for name in EVERYBODY if name in groups), "")))
    if current.registry_store:
        # The old registry's images are the lab's; building others would lengthen the time without a hub.
        found["images_notebooks"] = []
    if hub.memory:
        found["hub_default_memory"] = hub.memory
    if re.fullmatch(r"\d+(\.\d+)?", hub.cpu):
        found["hub_default_cpu"] = float(hub.cpu)
    if hub.base_url.strip("/"):
        found["hub_base_url"] = f"/{hub.base_url.strip('/')}/"
    if hub.culls is False:
        found["hub_culling_enabled"] = False
    elif hub.culls and hub.cull_seconds:
        found["hub_culling_idle_seconds"] = max(hub.cull_seconds, 120)
        if hub.cull_seconds <= WARNING_SECONDS:
            found["hub_culling_warning_seconds"] = max(hub.cull_seconds // 3, 60)
    homes = sorted({posixpath.dirname(person.home) for person in people(current, hub, choices) if person.home})
    if homes not in ([], ["/home"]):
        found["hub_homes_folders"] = homes
    return found


def _user(person: Person) -> dict[str, object]:
    found: dict[str, object] = {"name": person.name}
    if person.uid is not None:
        found["uid"] = person.uid
    if person.groups:
        found["groups"] = list(person.groups)
    if person.admin:
        found["admin"] = True
    if person.banned:
        found["state"] = "locked"
    return found


def _group(name: str, current: Current, hub: Hub) -> dict[str, object]:
    found: dict[str, object] = {"name": name}
    accounts = {system_name(login) for login in logins(current, hub)}
    for group in current.groups:
        if group.name == name:
            found["gid"] = group.gid
            if group.members - accounts:
                found["host_members"] = sorted(group.members - accounts)
    return found


def credentials(current: Current) -> dict[str, str]:
    """Return name in shares_credentials -> file of the host that has user and password."""
    files = sorted({path for share in current.shares if not share_problem(share) for path in _files(share)})
    return {f"adopted{number or ''}": path for number, path in enumerate(files)}


def _files(share: Share) -> list[str]:
    return credentials_of(share.options)[-1:] if share.fstype == "cifs" else []


def _shares(current: Current, group: str) -> dict[str, object]:
    names = {path: name for name, path in credentials(current).items()}
    found = []
    for share in current.shares:
        if share_problem(share):
            continue
        read_only = "ro" in share.options
        one: dict[str, object] = {
            "name": share_name(share),
            "type": "nfs" if share.fstype.startswith("nfs") else "cifs",
        }
        one["source"] = share.source
        one["path"] = share.target
        for path in _files(share):
            one["credentials"] = names[path]
        one["access"] = {group: "ro" if read_only else "rw"}
        options = _options(share)
        if options:
            one["options"] = options
        found.append(one)
    if not found:
        return {}
    return {"shares_list": found, **({"shares_credentials": "{{ adopted_credentials }}"} if names else {})}


def _options(share: Share) -> Mapping[str, object]:
    said = dict(option.partition("=")[::2] for option in share.options)
    return {name: said[name] or True for name in KEPT_OPTIONS if name in said and share.fstype == "cifs"}
