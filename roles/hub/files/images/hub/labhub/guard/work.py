# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether something works in a person's server that neither its kernels nor its CPU time show.

That is a process that its person marked, or a file written in the home a short while ago: an instrument is often read
by a program that waits nearly all the time. Both are looked for in the container and as its person, by a command that
the guard alone chooses: the hub cannot have anything else executed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

LOOK_SECONDS = 8
MARKED, WRITTEN = 3, 4
WORDS = {MARKED: "a process is marked with labserver-keep", WRITTEN: "a file was written"}
# A process is marked by the name in its command line, `bash -c 'exec -a labserver-keep COMMAND'`; there is no such
# program. The brackets keep the look from finding itself. Of the files, not what begins with a dot: JupyterLab writes
# there all the time. Nor other file systems: on a share it may have been anybody.
LOOK = (
    "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -qE '(^|/)labserver-[k]eep$' && exit 3;"
    f' timeout {LOOK_SECONDS} find "$HOME" -xdev -name ".*" ! -path "$HOME" -prune'
    ' -o -type f -mmin "-$1" -print 2>/dev/null | head -n 1 | grep -q . && exit 4; exit 0'
)

Engine = Callable[..., Awaitable[tuple[int, str, bytes]]]


async def find(engine: Engine, identity: str, minutes: int) -> str:
    """Return what works in a container, in words, or an empty string.

    A file counts if it is at most ``minutes`` old.
    """
    command = ["sh", "-c", LOOK, "sh", str(minutes)]
    status, _kind, raw = await engine("POST", f"/containers/{identity}/exec", None, {"Cmd": command})
    if status != 201:
        return ""
    execution = json.loads(raw)["Id"]
    status, _kind, raw = await engine("POST", f"/exec/{execution}/start", None, {"Detach": True})
    for _pause in range(LOOK_SECONDS * 4 + 8):
        if status >= 300:
            break
        await asyncio.sleep(0.25)
        status, _kind, raw = await engine("GET", f"/exec/{execution}/json")
        found = json.loads(raw) if status == 200 else {}
        if found and not found.get("Running"):
            return WORDS.get(int(found.get("ExitCode") or 0), "")
    return ""
