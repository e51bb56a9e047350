# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hazards of containers: what they may do to the host, what they lose, what nobody can start again."""

from __future__ import annotations

from collections.abc import Iterator

from .._common import labels
from .hazards import Seen, hazard
from .model import KEPT, Container, Current

SOCKETS = ("/var/run/docker.sock", "/run/docker.sock")
ACCOUNT_FILES = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow")
# Folders of the host that make whoever may write there root, or show everything that is on it.
DANGEROUS = (
    "/",
    "/etc",
    "/root",
    "/boot",
    "/usr",
    "/var",
    "/var/lib",
    "/var/lib/docker",
    "/proc",
    "/sys",
    "/dev",
    "/home",
)
POWERS = frozenset({"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "DAC_READ_SEARCH", "NET_ADMIN"})


def _ours(container: Container) -> bool:
    """Whether a role of this collection made it: what those may do is decided and tested there."""
    return container.labels.get(labels.ROOM, "") not in ("", labels.HUB_SERVERS.partition("=")[2])


def people(current: Current) -> Iterator[Container]:
    return (each for each in current.containers if each.role == "person" and each.running)


def _socket(container: Container) -> bool:
    """Whether Docker's socket is in it, itself or by a folder above it."""
    return any(each.source in (*SOCKETS, "/run", "/var/run", "/") for each in container.binds if each.kind == "bind")


@hazard(
    "docker-socket-for-people",
    "critical",
    "whoever works in it is root on the host",
    "take the mount of docker.sock off people's servers",
)
def socket_for_people(current: Current) -> Seen:
    """Docker's socket in a person's server."""
    for container in people(current):
        if _socket(container):
            yield container.name, "Docker's socket is mounted in a person's server"


@hazard(
    "docker-socket",
    "warning",
    "whoever breaks into this one service is root on the host",
    "put a filter before the socket that lets only the calls through which it needs",
)
def socket_in_service(current: Current) -> Seen:
    """Docker's socket in any other container, without a filter."""
    for container in current.containers:
        if container.role != "person" and not _ours(container) and _socket(container):
            yield container.name, "Docker's socket is mounted without a filter before it"


@hazard(
    "container-privileged",
    "critical",
    "who is root in it is root on the host",
    "start it without --privileged and with the one capability or device that it needs",
)
def privileged(current: Current) -> Seen:
    """--privileged, or a capability that comes to the same."""
    for container in current.containers:
        powers = container.capabilities & POWERS
        if _ours(container) or not (container.privileged or powers):
            continue
        yield container.name, "it is privileged" if container.privileged else f"it has {', '.join(sorted(powers))}"


@hazard(
    "container-host-folder",
    "critical",
    "who is root in it changes the host, or reads what belongs to others",
    "mount only the folder that it needs, read-only where that does",
)
def host_folder(current: Current) -> Seen:
    """Folders of the system in a container that may write to them; all homes in a person's server."""
    for container in current.containers:
        if _ours(container):
            continue
        for each in container.binds:
            makes_homes = each.source == "/home" and container.role != "person"
            reaches = each.writable or each.source in ("/", "/root", "/home")
            if each.kind == "bind" and each.source in DANGEROUS and reaches and not makes_homes:
                yield container.name, f"{each.source} of the host is mounted at {each.target}"


@hazard(
    "container-host-namespace",
    "warning",
    "it sees and reaches what belongs to the host: services on 127.0.0.1, or processes",
    "leave --network host and --pid host away",
)
def host_namespace(current: Current) -> Seen:
    """The host's network or processes in a container of a person, its processes in any."""
    for container in current.containers:
        shared = [word for word, value in (("processes", container.pid_mode),) if value == "host"]
        shared += ["network"] if container.network == "host" and container.role == "person" else []
        if shared and not _ours(container):
            yield container.name, f"it shares the host's {' and '.join(shared)}"


@hazard(
    "person-is-root",
    "warning",
    "files in homes and shares belong to root, and one hole in the kernel is enough to leave the container",
    "start people's servers with the number of the person, and no-new-privileges",
)
def person_is_root(current: Current) -> Seen:
    """People's servers that run as root."""
    for container in people(current):
        if container.runs_as_root:
            yield container.name, "the person's server runs as root"


@hazard(
    "accounts-mount-stale",
    "critical",
    "the hub does not know who was added since, and still knows who was removed",
    "mount the folder instead of the file, or copy the file in; a restart helps until the next account",
)
def accounts_mount_stale(current: Current) -> Seen:
    """/etc/passwd mounted as a file: useradd replaces it, and the container keeps the old one."""
    for container in current.containers:
        for each in container.binds:
            if each.source in ACCOUNT_FILES and each.stale:
                yield container.name, f"it still sees the {each.source} from before the last account was made"


@hazard(
    "accounts-mount",
    "warning",
    "the next new account makes it stale, without a word, until somebody restarts the container",
    "mount a folder that holds a copy of the file",
)
def accounts_mount(current: Current) -> Seen:
    """The same before it happens; and passwords of the host in a container."""
    for container in current.containers:
        for each in container.binds:
            if each.source in ACCOUNT_FILES and not each.stale and not _ours(container):
                secret = " with the host's password hashes" if "shadow" in each.source else ""
                yield container.name, f"the single file {each.source}{secret} is mounted in it"


@hazard(
    "database-in-layer",
    "critical",
    "it is gone when the container is made anew, by an update for instance: people lose their servers and tokens",
    "copy it out (docker cp), put it on a volume or a folder of the host, and make the container anew then",
)
def database_in_layer(current: Current) -> Seen:
    """Databases that lie in the container's own layer."""
    for container in current.containers:
        lost = [path for path in container.written if path.endswith((".sqlite", ".db", ".sqlite3"))]
        lost = [path for path in lost if "password" not in path]
        if lost and (container.role in KEPT or "jupyterhub.sqlite" in " ".join(lost)):
            yield container.name, f"{lost[0]} lies in the container itself"


@hazard(
    "passwords-in-layer",
    "critical",
    "with the next container all passwords are gone, and whoever comes first chooses new ones",
    "copy the store out and mount it from the host",
)
def passwords_in_layer(current: Current) -> Seen:
    """A password store in the container's own layer."""
    for container in current.containers:
        for path in container.written:
            if "password" in path.rpartition("/")[2]:
                yield container.name, f"{path} lies in the container itself"
                break


@hazard(
    "cookie-secret-in-layer",
    "warning",
    "with the next container everybody is logged out, and encrypted state is lost",
    "mount the file from the host, or name it by c.JupyterHub.cookie_secret_file",
)
def cookie_secret_in_layer(current: Current) -> Seen:
    """The hub's cookie secret in the container's own layer."""
    for container in current.containers:
        if any(path.endswith("cookie_secret") for path in container.written):
            yield container.name, "jupyterhub_cookie_secret lies in the container itself"


@hazard(
    "data-in-nameless-volume",
    "warning",
    "docker compose down -v and docker volume prune delete it; the next container starts with an empty one",
    "give the volume a name, or mount a folder of the host",
)
def nameless_volume(current: Current) -> Seen:
    """Data of hub, registry or a database in a volume that nobody named."""
    for container in current.containers:
        for each in container.binds:
            if container.role in KEPT and each.kind == "volume" and len(each.name) == 64 and not _ours(container):
                yield container.name, f"{each.target} is a volume without a name"
