# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the hub's containers have to know about the host: mounts, shares, time zone."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._common import exchange, paths

ACCEPT_MARK = "0x4c000000/0xff000000"
"""The role ``docker`` gives the engine the same for its option ``bridge-accept-fwmark``."""
PRIVATE_ROOT = (
    "the mount of / is private, as findmnt -o TARGET,PROPAGATION / shows: a share that is mounted later, or comes back,"
    " is not seen in servers that run already. systemd makes it shared at boot; find out what makes it private, and"
    " undo that by mount --make-rshared / before the hub is set up again"
)


def shares_root(document: bytes | None, default: str = paths.SHARES) -> str:
    """Return the folder below which the host's shares are mounted, from the bytes of ``public/shares.json``.

    ``default`` without shares (None: there is no such file). Raises ExchangeError for a file that cannot be read:
    its shares must not be taken for none.
    """
    if document is None:
        return default
    try:
        binds = [share["bind"] for share in exchange.parse(document, "shares.json")["shares"].values()]
    except (KeyError, TypeError, AttributeError) as error:
        raise exchange.ExchangeError(f"shares.json is damaged ({error!r}); {exchange.HINT}") from error
    return posixpath.dirname(binds[0]) if binds else default


def shared_root(mountinfo: str) -> bool:
    """Tell from /proc/self/mountinfo whether mounts below / propagate, as under systemd on a real host."""
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        if fields[4] == "/":
            return any(field.startswith("shared:") for field in fields[6 : fields.index("-")])
    return False


def time_zone(path: Path = Path("/etc/localtime")) -> str:
    """Return the host's time zone in POSIX form (``CET-1CEST,M3.5.0,M10.5.0/3``): containers have no table of zones."""
    try:
        lines = path.read_bytes().split(b"\n")  # a compiled zone ends with that form on a line of its own (RFC 9636)
    except OSError:
        return "UTC0"
    footer = lines[-2] if lines[0].startswith(b"TZif") and len(lines) > 2 and lines[-1] == b"" else b""
    return footer.decode("ascii", errors="ignore") or "UTC0"


def limits_layers(info: Mapping[str, Any], mountinfo: str) -> bool:
    """Tell whether Docker can limit the writable layer of one container (``--storage-opt size``).

    The drivers ``btrfs`` and ``zfs`` can; ``overlay2`` can on XFS that is mounted with ``pquota`` (documentation of
    ``docker container run --storage-opt``). ``mountinfo`` is that of the host.
    """
    driver = str(info.get("Driver") or "")
    if driver != "overlay2":
        return driver in ("btrfs", "zfs")
    told = {str(line[0]): str(line[1]) for line in info.get("DriverStatus") or () if len(line) == 2}
    if told.get("Backing Filesystem") != "xfs":
        return False
    folder, found = str(info.get("DockerRootDir") or "/"), ("", "")
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        point = fields[4].replace("\\040", " ")
        inside = point in ("/", folder) or folder.startswith(f"{point}/")
        if inside and len(point) >= len(found[0]):  # of two on one place the later one is seen
            found = (point, fields[-1])
    return bool({"prjquota", "pquota"} & set(found[1].split(",")))


def firewall_mark(info: Mapping[str, Any]) -> str:
    """Return the mark that Docker's backend for nftables lets pass; empty for iptables, whose chains decide themselves.

    Docker 29 and later have that backend, and say so in ``FirewallBackend``.
    """
    driver = str((info.get("FirewallBackend") or {}).get("Driver") or "")
    return ACCEPT_MARK if driver.startswith("nftables") else ""
