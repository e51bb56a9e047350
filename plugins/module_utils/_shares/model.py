# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The desired state: what one entry of ``shares_list`` comes to on the host."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .fstab import Entry
from .options import FSTYPES, WORK, merged, permissions, words

ETC = "/etc/labserver/shares"
CREDENTIALS = f"{ETC}/credentials"
HEALTH = f"{ETC}/health.json"
EXCHANGE = "/etc/labserver/public/shares.json"
STATUS = "/etc/labserver/public/shares-status.json"
ROSTER = "/etc/labserver/public/roster.json"
MOUNTED = "/var/lib/labserver/shares/mounted.json"


@dataclass(frozen=True)
class File:
    """A file's bytes and permission bits."""

    content: bytes
    mode: int


@dataclass(frozen=True)
class Share:
    """A share as it shall be: ``parent`` holds nothing but the mount point and is what containers bind."""

    name: str
    kind: str
    source: str
    path: str
    parent: str
    mount_point: str
    options: Mapping[str, Any]
    credentials: str | None
    access: Mapping[str, str]
    others: str
    when_absent: str
    gids: tuple[int, ...]
    writer_gid: int = 0
    sentinel: str = ""
    min_free_percent: float = 0

    @property
    def automount(self) -> bool:
        return bool(self.options.get("x-systemd.automount"))

    @property
    def read_only(self) -> bool:
        return "ro" in self.options

    @property
    def entry(self) -> Entry:
        """The line of fstab."""
        return Entry(self.source, self.mount_point, FSTYPES[self.kind], ",".join(words(self.options)))

    def fingerprint(self, secret: bytes | None, salt: str) -> str:
        """Name the mount that this share and its credentials give; another value means: mount anew."""
        parts = [self.entry.source, self.entry.target, self.entry.fstype, *sorted(words(self.options))]
        secret_hash = hashlib.sha256(salt.encode() + (secret or b"")).hexdigest()
        return hashlib.sha256("\0".join([salt, *parts, secret_hash]).encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True)
class Desired:
    """All shares below ``root`` and all files of the room (path -> content and mode)."""

    root: str
    shares: tuple[Share, ...]
    files: Mapping[str, File]

    def secret(self, share: Share) -> bytes | None:
        file = self.files.get(f"{CREDENTIALS}/{share.credentials}") if share.credentials else None
        return file.content if file else None


def desired_share(
    raw: Mapping[str, Any], *, root: str, options: Mapping[str, Any], gids: Mapping[str, int], min_free_percent: float
) -> Share:
    """Make a share of a (checked) entry; ``gids`` must know every group of its access."""
    name, kind = raw["name"], raw.get("type") or "cifs"
    access, others = dict(raw.get("access") or {}), raw.get("others") or "none"
    own, common = raw.get("options") or {}, options.get(kind) or {}
    use = raw.get("use") or "data"
    computed: dict[str, Any] = dict(WORK[kind]) if use == "work" else {}
    credentials = raw.get("credentials") or None
    if "rw" not in own and "ro" not in own:
        computed["rw" if "rw" in access.values() else "ro"] = True
    if kind == "cifs":
        if credentials:
            computed["credentials"] = f"{CREDENTIALS}/{credentials}"
        if not merged(kind, common, own).get("multiuser"):
            computed.update(permissions(access, others, gids, use))
    free = raw.get("min_free_percent")
    return Share(
        name=name,
        kind=kind,
        source=raw["source"].rstrip("/") or "/",
        path=raw.get("path") or f"/mnt/{name}",
        parent=f"{root}/{name}",
        mount_point=f"{root}/{name}/files",
        options=merged(kind, computed, common, own),
        credentials=credentials,
        access=access,
        others=others,
        when_absent=raw.get("when_absent") or "refuse",
        gids=tuple(sorted({gids[group] for group in access})),
        writer_gid=next((gids[group] for group, right in access.items() if right == "rw"), 0),
        sentinel=raw.get("sentinel") or "",
        min_free_percent=min_free_percent if free is None else free,
    )


def credentials_file(value: Mapping[str, Any]) -> bytes:
    """Write a credentials file for mount.cifs: values are literal to the end of the line, blanks round '=' are not."""
    keys = [key for key in ("username", "password", "domain") if value.get(key)]
    return "".join(f"{key}={value[key]}\n" for key in keys).encode()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


def exchange_file(shares: Sequence[Share]) -> bytes:
    """Write ``public/shares.json``, which docs/reference/interfaces.md describes."""
    table = {
        share.name: {
            "type": share.kind,
            "mount_point": share.mount_point,
            "path": share.path,
            "bind": share.parent,
            "access": dict(share.access),
            "others": share.others,
            "when_absent": share.when_absent,
        }
        for share in shares
    }
    return _json({"version": 1, "shares": table})


def health_file(shares: Sequence[Share], timeout_seconds: float) -> bytes:
    """Write what the scheduled check needs to know."""
    table = {
        share.name: {
            "type": share.kind,
            "mount_point": share.mount_point,
            "sentinel": share.sentinel,
            "min_free_percent": share.min_free_percent,
        }
        for share in shares
    }
    return _json({"version": 1, "timeout_seconds": timeout_seconds, "shares": table})


def unit_name(path: str) -> str:
    """Return a path as systemd writes it in unit names (``systemd-escape --path``), without the suffix."""
    trimmed = "/".join(part for part in path.split("/") if part)
    result = []
    for index, byte in enumerate(trimmed.encode("utf-8", "surrogateescape")):
        character = chr(byte)
        plain = character.isascii() and (character.isalnum() or character in ":_" or (character == "." and index > 0))
        result.append("-" if character == "/" else character if plain else f"\\x{byte:02x}")
    return "".join(result) or "-"


def drop_in(root: str) -> tuple[str, bytes]:
    """Return path and text of the drop-in for all mounts below ``root``.

    systemd gives an automount up for good when its mount fails five times within ten seconds, which a NAS that is just
    booting (connection refused) and one impatient notebook are enough for.
    """
    text = (
        b"# Written by labserver.jupyter: a share that cannot be mounted is tried again with the next access, always.\n"
    )
    return f"/etc/systemd/system/{unit_name(root)}-.mount.d/labserver.conf", text + b"[Unit]\nStartLimitIntervalSec=0\n"
