# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver backup-resurrect``: bring the whole server of a repository back to this bare host.

playbooks/resurrect.yml calls it in this order: ``check`` refuses or notes what is begun, ``restore`` brings everything
back, ``end`` says that the server runs. Each may be repeated. The settings of the backup come from standard input,
since a bare host has none.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from .._common import job, run_lock, sizes
from .._common.docker_api import EngineError
from . import bring_back, resurrect
from .model import Settings, SettingsError, settings_from
from .restic import RepositoryError
from .world import World

STEPS = ("check", "restore", "end")


def main(argv: Sequence[str]) -> int:
    """Return 0 (well), 1 (done, with warnings) or 2 (refused or failed, and said why)."""
    parser = argparse.ArgumentParser(prog="labserver backup-resurrect", description=__doc__)
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("--from", dest="source", default="", metavar="NAME", help="whose backup (default: this host's)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--snapshot", default="", metavar="ID", help="which backup (default: the latest complete one)")
    which.add_argument("--as-of", default="", metavar="DATE", help="the last of a day or moment, or before")
    options = parser.parse_args(argv)
    world = World()
    try:
        settings = settings_from(sys.stdin.read())
        wanted = resurrect.Desired(options.source or settings.host, options.snapshot, options.as_of)
        lines, warnings = step(world, settings, options.step, wanted)
    except (SettingsError, RepositoryError, EngineError, OSError) as error:
        sys.stderr.write(f"labserver backup-resurrect: {error}\n")
        return job.CRITICAL
    sys.stdout.write("\n".join(lines) + "\n")
    for warning in warnings:
        sys.stdout.write(f"WARNING {warning}\n")
    return job.WARNING if warnings else job.OK


def step(world: World, settings: Settings, what: str, wanted: resurrect.Desired) -> tuple[list[str], list[str]]:
    """Do one step; returns lines for people and warnings. Raises SettingsError, RepositoryError."""
    mark = resurrect.read_mark(world)
    if what == "end":
        if mark is not None:
            resurrect.end(world, mark)
        return ["the server is back"], []
    if mark is not None and wanted.host != mark.host:
        raise SettingsError(
            f"bringing back {mark.host} was begun here at {mark.since}; end that first, with -e former={mark.host}"
        )
    if mark is not None and mark.restored:
        return [f"everything of {mark.host} is back already, since {mark.since}; what follows is the set-up"], []
    repo = world.repository(settings)
    repo.reach()
    if mark is not None:
        wanted = replace(wanted, snapshot=mark.snapshot, moment="")
    elif what == "restore":
        raise SettingsError("nothing was begun; run the step check first")
    saved, manifest = resurrect.read_saved(world, repo, resurrect.choose(repo, wanted, settings.host))
    current = resurrect.read_current(world, saved)
    if mark is None:
        found = resurrect.problems(saved, current)
        if found:
            raise SettingsError("; ".join(found))
        mark = resurrect.begun_now(world, saved)
        resurrect.write_mark(world, mark)
    if what == "check":
        line = f"{saved.host} of {saved.made}: {saved.people} people, {sizes.text(saved.size)} (backup {saved.id[:8]})"
        return [line], resurrect.notes(saved, current)
    wrong = resurrect.engine_problems(saved, current)
    if wrong:
        raise SettingsError("; ".join(wrong))
    run_lock.working()  # this may take hours
    volumes = bring_back.make_volumes(world, saved)
    warnings = bring_back.bring_back(world, repo, saved, manifest)
    resurrect.write_mark(world, replace(mark, restored=True))
    kept = [f"dumps of databases lie in {resurrect.DUMPS}, for what does not start"] if manifest.get("dumps") else []
    return [f"{len(saved.roots)} paths and {volumes} volumes are back, as they were at {saved.made}", *kept], warnings
