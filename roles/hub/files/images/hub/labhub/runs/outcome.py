# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run went: from what its program printed last and from how Docker saw its container end. Pure.

The program runs as the person, who can have it print anything: it is shown to that person and to administrators alone.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from typing import Any

from ..exchange.text import clean
from ..servers import run
from ..servers.run_program import MARK
from ..words.amounts import amount
from ..words.language import later
from .model import Definition, Result, Running

LONGEST = 300
_LINE = re.compile(re.escape(MARK.encode()) + rb"(\{[^\n]{0,4000}\})")
TEXTS = {
    "cell": later("Cell {cell} failed: {line}"),
    "missing": later("There is no notebook {notebook} in the home."),
    "kernel": later("The image {image} has no kernel {line}, which the notebook asks for."),
    "dead": later("The kernel ended; most often it needed more memory than the limit of {limit}."),
    "files": later("A file could not be read or written: {line}"),
    "late": later("It was ended after {hours} h, its limit."),
    "stopped": later("It was interrupted: the server was stopped or started anew."),
    "asked": later("It was stopped on request."),
    "gone": later("Its container disappeared."),
    "image": later("The image {image} cannot run notebooks by itself: it has no nbclient."),
    "memory": later("It needed more memory than the limit of {limit}."),
    "off": later("Scheduled notebooks were switched off in this lab."),
    "access": later("Its person may no longer log in."),
    "other": later("It ended with an error: {line}"),
    "exit": later("It ended by itself with exit code {code}."),
}


def hours(seconds: int) -> str:
    """Return a time limit for people."""
    return f"{seconds / 3600:g}"


def printed(log: bytes) -> dict[str, Any]:
    """Return what the program said last; empty for nothing."""
    found = _LINE.findall(log)
    try:
        told = json.loads(found[-1]) if found else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def ended_at(state: Mapping[str, Any], now: datetime.datetime) -> datetime.datetime:
    """Return when a container ended, as Docker says."""
    try:
        found = datetime.datetime.fromisoformat(str(state.get("FinishedAt")))
    except ValueError:
        return now
    return min(found, now) if found.tzinfo is not None and found.year > 2000 else now


def result(
    definition: Definition, running: Running, reason: str, now: datetime.datetime, more: Mapping[str, Any] | None = None
) -> Result:
    """Return the result for a reason; ``more``: values for its sentence, and ``output``."""
    told = {key: clean(value, LONGEST) for key, value in (more or {}).items()}
    values = {"notebook": definition.notebook, "image": running.image, "hours": hours(definition.seconds), **told}
    text = TEXTS.get(reason, "")
    used = {name: values.get(name, "") for name in re.findall(r"\{(\w+)\}", text)}
    return Result(running.began, max(now, running.began), reason, text, used, told.get("output", ""), running.image)


def of_container(
    definition: Definition,
    running: Running,
    inspected: Mapping[str, Any],
    log: bytes,
    now: datetime.datetime,
) -> Result:
    """Return the result of a container that ended, as Docker shows it."""
    state, told = inspected["State"], printed(log)
    ended = ended_at(state, now)
    values = {
        "line": told.get("line", ""),
        "cell": told.get("cell", ""),
        "output": told.get("output", ""),
        "code": state.get("ExitCode"),
        "limit": amount(int((inspected.get("HostConfig") or {}).get("Memory") or 0)),
    }
    reason = str(told.get("reason", ""))
    if reason == "ok" and state.get("ExitCode") == 0:
        return result(definition, running, "ok", ended, values)
    late = (ended - running.began).total_seconds() >= definition.seconds
    if reason not in TEXTS:
        reason = "exit"
    if state.get("ExitCode") == run.UNABLE and reason == "exit":
        reason = "image"
    if state.get("OOMKilled") and reason in ("exit", "dead"):
        reason = "memory"
    if reason in ("exit", "stopped") and (late or running.stopped):
        reason = "late" if late else "asked"
    return result(definition, running, reason, ended, values)
