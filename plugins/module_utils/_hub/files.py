# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders, secrets and configuration files of the hub on the host, compared and written in one go."""

from __future__ import annotations

import json
import os
import posixpath
import secrets
import stat
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Wanted:
    """One path. ``content`` None: a folder; ``secret_bytes``: made once at random (hexadecimal) and then kept.

    A secret with ``same_as`` takes over the content of another secret of the same call, for a reader with another uid.
    """

    path: str
    mode: int
    owner: int = 0
    group: int = 0
    content: str | None = None
    hidden: bool = False  # the content is a secret
    secret_bytes: int = 0
    same_as: str = ""
    state: str = "present"


@dataclass(frozen=True)
class Change:
    """One thing to do: ``make``, ``write``, ``generate``, ``remove`` or ``permit`` (owner, group, mode) a path."""

    what: str
    wanted: Wanted
    before: str = ""


def from_params(items: Iterable[Mapping[str, Any]]) -> list[Wanted]:
    """Return the wishes of a module's parameters; modes are octal strings."""
    return [
        Wanted(
            path=item["path"],
            mode=int(item["mode"], 8),
            owner=item["owner"],
            group=item["group"],
            content=item["secret"] + "\n" if item.get("secret") is not None else item.get("content"),
            hidden=item.get("secret") is not None,
            secret_bytes=item.get("secret_bytes") or 0,
            same_as=item.get("same_as") or "",
            state=item.get("state") or "present",
        )
        for item in items
    ]


def compare(wanted: Iterable[Wanted]) -> list[Change]:
    """Return what differs, in the order of the wishes."""
    changes: list[Change] = []
    for one in wanted:
        path = Path(one.path)
        try:
            found = path.lstat()
        except FileNotFoundError:
            found = None
        if one.state == "absent":
            if found is not None:
                changes.append(Change("remove", one))
            continue
        folder = one.content is None and not one.secret_bytes and not one.same_as
        if found is None:
            changes.append(Change("make" if folder else "write" if one.content is not None else "generate", one))
            continue
        if one.content is not None:
            before = path.read_text(encoding="utf-8", errors="replace")
            if before != one.content:
                changes.append(Change("write", one, before))
                continue
        if one.same_as and Path(one.same_as).exists() and path.read_bytes() != Path(one.same_as).read_bytes():
            changes.append(Change("generate", one))
            continue
        if (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) != (one.mode, one.owner, one.group):
            changes.append(Change("permit", one))
    return changes


def apply(changes: Iterable[Change]) -> None:
    """Carry out changes; files are replaced atomically."""
    for change in changes:
        one, path = change.wanted, Path(change.wanted.path)
        if change.what == "remove":
            path.unlink()
        elif change.what == "make":
            path.mkdir(mode=0o700, parents=True)
        elif change.what == "write":
            _replace(path, one.content or "")
        elif change.what == "generate":
            _replace(path, Path(one.same_as).read_text() if one.same_as else secrets.token_hex(one.secret_bytes) + "\n")
        if change.what != "remove":
            os.chown(path, one.owner, one.group, follow_symlinks=False)
            path.chmod(one.mode)


def _replace(path: Path, content: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def shares_root(document: bytes, default: str = "/srv/labserver/shares") -> str:
    """Return the folder below which the host's shares are mounted, from the bytes of ``public/shares.json``."""
    try:
        binds = [share["bind"] for share in json.loads(document)["shares"].values()]
    except (ValueError, KeyError, TypeError, AttributeError):
        return default
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


def diff_of(changes: Iterable[Change]) -> list[dict[str, str]]:
    """Return Ansible's diff of the changes; contents of secrets are never in it."""
    result = []
    for change in changes:
        path = change.wanted.path
        hidden = change.wanted.hidden
        after = change.wanted.content if change.what == "write" and not hidden else f"{change.what}\n"
        before = "" if hidden else change.before
        result.append(
            {"before_header": path, "after_header": path, "before": before, "after": after or f"{change.what}\n"}
        )
    return result
