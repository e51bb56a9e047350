# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of hazards: each has an id, a level, and a pure function that finds it in a ``Current``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Callable  # noqa: UP035  # collections.abc's cannot be subscripted by old Pythons

from .._common import words
from .model import LEVELS, Current, Finding

Seen = Iterator["tuple[str, str]"]
Check = Callable[[Current], Seen]
MOST_OF_ONE = 5  # findings of one hazard that are shown one by one


@dataclass(frozen=True)
class Hazard:
    """``check`` yields (subject, what was seen) for each place that has it."""

    id: str
    level: str
    consequence: str
    remedy: str
    check: Check


HAZARDS: dict[str, Hazard] = {}


def hazard(name: str, level: str, consequence: str, remedy: str) -> Callable[[Check], Check]:
    """Put a check on the list. Raises ValueError for a name that is taken or a level that is none."""
    if name in HAZARDS or level not in LEVELS:
        raise ValueError(f"hazard {name}: the name is taken, or {level!r} is not one of {', '.join(LEVELS)}")

    def put(check: Check) -> Check:
        HAZARDS[name] = Hazard(name, level, consequence, remedy, check)
        return check

    return put


def examine(current: Current) -> list[Finding]:
    """Return what was found, the worst first."""
    found: list[Finding] = []
    for each in HAZARDS.values():
        seen = list(each.check(current))
        for subject, text in seen[:MOST_OF_ONE]:
            found.append(_finding(each, subject, text))
        if len(seen) > MOST_OF_ONE:
            rest = ", ".join(subject for subject, _text in seen[MOST_OF_ONE:])
            found.append(_finding(each, f"{len(seen) - MOST_OF_ONE} more", f"the same at {rest}"))
    return sorted(found, key=lambda finding: -LEVELS.index(finding.level))


def _finding(each: Hazard, subject: str, text: str) -> Finding:
    # Names of containers, labels and paths are made by others.
    return Finding(
        each.id, each.level, words.clean(subject, 120), words.clean(text, 300), each.consequence, each.remedy
    )
