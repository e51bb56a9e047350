# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules for what the lab says of itself on the hub's pages: the inputs ``hub_lab_*``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COLOUR = re.compile(r"#[0-9a-fA-F]{6}\Z")
WEB = re.compile(r"(https?://|/)[^\s<>\"']*\Z")
LOGO_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}
LARGEST_LOGO_BYTES = 200 * 1024


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Return every problem of these inputs, each with what is allowed. Looks at the logo's file, on the controller."""
    found = []
    colour = inputs["hub_lab_colour"]
    if colour and not COLOUR.match(colour):
        found.append(f"hub_lab_colour: {colour!r} is no colour; write it as #rrggbb, for example #0a7f5a")
    found += _logo(inputs["hub_lab_logo"])
    for index, link in enumerate(inputs["hub_lab_links"]):
        if not WEB.match(link["url"]):
            found.append(
                f"hub_lab_links[{index}].url: {link['url']!r} is no address of a page; begin it with https://, http://"
                " or /"
            )
        if not link["title"].strip():
            found.append(f"hub_lab_links[{index}].title: is empty; nobody could click on it")
    return found


def _logo(name: str) -> list[str]:
    if not name:
        return []
    path = Path(name)
    if path.suffix.lower() not in LOGO_TYPES:
        return [f"hub_lab_logo: {name} is neither .png nor .svg"]
    try:
        size = path.stat().st_size
    except OSError as error:
        return [f"hub_lab_logo: {name} cannot be read on the controller: {error.strerror}"]
    if size > LARGEST_LOGO_BYTES:
        return [f"hub_lab_logo: {name} has {size // 1024} KiB; at most {LARGEST_LOGO_BYTES // 1024} KiB are allowed"]
    return []
