# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the inputs of the role ``accounts`` to what is desired; all problems at once, nothing is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .._common import folders
from . import csv_file, rooms, settings
from .check import check_folder, check_group, check_user, reporter
from .limits import Limits
from .model import Desired, Folder, Group, User
from .names import system_name

USER_LISTS = ("accounts_users", "accounts_users_group", "accounts_users_host")
GROUP_LISTS = ("accounts_groups", "accounts_groups_group", "accounts_groups_host")
ADDING = ("groups", "host_groups", "ssh_keys", "host_members")

Entry = tuple[str, Any]


def read_text(path: str) -> str:
    """Return the text of a file of the controller, whatever program wrote it; raises OSError, ValueError."""
    content = Path(path).read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8; save it again as CSV (UTF-8)") from None


def problems(inputs: Mapping[str, Any], read: Callable[[str], str] = read_text) -> list[str]:
    """Return every problem of the role's variables (defaults included)."""
    return desired(inputs, read)[1]


def desired(inputs: Mapping[str, Any], read: Callable[[str], str] = read_text) -> tuple[Desired, list[str]]:
    """Return what the role's variables ask for, and every problem; with problems the first part is incomplete."""
    wrong: list[str] = []
    chosen = settings.parse(inputs, wrong)
    users, groups = merged_entries(inputs, wrong, read)
    shared: list[Folder] = []
    for label, raw in _listed(inputs, "accounts_shared_folders", wrong):
        fields = check_folder(label, raw, wrong)
        if fields:
            why = _not_for_a_group(fields["path"], chosen)
            if why:
                wrong.append(
                    f'{label}: path "{fields["path"]}" {why}; give a folder such as /srv/labserver/groups/leem'
                )
            if fields["group"] not in groups:
                wrong.append(f'{label}: group "{fields["group"]}" is not in accounts_groups; add it there')
            shared.append(Folder(**fields))
    why = folders.not_ours(chosen.archive_folder, "accounts") or _keeps_homes(chosen.archive_folder, chosen)
    if why:
        wrong.append(f'accounts_archive_folder: "{chosen.archive_folder}" {why}; give a folder of its own')
    users |= rooms.entries(inputs.get("accounts_rooms") or [], users, groups, wrong)
    _cross_check(users, groups, wrong)
    people = tuple(_user(name, fields, limits) for name, (fields, limits, _label) in users.items())
    _system_names(people, {name: label for name, (_f, _l, label) in users.items()}, wrong)
    labs = tuple(Group(name, limits=limits, **fields) for name, (fields, limits, _label) in groups.items())
    return Desired(people, labs, tuple(shared), chosen), wrong


def _keeps_homes(path: str, chosen: settings.Settings) -> str:
    return "is or contains accounts_home_folder" if f"{chosen.home_folder}/".startswith(f"{path}/") else ""


def _not_for_a_group(path: str, chosen: settings.Settings) -> str:
    """Say why a folder is not to be shared by a group (an empty text: it may be). Homes are looked at on the host."""
    why = folders.not_ours(path, "accounts") or _keeps_homes(path, chosen)
    if not why and folders.meets(path, chosen.archive_folder):
        return f"meets accounts_archive_folder {chosen.archive_folder}"
    return why


Merged = dict[str, tuple[dict[str, Any], Limits, str]]


def merged_entries(
    inputs: Mapping[str, Any], wrong: list[str], read: Callable[[str], str] = read_text
) -> tuple[Merged, Merged]:
    """Return people and groups by name: the CSV file, then the lists of all, group and host, later ones on top."""
    sources: list[list[Entry]] = []
    path = inputs.get("accounts_users_from") or ""
    if path:
        sources.append(_csv(str(path), wrong, read))
    sources += [_listed(inputs, key, wrong) for key in USER_LISTS]
    users = _merge(sources, check_user, wrong)
    groups = _merge([_listed(inputs, key, wrong) for key in GROUP_LISTS], check_group, wrong)
    return users, groups


def _csv(path: str, wrong: list[str], read: Callable[[str], str]) -> list[Entry]:
    if not path.startswith("/"):
        wrong.append(f'accounts_users_from: "{path}" is not an absolute path; write {{{{ inventory_dir }}}}/{path}')
        return []
    try:
        entries, problems_of_file = csv_file.read(read(path), Path(path).name)
    except OSError as error:
        wrong.append(f"accounts_users_from: {path} cannot be read on the controller: {error.strerror}")
        return []
    except ValueError as error:
        wrong.append(f"accounts_users_from: {path} {error}")
        return []
    wrong += problems_of_file
    return list(entries)


def _listed(inputs: Mapping[str, Any], key: str, wrong: list[str]) -> list[Entry]:
    value = inputs.get(key) or []
    if not isinstance(value, list):
        wrong.append(f"{key}: is not a list; write one entry a line, each beginning with a hyphen")
        return []
    return [(f"{key}[{index}]", raw) for index, raw in enumerate(value)]


