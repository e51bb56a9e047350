# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run did, in words: a line for each server and role while it goes, and one summary at its end. All pure."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

MOST_WORDS = 6
"""So many changes of one role are listed; of more the number is said."""
COLLECTION = "labserver.jupyter."
Times = Mapping[str, float]
"""``host/role`` -> seconds that the role took there when it last ran to its end."""


@dataclass(frozen=True)
class Step:
    """What one task did on one server. ``outcome``: ok, changed, skipped, failed, ignored or unreachable."""

    host: str
    role: str
    task: str
    outcome: str
    seconds: float = 0.0
    said: str = ""
    actions: tuple[str, ...] = ()


@dataclass
class Part:
    """One role on one server, as far as it went."""

    host: str
    role: str
    steps: list[Step] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, step: Step) -> None:
        self.steps.append(step)
        self.seconds += step.seconds

    @property
    def outcome(self) -> str:
        """The worst that happened, but that a change outweighs having nothing to do."""
        found = {step.outcome for step in self.steps}
        return next((one for one in ("unreachable", "failed", "changed") if one in found), "ok")


def title(task: str) -> str:
    """Return what a task does: ``Deploy | Run the hub`` is ``run the hub``."""
    words = task.rpartition(" : ")[2].rpartition(" | ")[2].strip()
    return words[:1].lower() + words[1:] if words[1:2].islower() or " " in words[:2] else words


def role_name(name: str) -> str:
    """Return a role's name without its collection; tasks of the playbook itself belong to no role."""
    return name.removeprefix(COLLECTION) or "playbook"


def actions(result: Mapping[str, t.Any]) -> tuple[str, ...]:
    """Return what a module of this collection says that it did: ``write /etc/labserver/hub/hub.json``."""
    found = result.get("actions")
    if not isinstance(found, Sequence) or isinstance(found, str):
        return ()
    return tuple(
        f"{one.get('what', '')} {one.get('name') or ''}".strip()
        for one in found
        if isinstance(one, Mapping) and (one.get("what") or one.get("name"))
    )


def line(part: Part, last: Times, width: int) -> str:
    """Return the line of a role that has ended on a server; ``width`` is that of the names of servers."""
    before = last.get(f"{part.host}/{part.role}")
    then = f"   last time {before:.1f} s" if before is not None else ""
    changes = sum(step.outcome == "changed" for step in part.steps)
    what = f"{changes} changed" if part.outcome == "changed" else part.outcome
    return f"{part.host:<{width}}  {part.role:<14} {what:<12} {part.seconds:6.1f} s{then}"


def now(step: Step, last: Times) -> str:
    """Return what a server does now."""
    before = last.get(f"{step.host}/{step.role}")
    then = f" ({before:.0f} s last time)" if before is not None and before >= 5 else ""
    return f"{step.host} {step.role}: {title(step.task)}{then}"


def summary(hosts: Iterable[str], parts: Iterable[Part], *, check: bool = False) -> list[str]:
    """Return the end of a run: for each server what changed, what failed, and what to do."""
    of: dict[str, list[Part]] = {host: [] for host in hosts}
    for part in parts:
        of.setdefault(part.host, []).append(part)
    found: list[str] = []
    quiet: list[str] = []
    for host, its in of.items():
        told = _changes(its, check) + _failures(its)
        if told:
            found += [f"{host}:", *(f"  {text}" for text in told)]
        elif any(part.steps for part in its):
            quiet.append(host)
    if quiet:
        found.append(f"{', '.join(quiet)}: nothing {'would change' if check else 'changed'}")
    return found + _remedies(of)


def _changes(parts: Sequence[Part], check: bool) -> list[str]:
    found: dict[str, list[str]] = {}
    for part in parts:
        for step in part.steps:
            if step.outcome == "changed":
                found.setdefault(part.role, []).extend(step.actions or (title(step.task),))
    verb = "would change" if check else "changed"
    return [f"{verb} {role}: {_some(list(dict.fromkeys(words)))}" for role, words in found.items()]


def _some(words: Sequence[str]) -> str:
    shown = "; ".join(words[:MOST_WORDS])
    return shown if len(words) <= MOST_WORDS else f"{shown}; and {len(words) - MOST_WORDS} more"


def _failures(parts: Sequence[Part]) -> list[str]:
    """Return the last failure of each role: of a change that was taken back it tells how that went."""
    found = []
    for part in parts:
        bad = [step for step in part.steps if step.outcome in ("failed", "unreachable")]
        if bad and bad[-1].outcome == "failed":
            said = [text for text in bad[-1].said.strip().splitlines() if text.strip()] or ["it says no reason"]
            found += [f"failed {part.role}, {title(bad[-1].task)}: {said[0]}", *(f"  {text}" for text in said[1:])]
        elif bad:
            found.append(f"did not answer at {part.role}, {title(bad[-1].task)}: {' '.join(bad[-1].said.split())}")
    return found


def _remedies(of: Mapping[str, Sequence[Part]]) -> list[str]:
    away = [host for host, parts in of.items() if any(part.outcome == "unreachable" for part in parts)]
    failed = [host for host, parts in of.items() if any(part.outcome == "failed" for part in parts)]
    found = []
    if away:
        found.append(f"To do: see why {', '.join(away)} did not answer, then run again with --limit {','.join(away)}")
    if failed:
        found.append(f"To do: mend what failed on {', '.join(failed)}, then run again; what is done is not done twice")
    return found


def load(text: str) -> dict[str, float]:
    """Return the times of earlier runs; damage is no reason to stop."""
    try:
        return {str(name): float(seconds) for name, seconds in json.loads(text).items()}
    except (AttributeError, TypeError, ValueError):
        return {}


def dump(last: Times, parts: Iterable[Part]) -> str:
    """Return the times to keep: those of this run, where a role came to its end, and the earlier ones."""
    seconds: dict[str, float] = {}
    for part in parts:
        if part.outcome in ("ok", "changed"):
            name = f"{part.host}/{part.role}"
            seconds[name] = round(seconds.get(name, 0.0) + part.seconds, 1)
    return json.dumps({**last, **seconds}, indent=1, sort_keys=True) + "\n"
