# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a share: what a careful administrator would choose, and what the lab says instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# True stands for the bare option, None and False for "without it", anything else for its value.
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "cifs": {
        "vers": "3.1.1",
        "iocharset": "utf8",  # else passwords and file names outside ASCII fail on some kernels
        "echo_interval": 15,  # a lost server is noticed in under a minute (default 60: a first access hangs for 192 s)
        "soft": True,
        "mfsymlinks": True,
        "nosuid": True,
        "nodev": True,
        "nofail": True,
        "_netdev": True,
        "x-systemd.automount": True,
        "x-systemd.idle-timeout": "10min",
        "x-systemd.mount-timeout": "15s",
    },
    "nfs": {
        "vers": "4.2",
        "soft": True,
        "timeo": 50,  # tenths of a second
        "retrans": 2,
        "nosuid": True,
        "nodev": True,
        "nofail": True,
        "_netdev": True,
        "x-systemd.automount": True,
        "x-systemd.idle-timeout": "10min",
        "x-systemd.mount-timeout": "15s",
    },
    "local": {"bind": True, "nosuid": True, "nodev": True, "nofail": True},
}
# What people need who work in a share (git, virtual environments, scripts, cp -a, SQLite). ``noperm``: the kernel asks
# the server alone, so that chmod, touch -d and cp -a work on files that seem to be root's; whoever sees the share may
# write. ``nobrl``: locks of byte ranges stay on this machine, without which SQLite ends with "database is locked".
WORK: Mapping[str, Mapping[str, Any]] = {"cifs": {"noperm": True, "nobrl": True}, "nfs": {}, "local": {}}
FSTYPES = {"cifs": "cifs", "nfs": "nfs", "local": "none"}


def merged(kind: str, *layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a type with the layers laid over them, the later the stronger; False and None drop one."""
    result: dict[str, Any] = dict(DEFAULTS[kind])
    for layer in layers:
        result.update(layer)
    return {key: value for key, value in result.items() if value is not None and value is not False}


def needs_credentials(options: Mapping[str, Any]) -> bool:
    """Whether a CIFS share with these options asks for a user name and a password."""
    return not (str(options.get("sec", "")).startswith(("krb5", "none")) or options.get("guest"))


def words(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Write options the way fstab has them."""
    return tuple(key if value is True else f"{key}={value}" for key, value in options.items())


def permissions(access: Mapping[str, str], others: str, gids: Mapping[str, int], use: str = "data") -> dict[str, Any]:
    """Return uid, gid and modes of a mounted CIFS share, so that its groups have the rights they were given.

    One group writes: it owns the files, whoever else may see the share reads as "other". Nobody writes: the one group
    owns them, or everybody reads. Several groups write and nobody only reads: everybody who gets in may write (the
    folder above the mount lets in nobody else). In a share for work every file can be executed, too: such a mount keeps
    no bits of its own.
    """
    writers = [group for group, right in access.items() if right == "rw"]
    readers = [group for group, right in access.items() if right == "ro"]
    owners = writers if len(writers) == 1 else readers if not writers and len(readers) == 1 else []
    gid = gids[owners[0]] if owners else 0
    group_bits = 6 if writers and owners else 4 if owners else 0
    other_bits = 0
    if len(writers) > 1 and not readers and others == "none":
        group_bits = other_bits = 6
    elif others == "ro" or [group for group in readers if group not in owners]:
        other_bits = 4
        group_bits = group_bits or 4
    owner_bits = 6 if writers else 4
    files = owner_bits << 6 | group_bits << 3 | other_bits
    folders = sum(
        (bits | (1 if bits & 4 else 0)) << shift for bits, shift in ((owner_bits, 6), (group_bits, 3), (other_bits, 0))
    )
    files = folders if use == "work" else files
    return {"uid": 0, "gid": gid, "file_mode": f"{files:04o}", "dir_mode": f"{folders:04o}"}
