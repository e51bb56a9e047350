# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of a server that is taken over, as plain data. All frozen; nothing here touches the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .._doctor.model import Account, Container, Share


@dataclass(frozen=True)
class Hub:
    """The old hub. ``version`` is that of TLJH where it is TLJH, ``jupyterhub`` that of JupyterHub; empty: not known.

    Times are in seconds; ``memory`` is as it was written, ``cpu`` in cores. None is "nothing was said".
    """

    kind: str = "tljh"  # tljh or compose
    path: str = ""
    version: str = ""
    jupyterhub: str = ""
    authenticator: str = ""
    base_url: str = "/"
    memory: str = ""
    cpu: str = ""
    culls: bool | None = None
    cull_seconds: int | None = None
    https: bool = False
    container: str = ""
    computed: bool = False  # people who have an account on the host may log in, by a computation


@dataclass(frozen=True)
class People:
    """Who is who at the old hub, by login name. ``groups`` are groups of the hub or of its configuration."""

    users: frozenset[str] = frozenset()
    admins: frozenset[str] = frozenset()
    banned: frozenset[str] = frozenset()
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    running: frozenset[str] = frozenset()  # whose server runs


@dataclass(frozen=True)
class Passwords:
    """The old password store: login name -> bcrypt hash. The hashes are never part of a result or a log."""

    path: str = ""
    hashes: Mapping[str, str] = field(default_factory=dict, repr=False)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class HostGroup:
    """A group of the host with those who are named as its members."""

    name: str
    gid: int
    members: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Current:
    """All that matters of a host for taking it over. ``free_bytes`` is where /var lies."""

    kinds: tuple[str, ...] = ()
    adopted: str = ""  # how far an earlier run of this came: kept, switching, switched, done or back
    ended: str = ""  # why the host took the earlier run back by itself
    hubs: tuple[Hub, ...] = ()
    people: People = field(default_factory=People)
    passwords: Passwords = field(default_factory=Passwords)
    accounts: tuple[Account, ...] = ()
    groups: tuple[HostGroup, ...] = ()
    directory: frozenset[str] = frozenset()  # accounts that only LDAP, sssd or another directory has
    shares: tuple[Share, ...] = ()
    containers: tuple[Container, ...] = ()
    registry_store: str = ""
    registry_bytes: int = 0
    packages: tuple[str, ...] = ()  # of the environment that people share, name==version
    free_bytes: int = 1 << 40
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choices:
    """What the one who takes over has said."""

    without: frozenset[str] = frozenset()  # login names that are left out
    stop_servers: bool = False
    new_passwords: bool = False  # whoever has no password here gets a one-time one, also where that is everybody


@dataclass(frozen=True)
class Person:
    """Somebody who is taken over. ``uid`` and ``home`` are None and empty where there is no account yet."""

    name: str
    account: str
    uid: int | None = None
    home: str = ""
    admin: bool = False
    banned: bool = False
    has_password: bool = False
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One line of the table: ``taken`` is yes, partly or no; ``why`` says what that means for people."""

    what: str
    taken: str
    there: str
    why: str = ""


@dataclass(frozen=True)
class Plan:
    """What would be taken over, and what forbids it."""

    hub: Hub | None = None
    people: tuple[Person, ...] = ()
    inventory: Mapping[str, object] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict)  # name in shares_credentials -> file on the host
    rows: tuple[Row, ...] = ()
    refusals: tuple[str, ...] = ()
