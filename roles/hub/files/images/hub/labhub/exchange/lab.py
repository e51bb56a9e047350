# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab says of itself, as ``public/lab.json`` lists it: name, contact, help, logo, links to its other pages."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..words.language import LANGUAGES

COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
LOGO_TYPES = ("image/png", "image/svg+xml")
WEB = re.compile(r"(https?://|/)[^\s<>\"']*")


@dataclass(frozen=True)
class Link:
    """One more page of the lab. ``groups`` None: for everybody, else for members of these groups."""

    title: str
    url: str
    description: str = ""
    groups: tuple[str, ...] | None = None

    def shown_to(self, groups: Sequence[str]) -> bool:
        """Tell whether somebody with these groups sees it."""
        return self.groups is None or bool(set(self.groups) & set(groups))


@dataclass(frozen=True)
class Lab:
    """What stands on the hub's pages. Empty texts are not shown. ``logo``: its media type and its bytes."""

    name: str = ""
    contact: str = ""
    help: str = ""
    colour: str = ""
    language: str = ""
    logo_type: str = ""
    logo: bytes = b""
    links: tuple[Link, ...] = field(default_factory=tuple)


def _link(raw: Mapping[str, Any]) -> Link:
    if not WEB.fullmatch(raw["url"]):
        raise ValueError(f"{raw['url']!r} is no address of a page")
    groups = raw.get("groups")
    return Link(
        title=str(raw["title"]),
        url=raw["url"],
        description=str(raw.get("description") or ""),
        groups=None if groups is None else tuple(groups),
    )


def parse_lab(document: Mapping[str, Any]) -> Lab:
    """Return what the document says; raises ValueError, KeyError or TypeError when it is not one."""
    colour = document.get("colour") or ""
    if colour and not COLOUR.fullmatch(colour):
        raise ValueError(f"colour {colour!r} is not of the form #rrggbb")
    language = document.get("language") or ""
    if language and language not in LANGUAGES:
        raise ValueError(f"the pages have no language {language!r}, only {', '.join(LANGUAGES)}")
    logo = document.get("logo") or {}
    if logo and logo["type"] not in LOGO_TYPES:
        raise ValueError(f"the logo is {logo['type']!r}, not one of {', '.join(LOGO_TYPES)}")
    return Lab(
        name=str(document.get("name") or ""),
        contact=str(document.get("contact") or ""),
        help=str(document.get("help") or ""),
        colour=colour,
        language=language,
        logo_type=logo.get("type", ""),
        logo=base64.b64decode(logo["data"], validate=True) if logo else b"",
        links=tuple(_link(raw) for raw in document.get("links") or ()),
    )
