# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan as lines to read before, and what remains as lines to read afterwards. All pure; no secret is in them."""

from __future__ import annotations

from collections.abc import Mapping

from .._common import sizes, words
from . import judge, record
from .model import STAGES, Backup, Current, Desired, Other, Plan, Record

LONGEST = 600


def compare(desired: Desired, current: Current, others: Mapping[str, Other]) -> Plan:
    """Return what is read before, and what forbids it."""
    holds = record.effective(current, desired.today)
    refusals = judge.refusals(desired, current, others, holds)
    lines = _there(desired, current) if holds.stage in STAGES[:3] else _done(holds)
    lines += [_next(desired, holds)]
    return Plan(
        tuple(words.clean(line, LONGEST) for line in lines),
        tuple(words.clean(line, LONGEST) for line in refusals),
        holds.stage,
        judge.has_come(desired),
    )


def _there(desired: Desired, current: Current) -> list[str]:
    seen = [f"{name} ({when[:10]})" for name, when in current.seen]
    return [
        f"running servers: {judge.listed(current.running) or 'none'}",
        f"last at work: {judge.listed(seen) or 'nobody'}",
        f"homes: {_sized(current.homes)}",
        f"folders of groups: {_sized(current.groups)}",
        f"registry: {judge.listed(current.repositories) or 'no images'}",
        f"apps: {judge.listed(current.apps) or 'none'}",
        f"Docker's volumes of apps: {judge.listed(current.volumes) or 'none'}",
        *_backup(current.backup),
        f"exported by this host: {judge.listed(current.exports) or 'nothing'}",
        f"keys and passwords on it: {judge.listed(current.secrets) or 'none'}",
        *_unsaved(current),
        *([f"retire_data=wipe deletes {judge.listed(current.targets)}"] if desired.wipe else []),
    ]


def _sized(folders: Mapping[str, int]) -> str:
    if not folders:
        return "none"
    known = sum(size for size in folders.values() if size > 0)
    largest = sorted(folders.items(), key=lambda item: -item[1])
    told = [f"{path} {sizes.text(size) if size >= 0 else '(size not known)'}" for path, size in largest]
    return f"{len(folders)}, {sizes.text(known)} together: {judge.listed(told)}"


def _backup(backup: Backup) -> list[str]:
    if backup.problem:
        return [f"backup: {backup.problem}"]
    last = backup.last
    if last is None:
        return [f"backup in {backup.repository}: none was made yet"]
    state = "complete" if last.complete else "something is missing in it"
    proved = "a drill restored of it" if last.proved else "no drill has tried it yet"
    return [f"last backup in {backup.repository}: {last.id} of {last.made[:16]}, {state}; {proved}"]


def _unsaved(current: Current) -> list[str]:
    missing = () if current.backup.problem else judge.unsaved(current, current.backup.holds)
    return [f"not in the backup: {judge.listed(missing)}"] if missing else []


def _next(desired: Desired, holds: Record) -> str:
    if holds.stage in ("stopped", "wiped"):
        return "it is out of service" + (
            "; retire_data=wipe deletes its data next" if desired.wipe and holds.stage == "stopped" else ""
        )
    after = "its data are deleted" if desired.wipe else "its data stay on its disks"
    begun = {
        "": "",
        "announced": "it is announced; ",
        "frozen": "the hub is stopped; ",
        "saved": "the last backup is made; ",
    }
    if not judge.has_come(desired):
        return (
            f"{begun[holds.stage]}people read that it ends on {desired.day}, and nothing else happens before that day"
        )
    return (
        f"{begun[holds.stage]}people are told, the hub and the front door close, a last backup is made and proved, all"
        f" services and jobs are removed, {after}"
    )


def _done(holds: Record) -> list[str]:
    lines = [f"out of service since {holds.frozen[:16]}"] if holds.frozen else []
    if holds.stage == "stopped":
        lines += [
            f"its data are still on its disks: {judge.listed(holds.targets)}",
            f"keys and passwords that are still on it: {judge.listed(holds.secrets) or 'none'}",
            "the way back: playbooks/site.yml sets it up again with these data",
        ]
    if holds.stage == "wiped":
        lines += [
            "its data are deleted. Whoever has a disk may still read deleted files from it: erase it (blkdiscard,"
            " shred) or destroy it before it leaves the lab",
            "the way back: playbooks/resurrect.yml brings it back from its backup",
        ]
    return [*lines, *holds.remains]


def report(holds: Record) -> tuple[str, ...]:
    """Return what is read at the end."""
    return tuple(words.clean(line, LONGEST) for line in _done(holds))


def remains(desired: Desired, current: Current) -> tuple[str, ...]:
    """Return what outlives the server and wants a hand."""
    here, backup = desired.host, current.backup
    lines = []
    if backup.last is not None:
        lines.append(
            f"backup {backup.last.id} of {backup.last.made[:16]} is in {backup.repository}; its password stands in the"
            " inventory (backup_password) and has to be kept outside of it: without it the backup holds nothing. When"
            f" nobody needs it any more: restic forget --host {backup.host} --prune"
        )
    lines.append(
        f"inventory: remove the line of {here}, its host_vars and what names it in groups and variables, then"
        f" {judge.SITE}: registries and alerts stop expecting it. accounts-ids.txt stays, so that no number is"
        " given twice"
    )
    names = judge.names_of([one.names for one in current.certificates])
    if names:
        lines.append(f"DNS and other registers of names: {judge.listed(names)}")
    public = [f"{one.name} until {one.ends[:10]}" for one in current.certificates if one.source == "acme"]
    if public:
        lines.append(
            f"certificates of a public authority are valid on: {judge.listed(public)}; revoke them if somebody could"
            " have their keys (certbot revoke --cert-path FILE, before a wipe)"
        )
    own = [f"{one.name} until {one.ends[:10]}" for one in current.certificates if one.source == "internal_ca"]
    if own:
        lines.append(
            f"certificates of the lab's authority cannot be revoked and end by themselves: {judge.listed(own)}"
        )
    lines.append(
        "passwords that it knew, of shares, of the registry and of alerts, are good elsewhere: change them if the disks"
        " leave the lab without being erased"
    )
    lines.append("accounts of people stay in /etc/passwd of the host until it is installed anew")
    return tuple(lines)
