# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a build went: from what its program printed last, how Docker saw its container end, what the host said. Pure.

The program runs as the person, who can have it print anything: it is shown to that person alone.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from typing import Any

from ..exchange.text import clean
from ..servers import build
from ..servers.build_program import MARK
from ..words.amounts import amount, span
from ..words.language import later
from .model import FAILED, PACKING, Build, ended

LOG_LINES, LOG_LINE = 400, 400
_LINE = re.compile(re.escape(MARK.encode()) + rb"(\{[^\n]{0,4000}\})")
TEXTS = {
    "missing": later("There is no folder {source} in the home."),
    "nothing": later("There is no requirements.txt in {source}."),
    "dockerfile": later(
        "A Dockerfile is not built here: its commands would run as root on this server. List Python packages in "
        "requirements.txt, or ask the administrator for an image with what else you need."
    ),
    "conda": later("environment.yml is not built here: list the packages in requirements.txt, as pip names them."),
    "nogit": later("The image {base} has no git. Choose another one, or give a folder of your home."),
    "git": later("The Git repository could not be fetched: {line}"),
    "silent": later("{source} did not answer in 5 minutes."),
    "install": later("The packages could not be installed: {line}"),
    "size": later("It grew beyond {size}, the most that an image may hold."),
    "disk": later("The disk, or your part of it, is full: {line}"),
    "forks": later("It started more processes than your server may have ({pids})."),
    "files": later("A file could not be read or written: {line}"),
    "late": later("It was ended after {time}, its limit."),
    "stopped": later("It was interrupted: the server was stopped or started anew."),
    "asked": later("It was stopped on request."),
    "gone": later("Its container disappeared."),
    "image": later("On the image {base} nothing can be built: it has no Python with pip, venv and ipykernel."),
    "memory": later("It needed more memory than the limit of {limit}."),
    "off": later("Images by people were switched off in this lab."),
    "access": later("Its person may no longer log in, or is no longer in the group."),
    "base": later("The image {base} cannot be used. Choose another one."),
    "exit": later("It ended by itself with exit code {code}."),
    # What the host's job says.
    "archive": later("What the build left is no environment that can become an image: {line}"),
    "refused": later("The image could not be made: {line}"),
    "registry": later("The registry did not take the image: {line}"),
}


def printed(log: bytes) -> dict[str, Any]:
    """Return what the program said last; empty for nothing."""
    found = _LINE.findall(log)
    try:
        told = json.loads(found[-1]) if found else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def failed(
    one: Build, reason: str, now: datetime.datetime, seconds: int = 0, more: Mapping[str, Any] | None = None
) -> Build:
    """Return a build that failed for a reason; ``more``: values for its sentence."""
    values = {"source": one.source, "base": one.base, "time": span(seconds), **(more or {})}
    return ended(one, FAILED, TEXTS.get(reason, TEXTS["refused"]), values, now)


def of_container(
    one: Build, inspected: Mapping[str, Any], log: bytes, now: datetime.datetime, seconds: int, most_bytes: int
) -> Build:
    """Return a build whose container ended, as Docker shows it: failed, or to be made an image by the host."""
    state, host, told = inspected["State"], inspected.get("HostConfig") or {}, printed(log)
    code, reason = state.get("ExitCode"), str(told.get("reason", ""))
    if reason == "ok" and code == 0:
        return ended(one, PACKING, "", {}, now)
    if reason not in TEXTS:
        reason = "exit"
    if reason == "exit" and code == build.UNABLE:
        reason = "image"
    if state.get("OOMKilled") and reason in ("exit", "install"):
        reason = "memory"
    if reason in ("exit", "stopped") and one.stopped:
        reason = "asked"
    if reason == "exit" and one.began is not None and (now - one.began).total_seconds() >= seconds:
        reason = "late"
    values = {
        "line": told.get("line", ""),
        "code": code,
        "pids": host.get("PidsLimit"),
        "limit": amount(int(host.get("Memory") or 0)),
        "size": amount(most_bytes),
    }
    return failed(one, reason, now, seconds, values)


def lines(raw: bytes) -> list[str]:
    """Return the lines of a container's log as Docker hands it over, without the program's last word."""
    pieces, position = [], 0
    while position + 8 <= len(raw) and raw[position] in (0, 1, 2) and raw[position + 1 : position + 4] == b"\0\0\0":
        length = int.from_bytes(raw[position + 4 : position + 8], "big")
        pieces.append(raw[position + 8 : position + 8 + length])
        position += 8 + length
    text = (b"".join(pieces) if pieces else raw).decode(errors="replace")
    # What a program draws over is the last of what it drew.
    found = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    return [clean(line, LOG_LINE) for line in found if line.strip() and not line.startswith(MARK)][-LOG_LINES:]
