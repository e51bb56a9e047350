# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sorts the names of tags: as versions, or as a person would sort names with numbers."""

from __future__ import annotations

import re
from typing import Any

VERSION = re.compile(
    r"v?(?P<numbers>\d+(?:\.\d+)*)"
    r"(?:(?:[._]?(?P<phase>a|b|c|rc|alpha|beta|pre|preview)[._-]?(?P<count>\d*))?"
    r"(?:[._-]?(?:post|rev|r)[._-]?(?P<post>\d*))?(?:[._-]?dev[._-]?(?P<dev>\d*))?"
    r"|-(?P<semver>[0-9a-z.-]+))"
    r"(?:[+_][0-9a-z._-]+)?"
)


def version_key(tag: str) -> tuple[Any, ...] | None:
    """Return a sort key of a version, None for other names.

    Any number of parts and a ``v`` before them; what follows is understood as semantic versioning (semver.org, 11) or
    Python (PEP 440) have it: ``1.0-rc.1``, ``1.0rc1``, ``1.0.post1``, ``1.0.dev3``, ``1.0+build``.
    """
    found = VERSION.fullmatch(tag.lower())
    if not found:
        return None
    numbers = [int(part) for part in found["numbers"].split(".")]
    while numbers[-1] == 0 and len(numbers) > 1:
        numbers.pop()  # 1 is 1.0 is 1.0.0
    # A pre-release is below its release; its parts compare as numbers where they are numbers.
    pre = [
        (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in (found["semver"] or "").split(".") if part
    ]
    if found["phase"]:
        phase = {"c": "rc", "pre": "rc", "preview": "rc"}.get(found["phase"], found["phase"])
        pre = [(1, 0, phase), (0, int(found["count"] or 0), "")]
    dev = found["dev"] is not None
    if dev and not pre and found["post"] is None:
        pre = [(0, -1, "")]  # the development of a release comes before its first pre-release
    post = -1 if found["post"] is None else int(found["post"] or 0)
    return (tuple(numbers), not pre, tuple(pre), post, not dev, int(found["dev"] or 0))


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key in which ``b10`` comes after ``b9``."""
    parts = re.findall(r"\d+|\D+", text)
    return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts)
