# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders that are not ours: the system's, other rooms', mount points. Asked before anything is chowned or chmodded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from . import paths
from .mounts import Mount, planned

SYSTEM = frozenset(
    "/ /bin /boot /dev /etc /home /lib /lib32 /lib64 /libx32 /lost+found /media /mnt /opt /proc /root /run /sbin /snap "  # noqa: SIM905
    "/srv /sys /tmp /usr /var /var/backups /var/cache /var/lib /var/local /var/lock /var/log /var/mail /var/opt "
    "/var/run /var/spool /var/tmp /var/www".split()
)
"""Folders of the system. Folders of one's own are possible below some of them."""

TREES = tuple(
    "/bin /boot /dev /etc /lib /lib32 /lib64 /libx32 /proc /root /run /sbin /snap /sys /tmp /usr /var/cache "  # noqa: SIM905
    "/var/lib/apt /var/lib/containerd /var/lib/containers /var/lib/docker /var/lib/dpkg /var/lib/private "
    "/var/lib/systemd /var/lock /var/log /var/mail /var/run /var/spool /var/tmp".split()
)
"""Trees of the system: nothing below them is free to use either."""

DISKS = frozenset({"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "xfs", "zfs"})
"""File systems on disks of the host."""

OURS = (paths.CONFIGURATION, paths.DATA, paths.STATE)
"""What a lab server keeps, one folder for each room."""

ROOMS: Mapping[str, tuple[str, ...]] = {
    "accounts": ("accounts",),
    "backup": ("backup", "backup.d"),
    "bundle": ("bundle",),
    "certificates": ("acme", "ca", "certificates", "certificates.d", "tls"),
    "cocalc": ("cocalc",),
    "compose_app": ("compose",),
    "docker": ("docker",),
    "hub": ("hub", "catalogue"),
    "images": ("images",),
    "proxy": ("proxy",),
    "registry": ("registry",),
    "sandbox": ("sandbox",),
    "schedule": ("alerts", "jobs", "jobs.d"),
    "shares": ("shares",),
    "status": ("public",),
}
"""Room -> names of its folders below each of OURS. All other names there are free."""

OWNED: Mapping[str, str] = {
    "accounts_archive_folder": "accounts",
    "cocalc_data_folder": "cocalc",
    "cocalc_dump_folder": "cocalc",
    "compose_app_data_folder": "compose_app",
    "compose_app_folder": "compose_app",
    "registry_caches_folder": "registry",
    "registry_data_folder": "registry",
    "shares_root": "shares",
}
"""Inputs that name a folder of the host whose owner and rights a role sets -> the room. A test keeps it complete."""


def not_ours(path: str, room: str) -> str:
    """Say why the folder is none that a room may own (an empty text: it may). Judged by the path alone."""
    if not path.startswith("/") or path != os.path.normpath(path) or path.startswith("//"):
        return 'is not a plain absolute path (no "..", no doubled slash, none at the end)'
    if path in SYSTEM:
        return "is a folder of the system"
    if path in OURS:
        return "holds the folders of all roles"
    for base in OURS:
        if path.startswith(f"{base}/"):
            name = PurePosixPath(path).relative_to(base).parts[0]
            owner = next((one for one, names in ROOMS.items() if name in names), room)
            return "" if owner == room else f"belongs to the role {owner}"
    tree = next((tree for tree in TREES if path.startswith(f"{tree}/") or path == tree), "")
    return f"lies below {tree}, which is the system's" if tree else ""


def meets(one: str, other: str) -> bool:
    """Tell whether two folders are the same or one contains the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def problems(values: Mapping[str, object], listed: Mapping[str, tuple[str, str]]) -> list[str]:
    """Return the problems of the inputs that name a folder of a role (see OWNED), given the inputs of all roles.

    ``listed`` are folders that stand in lists: where -> (room, path). Their own problems are told by their room.
    """
    named = {key: (room, str(values[key])) for key, room in OWNED.items() if values.get(key)}
    found = [
        f'{key}: "{path}" {why}; give a folder of its own such as /srv/labserver/{ROOMS[room][0]}'
        for key, (room, path) in named.items()
        if (why := not_ours(path, room))
    ]
    everything = [*named.items(), *listed.items()]
    for index, (key, (room, path)) in enumerate(everything):
        found += [
            f'{key}: "{path}" meets {other} "{other_path}"; give folders that do not contain each other'
            for other, (other_room, other_path) in everything[index + 1 :]
            if room != other_room and meets(path, other_path)
        ]
    return found


def obstacle(root: Path, path: str, mounted: Iterable[Mount]) -> str:
    """Say why owner and rights of a folder must not be changed as it is on the host (an empty text: they may).

    ``root`` is where the host's file system begins. Looks at symbolic links on the way and at mount points: a disk of
    its own may be such a folder as long as it is mounted, but not a part of another one, nor a share.
    """
    place = root / path.lstrip("/")
    real = Path(os.path.realpath(place))
    if real != Path(os.path.realpath(root)) / path.lstrip("/"):
        return f"leads to {real} through a symbolic link; name that folder itself"
    mine = [mount for mount in mounted if mount.target == path]
    if not mine:
        return (
            "is a mount point in /etc/fstab and not mounted now; mount it first"
            if path in planned(root, also_by_hand=True)
            else ""
        )
    last = mine[-1]
    whole = last.origin == "/" or f"subvol={last.origin}" in last.options
    if last.fstype in DISKS and whole:
        return ""
    return f"is a mount point of {last.source} ({last.fstype}), which is no disk of its own; give a folder within it"
