# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``registry_prune`` returns, whichever way it pruned. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import maintenance, prune
from .model import Plan
from .table import as_data, render


@dataclass(frozen=True, slots=True)
class Result:
    """The module's result: ``data`` for playbooks, ``warnings``, and why it failed (empty: it did not)."""

    data: dict[str, Any]
    warnings: tuple[str, ...] = ()
    failure: str = ""


def of_store(outcome: maintenance.Outcome) -> Result:
    """Return the result of pruning on the store."""
    data = {
        **_removed(outcome.plan),
        **_shown(outcome.plan, outcome.now, outcome.freed),
        "changed": outcome.changed,
        "freed_bytes": outcome.freed,
        "bytes_exact": True,
        "downtime_seconds": round(outcome.downtime, 3),
    }
    return Result(data, (*outcome.warnings, *outcome.plan.problems), _broken(outcome.broken))


def of_api(outcome: prune.Outcome, check: bool) -> Result:
    """Return the result of pruning over the API."""
    plan, deleted = outcome.plan, outcome.deleted
    if plan.refusals:
        return of_refusal(plan, outcome.now, outcome.freed)
    if plan.removals and outcome.abilities.problem:
        failure = f"Nothing was removed. {outcome.abilities.problem}"
        return Result({**_removed(None), **_shown(plan, outcome.now, outcome.freed)}, failure=failure)
    data = {
        **_removed(plan),
        **_shown(plan, outcome.now, outcome.freed),
        "changed": bool(plan.removals),
        "freed_bytes": outcome.freed,
        "bytes_exact": False,
        "requests": outcome.requests,
    }
    if not check:
        data |= {
            "changed": bool(deleted.tags or deleted.manifests),
            "removed_tags": [f"{name}:{tag}" for name, tag in sorted(deleted.tags)],
            "removed_manifests": len(deleted.manifests),
            "skipped": deleted.skipped,
        }
    stopped = f"Stopped in the middle; the next run finishes the work: {deleted.error}" if deleted.error else ""
    return Result(data, tuple(plan.problems), stopped or _broken(outcome.broken))


def of_refusal(plan: Plan, now: float, freed: int) -> Result:
    """Return the result of a plan that the guards forbid."""
    failure = f"Refused, nothing was removed: {'; '.join(plan.refusals)}"
    return Result({**_removed(None), **_shown(plan, now, freed)}, failure=failure)


def of_error(error: Exception) -> Result:
    """Return the result when something was in the way."""
    return Result(_removed(None), failure=f"The registry was not pruned: {error}")


def _broken(tags: list[str]) -> str:
    return f"Tags cannot be pulled: {'; '.join(tags)}" if tags else ""


def _removed(plan: Plan | None) -> dict[str, Any]:
    items = plan.repositories if plan else ()
    return {
        "removed_tags": [f"{item.name}:{tag}" for item in items for tag, _digest in item.remove_tags],
        "removed_manifests": sum(len(item.doomed) for item in items),
        "skipped": [],
    }


def _shown(plan: Plan, now: float, freed: int) -> dict[str, Any]:
    return {"repositories": as_data(plan), "diff": {"prepared": render(plan, now, freed)}}
