# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders, secrets and configuration files of the hub on the host, compared and written in one go."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common import due, files


@dataclass(frozen=True)
class Desired:
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
    restarts: tuple[str, ...] = ()
    """Services that read this file when they start."""


@dataclass(frozen=True)
class Change:
    """One thing to do: ``make``, ``write``, ``generate``, ``remove`` or ``permit`` (owner, group, mode) a path."""

    what: str
    desired: Desired
    before: str = ""


Plan = tuple[Change, ...]


def from_params(items: Iterable[Mapping[str, Any]]) -> list[Desired]:
    """Return what a module's parameters describe; modes are octal strings."""
    return [
        Desired(
            path=item["path"],
            mode=int(item["mode"], 8),
            owner=item["owner"],
            group=item["group"],
            content=item["secret"] + "\n" if item.get("secret") is not None else item.get("content"),
            hidden=item.get("secret") is not None,
            secret_bytes=item.get("secret_bytes") or 0,
            same_as=item.get("same_as") or "",
            state=item.get("state") or "present",
            restarts=tuple(item.get("restarts") or ()),
        )
        for item in items
    ]


def compare(desired: Iterable[Desired]) -> Plan:
    """Return what differs, in the order in which it was described."""
    changes: list[Change] = []
    for one in desired:
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
    return tuple(changes)


def apply(plan: Plan, root: Path = Path("/")) -> None:
    """Carry out changes; files are replaced atomically. A restart that becomes due is marked first."""
    for service in {service: None for change in plan for service in change.desired.restarts}:
        due.mark(root, service)
    for change in plan:
        one, path = change.desired, Path(change.desired.path)
        if change.what == "remove":
            path.unlink()
        elif change.what == "make":
            path.mkdir(mode=0o700, parents=True)
        elif change.what == "write":
            files.replace(path, (one.content or "").encode(), one.mode, one.owner, one.group)
        elif change.what == "generate":
            secret = (
                Path(one.same_as).read_bytes() if one.same_as else f"{secrets.token_hex(one.secret_bytes)}\n".encode()
            )
            files.replace(path, secret, one.mode, one.owner, one.group)
        if change.what in ("make", "permit"):
            os.chown(path, one.owner, one.group, follow_symlinks=False)
            path.chmod(one.mode)


def diff_of(plan: Plan) -> list[dict[str, str]]:
    """Return Ansible's diff of a plan; contents of secrets are never in it."""
    result = []
    for change in plan:
        path = change.desired.path
        hidden = change.desired.hidden
        after = change.desired.content if change.what == "write" and not hidden else f"{change.what}\n"
        before = "" if hidden else change.before
        result.append(
            {"before_header": path, "after_header": path, "before": before, "after": after or f"{change.what}\n"}
        )
    return result
