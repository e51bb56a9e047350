# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan as a table that a person reads before saying yes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .._common import sizes
from .model import Plan, RepositoryPlan


def age_text(time: float | None, now: float) -> str:
    """Return how long ago ``time`` was, in the unit a person would use."""
    if time is None:
        return "unknown"
    seconds = max(now - time, 0.0)
    for unit, length in (("y", 365 * 86400), ("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= (2 * length if unit != "min" else length):
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def render(plan: Plan, now: float, freed: int | None = None, only_removed: bool = False) -> str:
    """Return the whole plan as text. ``freed``: bytes that come free, where that is known."""
    parts = [_repository(item, now, only_removed) for item in plan.repositories]
    tags = sum(len(item.remove_tags) for item in plan.repositories)
    manifests = sum(len(item.doomed) for item in plan.repositories)
    summary = f"{tags} tags and {manifests} manifests go"
    if freed is not None:
        summary += f", {sizes.text(freed)} ({freed} bytes) come free"
    problems = [f"PROBLEM {problem}" for problem in plan.problems]
    problems += [f"REFUSED {refusal}" for refusal in plan.refusals]
    return "\n".join([*(part for part in parts if part), *problems, summary]) + "\n"


def _repository(item: RepositoryPlan, now: float, only_removed: bool) -> str:
    verdicts = [verdict for verdict in item.verdicts if not (only_removed and verdict.keep)]
    if not verdicts:
        return ""
    rows = [
        (
            verdict.tag or f"<{verdict.digest[:19]}>",
            age_text(verdict.time, now),
            sizes.text(verdict.size),
            "kept" if verdict.keep else "REMOVED",
            verdict.rule,
        )
        for verdict in verdicts
    ]
    return "\n".join([item.name, *table(("TAG", "AGE", "SIZE", "", "BY"), rows), ""])


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return lines with aligned columns; ages and sizes (the second and third) to the right."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if column in (1, 2) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def as_data(plan: Plan) -> list[dict[str, Any]]:
    """Return the plan as plain data for a module's result."""
    return [
        {
            "repository": item.name,
            "problems": list(item.problems),
            "tags": [
                {
                    "name": verdict.tag,
                    "digest": verdict.digest,
                    "action": "keep" if verdict.keep else "remove",
                    "rule": verdict.rule,
                    "time": verdict.time,
                    "size_bytes": verdict.size,
                }
                for verdict in item.verdicts
            ],
            "manifests": item.doomed,
        }
        for item in plan.repositories
    ]
