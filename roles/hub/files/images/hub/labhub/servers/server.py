# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the container of a person's server looks like, computed from roster, shares and settings alone.

The spawner makes containers with this module; the guard accepts only containers that this module could have made.
"""

from __future__ import annotations

import contextlib
import hashlib
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..exchange.images import Image
from ..exchange.roster import Person, Roster
from ..exchange.settings import Settings
from ..exchange.shares import Share
from . import gpus as cards
from . import names

CPU_PERIOD = 100_000
"""Microseconds; Docker's own default."""
USER_LABEL = "org.labserver.user"
ROOM_LABEL = "org.labserver.room"
ROOM = "hub-server"
IMAGE_LABEL = "org.labserver.image"
TRUST = "ca-bundle.crt"
"""In the public folder: what the host trusts, the lab's own authority included."""
RUNTIME_FOLDER = "/dev/shm/jupyter"  # noqa: S108
"""What Jupyter writes while it starts: in memory, as a home or disk that is full would keep its owner out."""
ROOM_SETTINGS = "/opt/jupyter/etc/labserver-room"
"""Where an image keeps the settings that let several people work in one notebook; others have no such folder."""
LOG_OPTIONS = {"max-size": "5m", "max-file": "2"}
TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108
"""What a server may write outside of its home in images as they are usual; here it counts as the server's memory."""


@dataclass(frozen=True)
class Allowance:
    """Limits of one server. Memory in bytes (swap counts in), CPU in cores."""

    cpu: float
    memory_bytes: int
    pids: int


def allowance(
    settings: Settings, person: Person, image: Image | None = None, portion: Allowance | None = None
) -> Allowance:
    """Return the limits of a server: an image may ask for less, never for more.

    That is the person's own limits or else the hub's; or ``portion``, what this one of several servers gets of them.
    """
    cpu = person.limits.cpu if person.limits.cpu is not None else settings.cpu
    memory = person.limits.memory_bytes if person.limits.memory_bytes is not None else settings.memory_bytes
    pids = person.limits.pids if person.limits.pids is not None else settings.pids
    if portion is not None:
        cpu, memory, pids = portion.cpu, portion.memory_bytes, portion.pids
    wanted = image.limits if image else {}
    return Allowance(
        cpu=min(cpu, wanted.get("cpu", cpu)),
        memory_bytes=int(min(memory, wanted.get("memory_bytes", memory))),
        pids=int(min(pids, wanted.get("pids", pids))),
    )


