# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shared folders, as ``public/shares.json`` lists them, and which of them a person may use."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .roster import Person
from .text import clean


@dataclass(frozen=True)
class Share:
    """One shared folder; the fields are those of docs/reference/interfaces.md."""

    name: str
    mount_point: str
    path: str
    bind: str
    access: Mapping[str, str]
    others: str = "none"
    when_absent: str = "refuse"

    def right_of(self, person: Person) -> str:
        """Return ``rw``, ``ro`` or ``none``: the most that any of the person's groups grants."""
        rights = [self.access.get(group, "none") for group in person.groups] + [self.others]
        return "rw" if "rw" in rights else "ro" if "ro" in rights else "none"


def parse_shares(document: Mapping[str, Any]) -> tuple[Share, ...]:
    """Return the shares of a document in the order of their names."""
    shares = []
    for name, raw in sorted(document["shares"].items()):
        if posixpath.dirname(raw["mount_point"]) != raw["bind"]:
            raise ValueError(f"shares.{name}: mount_point is not directly below bind")
        shares.append(
            Share(
                name=name,
                mount_point=raw["mount_point"],
                path=raw["path"],
                bind=raw["bind"],
                access=dict(raw.get("access") or {}),
                others=raw.get("others", "none"),
                when_absent=raw.get("when_absent", "refuse"),
            )
        )
    return tuple(shares)


def shares_of(person: Person, shares: tuple[Share, ...]) -> list[tuple[Share, str]]:
    """Return the shares that a person may use, each with ``rw`` or ``ro``."""
    rights = [(share, share.right_of(person)) for share in shares]
    return [(share, right) for share, right in rights if right != "none"]


@dataclass(frozen=True)
class ShareStatus:
    """How a share is: ``ok``, ``warning`` (little space) or ``critical`` (not usable), with the reason for people."""

    state: str
    reason: str = ""


def parse_shares_status(document: Mapping[str, Any]) -> dict[str, ShareStatus]:
    """Return the state of each share by its name, as the job ``share-health`` saw it last."""
    return {
        name: ShareStatus(str(raw["state"]), clean(raw.get("reason") or "")) for name, raw in document["shares"].items()
    }
