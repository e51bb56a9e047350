# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver adopt-watch``: gives the host back to the old hub when the run that takes it over is lost.

Its unit runs from before the old hub is stopped until all is done. A run that is at work shows itself: by the time of
the record, by its note on the host, by a process of one of its steps. When nothing was heard of it for a minute, or it
failed and could not go back itself, the host goes back without it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from .._common import clock, lock, lost_run, marks
from . import clear, keep, takeover
from .keep import AdoptError, Effects

STEP = "LABSERVER_TAKEOVER=1"
"""What ``playbooks/adopt.yml`` puts into the environment of all of its steps."""
STEP_SECONDS = 900.0
"""An older process is no sign: a mount of a silent NAS may hang in the kernel for ever."""


def at_work(proc: Path) -> bool:
    """Tell whether a step of the run is at work on this host, such as apt, which is no module of the collection."""
    return any(_age_seconds(proc, process) < STEP_SECONDS for process in marks.marked(STEP, proc))


def _age_seconds(proc: Path, process: int) -> float:
    """Return how old a process is (proc(5): starttime, in ticks since the boot); one that has ended is very old."""
    try:
        began = int((proc / str(process) / "stat").read_text().rpartition(")")[2].split()[19])
        return float((proc / "uptime").read_text().split()[0]) - began / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return STEP_SECONDS


def abandoned(effects: Effects) -> bool:
    """Tell whether the old hub is stopped and nobody works on the new one any more."""
    before = keep.read(effects.root)
    if before is None or before.state not in keep.UNDER_WAY:
        return False
    signs = [(effects.root / keep.FOLDER / keep.RECORD).stat().st_mtime]
    return lost_run.silent(effects.root, signs, effects.now()) and not at_work(effects.inside("proc"))


def finish(effects: Effects) -> str:
    """Give the host back when its takeover is lost; returns what was done, empty when there is nothing to do.

    Raises AdoptError or OSError when the old hub could not be brought back.
    """
    try:
        with lock.hold(effects.root, keep.LOCK):
            if not abandoned(effects):
                return ""
            takeover.may_go_back(effects, over_changes=True)  # before anything of the new hub goes
            problems = clear.clear(effects)
            when = clock.stamp(datetime.fromtimestamp(effects.now(), UTC))
            words = f"nothing was heard of its run for a minute, so the host went back by itself at {when}"
            outcome = takeover.back(effects, ended=words)
            return "; ".join([words, *problems, *outcome.notes])
    except lock.BusyError:
        return ""


def attend(effects: Effects, say: Callable[[str], None], sleep: Callable[[float], None] = time.sleep) -> None:
    """Look again and again while the takeover is under way; what cannot be done is said once, and tried again."""
    lost_run.attend(lambda: _under_way(effects), lambda: finish(effects), (AdoptError, OSError, ValueError), say, sleep)


def _under_way(effects: Effects) -> bool:
    """Tell whether there is something to look after."""
    with contextlib.suppress(AdoptError):  # a record that cannot be read is told of by ``finish``
        before = keep.read(effects.root)
        return before is not None and before.state in keep.UNDER_WAY
    return True


def main(argv: Sequence[str]) -> int:
    """Command line of the unit: runs until the takeover is done or taken back."""
    argparse.ArgumentParser(prog="labserver adopt-watch", description=__doc__).parse_args(list(argv))

    def say(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    attend(Effects(), say)
    return 0