def _merge(
    sources: Iterable[list[Entry]],
    check: Callable[[str, object, list[str]], tuple[dict[str, Any], Limits] | None],
    wrong: list[str],
) -> Merged:
    merged: Merged = {}
    for source in sources:
        seen: dict[str, str] = {}
        for label, raw in source:
            checked = check(label, raw, wrong)
            if checked is None:
                continue
            fields, limits = checked
            name = raw["name"]
            if name in seen:
                reporter(wrong, label, raw)(f"is a duplicate of {seen[name]}; keep one of them")
                continue
            seen[name] = label
            merged[name] = (fields, limits, label) if name not in merged else _over(merged[name], fields, limits, label)
    return merged


def _over(
    below: tuple[dict[str, Any], Limits, str], fields: dict[str, Any], limits: Limits, label: str
) -> tuple[dict[str, Any], Limits, str]:
    """Lay a later entry of the same name over an earlier one: lists add up, other values replace."""
    base, base_limits, _label = below
    result = {**base, **fields}
    for key in ADDING:
        if key in base and key in fields:
            result[key] = tuple(dict.fromkeys((*base[key], *fields[key])))
    own = {key: value for key, value in limits.__dict__.items() if value is not None}
    return result, Limits(**{**base_limits.__dict__, **own}), label


def _cross_check(users: Merged, groups: Merged, wrong: list[str]) -> None:
    uids: dict[int, str] = {}
    for name, (fields, _limits, label) in users.items():
        report = reporter(wrong, label, {"name": name})
        for group in fields.get("groups", ()):
            if group not in groups:
                report(
                    f'group "{group}" is not in accounts_groups; add it there, '
                    "or name a group of the host in host_groups"
                )
        for group in fields.get("host_groups", ()):
            if group in groups:
                report(f'host_groups holds "{group}", which is a lab group; move it to groups')
        if "uid" in fields and uids.setdefault(fields["uid"], name) != name:
            report(f"uid {fields['uid']} is also given to {uids[fields['uid']]}; choose another or leave it out")
    gids: dict[int, str] = {}
    for name, (fields, _limits, label) in groups.items():
        if "gid" in fields and gids.setdefault(fields["gid"], name) != name:
            reporter(wrong, label, {"name": name})(
                f"gid {fields['gid']} is also given to {gids[fields['gid']]}; choose another or leave it out"
            )


def _system_names(people: Iterable[User], labels: Mapping[str, str], wrong: list[str]) -> None:
    owner: dict[str, str] = {}
    for user in people:
        other = owner.setdefault(user.system_name, user.name)
        if other != user.name:
            reporter(wrong, labels[user.name], {"name": user.name})(
                f"its account would be {user.system_name}, which is that of {other} as well; rename one of them"
            )


def _user(name: str, fields: Mapping[str, Any], limits: Limits) -> User:
    rest = dict(fields)
    quota = rest.pop("quota", None)
    return User(name, rest.pop("system_name", None) or system_name(name), limits=limits, quota_bytes=quota, **rest)


def plain(wanted: Desired) -> dict[str, list[dict[str, Any]]]:
    """Return people, groups and folders as plain data, in the form of the inputs, to be handed to a host."""
    users: list[dict[str, Any]] = []
    for user in wanted.users:
        entry: dict[str, Any] = {
            "name": user.name,
            "system_name": user.system_name,
            "groups": list(user.groups),
            "host_groups": list(user.host_groups),
            "admin": user.admin,
            "state": user.state,
            "limits": _plain_limits(user.limits),
        }
        optional = {
            "full_name": user.full_name,
            "uid": user.uid,
            "expires": user.expires.isoformat() if user.expires else None,
            "ssh_keys": None if user.ssh_keys is None else list(user.ssh_keys),
            "shell": user.shell,
            "quota": user.quota_bytes,
            "room": user.room,
        }
        users.append(entry | {key: value for key, value in optional.items() if value is not None})
    groups = [
        {
            "name": group.name,
            "limits": _plain_limits(group.limits),
            "host_members": list(group.host_members),
            **({} if group.gid is None else {"gid": group.gid}),
        }
        for group in wanted.groups
    ]
    shared = [{"path": item.path, "group": item.group, "others": item.others} for item in wanted.folders]
    return {"users": users, "groups": groups, "shared_folders": shared}


def _plain_limits(limits: Limits) -> dict[str, Any]:
    data = {"cpu": limits.cpu, "memory": limits.memory_bytes, "gpus": limits.gpus, "pids": limits.pids}
    data["servers"] = limits.servers
    images = None if limits.images is None else list(limits.images)
    return {key: value for key, value in {**data, "images": images}.items() if value is not None}