def temporary(settings: Settings, memory_bytes: int) -> dict[str, str]:
    """Return the file systems in memory of a server with so much memory, in the form of Docker's ``Tmpfs``.

    Each holds at most half of the memory: who fills one keeps room to go on. Packages are built in /tmp, so programs
    may run there (Docker alone would say ``noexec``).
    """
    size = min(settings.tmp_bytes, memory_bytes // 2)
    return dict.fromkeys(TEMPORARY, f"rw,exec,nosuid,nodev,mode=1777,size={size}") if size > 0 else {}


def links_folder(settings: Settings, shares: Sequence[tuple[Share, str]], parent: str) -> Path:
    """Return the folder of symbolic links that stands at ``parent`` in a server with these shares."""
    links = sorted((share.path, share.mount_point) for share, _right in shares)
    key = hashlib.sha256(repr((parent, links)).encode()).hexdigest()[:16]
    return Path(settings.links_folder) / key


def link_parents(shares: Sequence[tuple[Share, str]]) -> dict[str, dict[str, str]]:
    """Return for each folder in which shares are looked for (such as /mnt) its links: name -> mount point."""
    parents: dict[str, dict[str, str]] = {}
    for share, _right in shares:
        parent, name = posixpath.split(share.path)
        if share.path != share.mount_point and parent not in ("/", "", "/etc", "/usr", "/bin", "/lib", "/opt", "/tmp"):  # noqa: S108
            parents.setdefault(parent, {})[name] = share.mount_point
    return parents


def write_links(settings: Settings, shares: Sequence[tuple[Share, str]]) -> None:
    """Make the folders of symbolic links that ``binds`` names. They are small, shared by people and never changed."""
    for parent, links in link_parents(shares).items():
        folder = links_folder(settings, shares, parent)
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name, target in links.items():
            with contextlib.suppress(FileExistsError):  # another server may be started at the same moment
                (folder / name).symlink_to(target)


def binds(settings: Settings, person: Person, shares: Sequence[tuple[Share, str]]) -> list[str]:
    """Return the binds of a server in Docker's notation. ``shares`` are those to mount, with ``ro`` or ``rw``."""
    public = settings.public_folder
    result = [
        f"{person.home}:{person.home}:rw",
        f"{public}/passwd:/etc/passwd:ro",
        f"{public}/group:/etc/group:ro",
    ]
    # What the host trusts, the lab's own authority included; absent where the lab has none.
    if Path(public, TRUST).exists():
        result.append(f"{public}/{TRUST}:/etc/ssl/certs/ca-certificates.crt:ro")
    # The folder above the mount, with rslave: a share that goes and comes back does so in running servers too.
    result += [f"{share.bind}:{share.bind}:{right},rslave" for share, right in shares]
    result += [f"{links_folder(settings, shares, parent)}:{parent}:ro" for parent in sorted(link_parents(shares))]
    return result


def host_config(
    settings: Settings,
    roster: Roster,
    person: Person,
    allowed: Allowance,
    shares: Sequence[tuple[Share, str]],
    *,
    gpus: Sequence[str] = (),
) -> dict[str, object]:
    """Return the ``HostConfig`` of Docker's API for a person's server."""
    config: dict[str, object] = {
        "Binds": binds(settings, person, shares),
        "NetworkMode": settings.network,
        "Memory": allowed.memory_bytes,
        "MemorySwap": allowed.memory_bytes,
        "CpuPeriod": CPU_PERIOD,
        "CpuQuota": int(allowed.cpu * CPU_PERIOD),
        "PidsLimit": allowed.pids,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "GroupAdd": [str(gid) for gid in roster.group_ids(person)],
        "Init": True,
        "LogConfig": {"Type": "json-file", "Config": dict(LOG_OPTIONS)},
    }
    if temporary(settings, allowed.memory_bytes):
        config["Tmpfs"] = temporary(settings, allowed.memory_bytes)
    if settings.layer_bytes:
        config["StorageOpt"] = {"size": str(settings.layer_bytes)}
    if settings.cgroup_parent:
        config["CgroupParent"] = settings.cgroup_parent
    if gpus:
        config["DeviceRequests"] = [cards.request(settings.gpu_driver, gpus)]
    return config


def create_body(
    person: Person,
    image: Image,
    environment: Mapping[str, str],
    command: Sequence[str],
    host: Mapping[str, object],
    *,
    port: int,
    gpus: Sequence[str] = (),
    name: str = "",
) -> dict[str, object]:
    """Return the body of Docker's "create a container" for a person's server; ``name``: of a further one."""
    labels = {USER_LABEL: person.name, ROOM_LABEL: ROOM, IMAGE_LABEL: image.name}
    if name:
        labels[names.LABEL] = name
    if gpus:
        labels[cards.LABEL] = ",".join(gpus)
    else:
        # Where NVIDIA's runtime is Docker's default, an image could otherwise give itself all cards by this variable.
        environment = {**environment, "NVIDIA_VISIBLE_DEVICES": "void"}
    return {
        "Image": image.reference,
        "User": f"{person.uid}:{person.gid}",
        "Cmd": list(command),
        "Env": [f"{key}={value}" for key, value in environment.items()],
        "WorkingDir": person.home,
        "ExposedPorts": {f"{port}/tcp": {}},
        "Labels": labels,
        "HostConfig": dict(host),
    }


def program_body(
    person: Person,
    image: Image,
    environment: Mapping[str, str],
    label: tuple[str, str],
    asked: Sequence[str],
    host: Mapping[str, object],
) -> dict[str, Any]:
    """Return the body of Docker's "create a container" for a program of the person's, which is no server.

    ``label`` says of which kind it is, and which one; ``asked`` is the command, ``host`` what the container may use. It
    has no port and no graphics card.
    """
    variables = {**environment, **person_environment(person), "NVIDIA_VISIBLE_DEVICES": "void"}
    return {
        "Image": image.reference,
        "User": f"{person.uid}:{person.gid}",
        "Cmd": list(asked),
        "Env": [f"{key}={value}" for key, value in variables.items()],
        "WorkingDir": person.home,
        "Labels": {USER_LABEL: person.name, ROOM_LABEL: ROOM, IMAGE_LABEL: image.name, label[0]: label[1]},
        "HostConfig": dict(host),
    }


def allowed_of(container: Mapping[str, Any]) -> Allowance:
    """Return what a container may use, as Docker shows it: 0 where Docker has no limit."""
    host = container.get("HostConfig") or {}
    period = int(host.get("CpuPeriod") or 0) or CPU_PERIOD
    cpu = int(host.get("CpuQuota") or 0) / period or int(host.get("NanoCpus") or 0) / 1e9
    return Allowance(max(0.0, cpu), max(0, int(host.get("Memory") or 0)), max(0, int(host.get("PidsLimit") or 0)))


def token_of(container: Mapping[str, Any], person: Person) -> str:
    """Return the token with which a person's container, as Docker shows it, speaks to the hub; empty if it has none."""
    config = container.get("Config") or {}
    labels = config.get("Labels") or {}
    if labels.get(ROOM_LABEL) != ROOM or labels.get(USER_LABEL) != person.name:
        return ""
    found = [line.partition("=")[2] for line in config.get("Env") or () if line.startswith("JUPYTERHUB_API_TOKEN=")]
    return found[0] if len(found) == 1 else ""


def person_environment(person: Person) -> dict[str, str]:
    """Return the variables that tell programs in the server whose it is."""
    room = {} if person.room is None else {"JUPYTER_CONFIG_PATH": ROOM_SETTINGS}
    return {
        **room,
        "HOME": person.home,
        "USER": person.system_name,
        "LOGNAME": person.system_name,
        "NB_USER": person.system_name,
        "NB_UID": str(person.uid),
        "NB_GID": str(person.gid),
        "JUPYTER_RUNTIME_DIR": RUNTIME_FOLDER,
        "SHELL": "/bin/bash",
    }


def folders_environment(shares: Sequence[tuple[Share, str]]) -> dict[str, str]:
    """Return the variable that tells a server's programs which shared folders it has, as people know them."""
    return {"LABSERVER_FOLDERS": ":".join(share.path for share, _right in shares)} if shares else {}
