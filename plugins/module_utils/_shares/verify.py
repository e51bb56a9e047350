# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let findmnt judge a new fstab before it takes the place of the old one."""

from __future__ import annotations

import re
from collections import Counter

from .._common import files
from .current import FSTAB
from .fstab import decode, encode, parse, render
from .world import ApplyError, World

LIMIT_SECONDS = 15.0
"""For one judgement of findmnt."""


def verify(world: World, after: bytes, before: bytes, seconds: float) -> str:
    """Let findmnt judge the new fstab; what it already complains about today is not held against it.

    findmnt looks at every mount point, and waits for the server of one that is mounted and does not answer. Then
    only the new lines are judged whose mount point is free. Returns a warning then, else an empty text. Raises
    ApplyError when it objects.
    """
    known = _judge(world, before, seconds)
    verdict = _judge(world, after, seconds) if known is not None else None
    warning = ""
    if verdict is None:
        old = set(decode(before).splitlines())
        covered = {mount.target for mount in world.mounts()}
        lines = [line for line in parse(decode(after)) if line.raw.rstrip("\n") not in old]
        free = [line for line in lines if line.entry and line.entry.target not in covered]
        known, verdict = [], _judge(world, encode(render(free)), seconds)
        warning = "a mounted share does not answer, so findmnt --verify judged the new lines only"
    if verdict is None:
        raise ApplyError(f"{FSTAB} was left as it is, because findmnt --verify did not judge the new one in time")
    new = sorted((Counter(verdict) - Counter(known)).elements())
    if new:
        raise ApplyError(
            f"{FSTAB} was left as it is, because findmnt --verify objects to the new one: {'; '.join(new)}"
        )
    return warning


def _judge(world: World, content: bytes, seconds: float) -> list[str] | None:
    """Return what findmnt has against an fstab; None when it does not answer in time."""
    with files.candidate(world.at(FSTAB).parent, content) as candidate:
        done = world.run(["findmnt", "--verify", "--tab-file", str(candidate)], min(LIMIT_SECONDS, seconds))
    if done.code == 127:
        raise ApplyError(f"findmnt --verify did not run: {done.output}")
    return None if done.code is None else verify_errors(done.output)


def verify_errors(output: str) -> list[str]:
    """Return the errors of ``findmnt --verify`` (not its warnings), each with the mount point it is about."""
    errors, target = [], ""
    for line in output.splitlines():
        text = line.strip()
        if text.startswith("[E]"):
            errors.append(f"{target}: {text[3:].strip()}")
        elif "parse error" in text and "ignored" in text:
            errors.append(re.sub(r"^.*?: (parse error) at line \d+", r"\1", text))
        elif text and not text.startswith("["):
            target = text
    return errors
