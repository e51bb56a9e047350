# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the doctor knows of a host, as plain data, and what it says of it. All frozen; nothing here touches the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LEVELS = ("note", "warning", "critical")
KEPT = ("hub", "proxy", "registry", "database")
"""Roles of containers that have to be there all the time."""


@dataclass(frozen=True)
class Finding:
    """One hazard that was found: ``subject`` is what has it, ``text`` what was seen there."""

    hazard: str
    level: str
    subject: str
    text: str
    consequence: str
    remedy: str


@dataclass(frozen=True)
class File:
    """A file or folder that matters: its mode, and whether everybody may enter the folders above it."""

    path: str
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    reachable: bool = True
    purpose: str = "secret"  # secret, config or cron
    fault: str = ""  # of a cron file: why cron passes over it

    @property
    def readable_by_all(self) -> bool:
        return self.reachable and bool(self.mode & 0o004)

    @property
    def writable_by_all(self) -> bool:
        return self.reachable and bool(self.mode & 0o002)


@dataclass(frozen=True)
class Account:
    """A line of /etc/passwd with what goes with it. ``home_mode`` is None where there is no such folder."""

    name: str
    uid: int
    home: str = ""
    groups: frozenset[str] = frozenset()
    no_password: bool = False  # an empty field in /etc/shadow: everybody gets in
    home_mode: int | None = None
    home_uid: int | None = None

    @property
    def person(self) -> bool:
        return self.name.startswith("jupyter-") or "jupyterhub-users" in self.groups


@dataclass(frozen=True)
class Bind:
    """A mount of a container: ``kind`` is bind or volume, ``name`` that of a volume."""

    source: str
    target: str
    kind: str = "bind"
    name: str = ""
    writable: bool = True
    propagation: str = "rprivate"
    stale: bool = False  # the container still sees the file that was replaced on the host
    other_disk: bool = False  # the host has a share there, the container sees something else


@dataclass(frozen=True)
class Port:
    """A port of a container as it is published on the host."""

    address: str
    host: int
    container: int


@dataclass(frozen=True)
class Image:
    """Where an image comes from. ``committed``: a layer of it is what somebody did by hand in a container."""

    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    committed: str = ""


@dataclass(frozen=True)
class Container:
    """A container as Docker describes it; sizes in bytes, 0 is "no limit"."""

    name: str
    image: str = ""
    role: str = ""  # hub, proxy, registry, database, person or nothing
    running: bool = True
    health: str = ""
    restarts: int = 0
    restart_policy: str = "always"
    privileged: bool = False
    user: str = "1000"
    runs_as_root: bool = False
    network: str = "lab"
    pid_mode: str = ""
    capabilities: frozenset[str] = frozenset()
    binds: tuple[Bind, ...] = ()
    ports: tuple[Port, ...] = ()
    memory: int = 1 << 30
    memory_swap: int = 1 << 30
    pids: int = 512
    log_limited: bool = True
    log_bytes: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    pid: int = 0  # of its first process on the host, 0 while it does not run
    written: tuple[str, ...] = ()  # databases and secrets that lie in the container's own layer
    built_from: Image = field(default_factory=lambda: Image(tags=("x:1",), digests=("x@sha256:1",)))


@dataclass(frozen=True)
class Listener:
    """A TCP port of this host that answers. ``speaks``: hub, proxy-api, registry, docker, jupyter or other."""

    address: str
    port: int
    speaks: str = "other"
    tls: bool = False
    status: int = 0
    location: str = ""
    version: str = ""
    fingerprint: str = ""  # SHA-256 of the certificate that is served
    names: tuple[str, ...] = ()
    not_after: float | None = None

    @property
    def local(self) -> bool:
        return self.address.startswith("127.") or self.address in ("::1", "localhost")


@dataclass(frozen=True)
class Certificate:
    """A certificate file."""

    path: str
    names: tuple[str, ...] = ()
    fingerprint: str = ""
    not_after: float | None = None


@dataclass(frozen=True)
class Share:
    """A line of /etc/fstab for a NAS. ``beneath``: how many entries lie in its empty mount point."""

    source: str
    target: str
    fstype: str = "cifs"
    options: tuple[str, ...] = ()
    mounted: bool = True
    beneath: int = 0


@dataclass(frozen=True)
class Disk:
    """A local file system; ``days_left`` by the growth that was recorded, None where nothing was."""

    target: str
    total: int
    free: int
    inodes_free: float = 1.0
    days_left: float | None = None
    read_only: bool = False


@dataclass(frozen=True)
class Store:
    """A password store of FirstUseAuthenticator. ``kinds``: the dbm backends whose files lie there.

    ``openable``: whether the hub's Python has the backend, None where that is not known. ``names``: who has a password.
    """

    path: str
    kinds: tuple[str, ...] = ()
    openable: bool | None = None
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Settings:
    """What a hub's configuration says; None where it says nothing."""

    path: str
    kind: str = "compose"  # tljh or compose
    authenticator: str = ""
    create_users: bool | None = None
    open_signup: bool | None = None
    allow_all: bool | None = None
    memory_limit: bool = False
    culls: bool = False
    https: bool | None = None
    admins: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()
    has_list: bool = False  # who may log in is listed, if only by a computation


@dataclass(frozen=True)
class Target:
    """Where a backup goes: what the newest thing there is, and whether it lies on the disk that it saves."""

    path: str
    exists: bool = True
    newest_age_days: float | None = None
    newest_bytes: int = 0
    same_disk: bool = False


@dataclass(frozen=True)
class Backup:
    """A backup that is scheduled on this host."""

    source: str
    tool: str
    targets: tuple[Target, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Engine:
    """The Docker engine; ``there`` is whether it is installed, ``answers`` whether it does."""

    there: bool = True
    answers: bool = True
    live_restore: bool = True
    swap_limit: bool = True
    insecure_registries: tuple[str, ...] = ()
    log_limited: bool = True


@dataclass(frozen=True)
class System:
    """The host itself. Times are seconds since 1970, memory in bytes."""

    name: str = "debian"
    version: str = "13"
    memory: int = 8 << 30
    swap: int = 0
    firewall: str = ""  # ufw where it is switched on
    cron_runs: bool = True
    reboot_due_days: float = 0.0
    lists_age_days: float = 0.0
    root_by_password: bool = False
    failed_units: tuple[str, ...] = ()
    bare_servers: tuple[str, ...] = ()  # command lines of notebook servers without a token
    renewal: str = "none"  # certbot: none, active or missing


@dataclass(frozen=True)
class Current:
    """Everything that the doctor has seen of one host at ``now`` (seconds since 1970)."""

    now: float = 0.0
    kinds: tuple[str, ...] = ()  # labserver, tljh, compose
    system: System = field(default_factory=System)
    engine: Engine = field(default_factory=lambda: Engine(there=False))
    containers: tuple[Container, ...] = ()
    listeners: tuple[Listener, ...] = ()
    accounts: tuple[Account, ...] = ()
    orphans: tuple[str, ...] = ()  # homes whose owner does not exist
    files: tuple[File, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    shares: tuple[Share, ...] = ()
    disks: tuple[Disk, ...] = ()
    stores: tuple[Store, ...] = ()
    hubs: tuple[Settings, ...] = ()
    backups: tuple[Backup, ...] = ()
    unread: tuple[str, ...] = ()  # what could not be looked at, and why
