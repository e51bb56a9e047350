# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What forbids taking a server out of service, each in a sentence, before anything is touched. All pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date

from .._backup.model import covers
from .._common import paths
from .model import MOST_NAMED, STAGES, Current, Desired, Other, Record

CACHES = (paths.STATE, "/var/cache/labserver", "/var/log/labserver")
"""Made again by whoever needs it: no backup holds it, and nobody misses it."""
SITE = "run playbooks/site.yml for the others"


def listed(names: Iterable[str]) -> str:
    """Return names for a sentence, a bounded number of them."""
    known = list(names)
    more = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
    return ", ".join(known[:MOST_NAMED]) + more


def server_of(place: str) -> str:
    """Return the server in the source of a share or the place of a repository; empty for a place on the host itself."""
    known = (
        r"//([^/]+)/",  # SMB
        r"(?:rest|s3|swift|b2):(?:https?://)?(?:[^@/]*@)?(\[[^\]]+\]|[^/:]+)",
        r"sftp://(?:[^@/]*@)?(\[[^\]]+\]|[^/:]+)",
        r"(?:sftp:)?(?:[^@/:]*@)?(\[[^\]]+\]|[^/:]+):",  # sftp, NFS
    )
    found = next((match for match in (re.match(one, place) for one in known) if match), None)
    return found[1].strip("[]").lower() if found else ""


def leads_here(place: str, desired: Desired, current: Current) -> bool:
    """Tell whether a share or a repository lies on this host."""
    server = server_of(place)
    mine = {one.lower() for one in (desired.host, *current.addresses)} - {"localhost", "127.0.0.1", "::1"}
    # A name alone means the same as with its domain.
    return bool(server) and (server in mine or server in {one.partition(".")[0] for one in mine if not _address(one)})


def _address(text: str) -> bool:
    return ":" in text or re.fullmatch(r"[0-9.]+", text) is not None


def unsaved(current: Current, holds: Collection[str]) -> tuple[str, ...]:
    """Return what a wipe would delete and a backup of these paths does not hold."""
    missing = [
        target
        for target in current.targets
        if not any(covers(one, target) for one in CACHES) and not any(covers(path, target) for path in holds)
    ]
    left = [path for path in current.backup.left_out if any(covers(target, path) for target in current.targets)]
    return tuple(sorted({*missing, *left}))


def refusals(desired: Desired, current: Current, others: Mapping[str, Other], record: Record) -> tuple[str, ...]:
    """Return everything that forbids it, at the stage that was reached."""
    if not current.lab_server and not record.stage:
        return ("There is no lab server of this collection here.",)
    found = [f"Not everything could be looked at: {text}." for text in current.unread]
    found += needed_elsewhere(desired, current, others)
    reached = STAGES.index(record.stage)
    if reached < STAGES.index("saved"):
        found += _words(desired)
        found += _backup(current)
    if reached < STAGES.index("frozen") and current.running and not desired.stop_servers and has_come(desired):
        found.append(
            f"Servers of {len(current.running)} people run ({listed(current.running)}), and what runs in them would be"
            " lost: ask them to save and stop, or say retire_stop_servers=true. With retire_on=DATE they read on the"
            " hub's pages when it ends, and from that day on the hub starts nothing new."
        )
    if desired.wipe and reached < STAGES.index("wiped"):
        found += wipe_refusals(desired, current, record)
    return tuple(found)


def has_come(desired: Desired) -> bool:
    """Tell whether the day has come; a date that cannot be read is refused elsewhere."""
    return not desired.day or desired.day <= desired.today


def needed_elsewhere(desired: Desired, current: Current, others: Mapping[str, Other]) -> Iterator[str]:
    """Yield what other servers of the inventory take from this one."""
    here = desired.host
    kept = sorted(name for name, other in others.items() if other.keeper == here)
    if kept:
        yield (
            f"{here} keeps the root of the lab's authority, from which {listed(kept)} get their certificates"
            " (certificates_ca_keeper): copy root.key and root.pem of /etc/labserver/ca to the same folder of another"
            f" server, name that one in certificates_ca_keeper, and {SITE}."
        )
    served = sorted(name for name, other in others.items() if other.registry == here)
    if served:
        yield (
            f"The hubs of {listed(served)} get their images from the registry of {here} (hub_registry_from): give them"
            f" another one (group labserver_registries, labserver_registry), and {SITE}."
        )
    for name, other in sorted(others.items()):
        taken = sorted(share for share, source in other.shares.items() if leads_here(source, desired, current))
        if taken:
            yield (
                f"{name} mounts shares of {here} (shares_list: {listed(taken)}): move these data, change the sources"
                f" and run playbooks/site.yml for {name}."
            )
        if leads_here(other.repository, desired, current):
            yield (
                f"The backups of {name} lie on {here} (backup_repository): copy the repository to another place, name"
                f" that one and run playbooks/site.yml for {name}."
            )


def _words(desired: Desired) -> Iterator[str]:
    if desired.day:
        try:
            date.fromisoformat(desired.day)
        except ValueError:
            yield f"retire_on: {desired.day!r} is no date; write for instance retire_on=2026-12-15."
    if not desired.contact.strip():
        yield "Nobody is named whom people can ask: say retire_contact=NAME, or set hub_lab_contact."


def _backup(current: Current) -> Iterator[str]:
    backup = current.backup
    if backup.problem:
        yield (
            f"The last backup cannot be made: {backup.problem}. Nothing is retired without one: set up the role backup"
            " (docs/howto/backup.md); a disk at this host is enough."
        )


def wipe_refusals(desired: Desired, current: Current, record: Record) -> Iterator[str]:
    """Yield what forbids deleting; what the record knows counts once a backup was made."""
    for text in current.obstacles:
        yield f"retire_data=wipe: {text}."
    repository = record.repository or current.backup.repository
    for target in sorted({*record.targets, *current.targets}):
        if repository and covers(target, repository):
            yield (
                f"retire_data=wipe: the repository of the backups, {repository}, lies in {target}, which would be"
                " deleted; move the repository to another disk and change backup_repository first."
            )
    known = record.stage in ("saved", "stopped")
    missing = record.unsaved if known else () if current.backup.problem else unsaved(current, current.backup.holds)
    if missing and not desired.unsaved:
        yield (
            f"retire_data=wipe: the backup does not hold {listed(missing)}, which would be lost: put it into the backup"
            " (backup_homes, backup_registry, backup_paths, backup_exclude), or say retire_unsaved=true."
        )


def names_of(certificates: Collection[tuple[str, ...]]) -> list[str]:
    """Return all names in certificates, each once."""
    return sorted({name for names in certificates for name in names})
