# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom the name service knows beyond the account files: people and groups of LDAP, sssd, Active Directory, NIS.

A directory rarely lists all its people (sssd does not unless told to), so it is asked for each name and number.
"""

from __future__ import annotations

import grp
import pwd
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

NSSWITCH = "etc/nsswitch.conf"
# Sources that know nobody but those of the files, or only numbers far from all that are given (systemd's own).
OWN = frozenset(("files", "systemd"))
# Source -> its configuration and the socket through which it answers, relative to the root folder. One that is
# installed but not configured knows nobody.
SERVICES = {
    "sss": ("etc/sssd/sssd.conf", "var/lib/sss/pipes/nss"),
    "ldap": ("etc/nslcd.conf", "run/nslcd/socket"),
    "winbind": ("etc/samba/smb.conf", "run/samba/winbindd/pipe"),
}
MARGIN = 256
"""So many free numbers more than needed are looked for: another host may have taken some of them."""


def _number(ask: Callable[[], int]) -> int | None:
    try:
        return ask()
    except (KeyError, OverflowError):
        return None


def _name(ask: Callable[[], str]) -> str | None:
    try:
        return ask()
    except (KeyError, OverflowError):
        return None


@dataclass(frozen=True)
class NameService:
    """The host's name service; ``sources`` are those beyond the account files (none: there is nothing to ask).

    ``trouble`` says which of them does not answer: then nobody can tell whether a number is free.
    """

    sources: tuple[str, ...] = ()
    trouble: str = ""
    user: Callable[[str], int | None] = lambda name: _number(lambda: pwd.getpwnam(name).pw_uid)
    user_of: Callable[[int], str | None] = lambda uid: _name(lambda: pwd.getpwuid(uid).pw_name)
    group: Callable[[str], int | None] = lambda name: _number(lambda: grp.getgrnam(name).gr_gid)
    group_of: Callable[[int], str | None] = lambda gid: _name(lambda: grp.getgrgid(gid).gr_name)
    users: Callable[[], Mapping[str, int]] = lambda: {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    groups: Callable[[], Mapping[str, int]] = lambda: {entry.gr_name: entry.gr_gid for entry in grp.getgrall()}


def read(root: Path) -> NameService:
    """Return the name service that nsswitch.conf describes; without that file everything is asked for."""
    try:
        text = (root / NSSWITCH).read_text(errors="replace")
    except FileNotFoundError:
        return NameService(("unknown",))
    sources = sources_of(text)
    return NameService(sources, _trouble(root, sources))


def sources_of(nsswitch: str) -> tuple[str, ...]:
    """Return the sources of people and groups beyond the account files."""
    found: dict[str, None] = {}
    for line in nsswitch.splitlines():
        database, colon, rest = line.partition("#")[0].partition(":")
        if colon and database.strip() in ("passwd", "group"):
            words = re.sub(r"\[[^]]*\]", " ", rest).split()  # [NOTFOUND=return]
            found |= dict.fromkeys(word for word in words if word not in OWN)
    return tuple(found)


def _trouble(root: Path, sources: Iterable[str]) -> str:
    for source in sources:
        configuration, place = SERVICES.get(source, ("", ""))
        if not configuration or not (root / configuration).exists():
            continue
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(5)
            try:
                client.connect(str(root / place))
            except OSError as error:
                return (
                    f"the source {source} of /{NSSWITCH} does not answer ({error.strerror or error}), so nobody can "
                    f"tell which names and numbers are free; start its service, or take {source} out of that file"
                )
    return ""


@dataclass(frozen=True)
class Foreign:
    """People (name -> uid) and groups (name -> gid) that are not in the account files, as far as it was asked."""

    users: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """What a run may take: names of people and groups, numbers, and how many new ones of which range (inclusive)."""

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    uids: frozenset[int] = frozenset()
    gids: frozenset[int] = frozenset()
    new_uids: int = 0
    new_gids: int = 0
    uid_range: range = range(0)
    gid_range: range = range(0)


def ask(
    service: NameService,
    question: Question,
    accounts: Mapping[str, int],
    groups: Mapping[str, int],
    taken: Iterable[int] = (),
) -> Foreign:
    """Return who is known beside ``accounts`` and ``groups`` of the files. ``taken`` are numbers not to ask for."""
    if not service.sources:
        return Foreign()
    users = {name: uid for name, uid in service.users().items() if name not in accounts}
    others = {name: gid for name, gid in service.groups().items() if name not in groups}

    def note_uid(uid: int) -> bool:
        """Tell whether a number is free as a uid and as the gid of the person's own group."""
        name, group = service.user_of(uid), service.group_of(uid)
        if name is not None and name not in accounts:
            users.setdefault(name, uid)
        if group is not None and group not in groups:
            others.setdefault(group, uid)
        return name is None and group is None

    def note_gid(gid: int) -> bool:
        group = service.group_of(gid)
        if group is not None and group not in groups:
            others.setdefault(group, gid)
        return group is None

    for name in question.users - set(accounts):
        uid = service.user(name)
        users |= {} if uid is None else {name: uid}
    for name in question.groups - set(groups):
        gid = service.group(name)
        others |= {} if gid is None else {name: gid}
    known = {*accounts.values(), *groups.values(), *taken}
    for uid in question.uids:
        note_uid(uid)
    for gid in question.gids:
        note_gid(gid)
    for wanted, numbers, note in (
        (question.new_uids, question.uid_range, note_uid),
        (question.new_gids, question.gid_range, note_gid),
    ):
        left = wanted + MARGIN if wanted else 0
        for number in numbers:
            if left <= 0:
                break
            if number not in known and note(number):
                left -= 1
    return Foreign(users, others)
