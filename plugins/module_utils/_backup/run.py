# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver backup``: stage what is in use, hand all of it to restic, forget what is older than wanted."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from .._common import files, job, job_lock
from .._common.docker_api import EngineError
from .._common.lock import BusyError
from .model import ROOMS, ROSTER, STATE, TAG, Settings, SettingsError
from .plan import Plan, compare
from .restic import Done, Repository, RepositoryError
from .stage import stage
from .world import World

MAINTENANCE = "registry-maintenance"  # the job that removes layers from the registry's store
SOME_UNREADABLE = 3  # restic's exit status when files could not be read


def read_plan(world: World, settings: Settings) -> tuple[Plan, list[str]]:
    """Decide what is read, from what is on this host; returns warnings as well."""
    rooms = {file.name: world.json(f"{ROOMS}/{file.name}") for file in sorted(world.at(ROOMS).glob("*.json"))}
    warnings: list[str] = []

    def volumes_of(project: str) -> list[str]:
        label = f"com.docker.compose.project={project}"
        try:
            found = world.engine.get("/volumes", filters={"label": [label]})["Volumes"] or []
        except EngineError as error:
            warnings.append(f"the volumes of {project} are not in this backup: {error}")
            return []
        return [volume["Mountpoint"] for volume in found]

    return compare(settings, world.json(ROSTER), rooms, volumes_of, lambda path: world.at(path).exists()), warnings


def save(world: World, settings: Settings, repo: Repository, plan: Plan) -> tuple[Mapping[str, Any], list[str]]:
    """Hand everything to restic; returns its summary and warnings."""
    paths, exclude = world.at(f"{STATE}/paths"), world.at(f"{STATE}/exclude")
    files.replace(paths, b"".join(path.encode() + b"\0" for path in plan.paths), 0o600)
    files.replace(exclude, ("\n".join(path.replace("$", "$$") for path in plan.exclude) + "\n").encode(), 0o600)
    words = ["--json", "--host", settings.host, "--tag", TAG, "--exclude-caches"]
    words += ["--files-from-raw", str(paths), "--exclude-file", str(exclude)]
    done = repo.call("backup", *words, fine=(0, SOME_UNREADABLE))
    summaries = [document for document in done.documents() if document.get("message_type") == "summary"]
    if not summaries:
        raise RepositoryError(f"restic backup: {done.last_words or 'no summary'}")
    return summaries[-1], _unreadable(done)


def _unreadable(done: Done) -> list[str]:
    if done.code != SOME_UNREADABLE:
        return []
    lines = [line for line in done.error.splitlines() if line.strip()]
    return [f"{len(lines)} files could not be read, for example: {lines[0][:300]}" if lines else "some were unreadable"]


def forget(settings: Settings, repo: Repository) -> None:
    """Remove this host's snapshots that are not to be kept any more, and what only they need."""
    if not any(settings.keep.values()):
        return
    words = [word for period, count in settings.keep.items() if count for word in (f"--keep-{period}", str(count))]
    repo.call("forget", "--host", settings.host, "--tag", TAG, "--group-by", "host", "--prune", *words)


def back_up(world: World, settings: Settings, repo: Repository) -> tuple[str, list[str]]:
    """Make one backup; returns a line for people and warnings. Raises BusyError while the registry is maintained."""
    repo.open()
    repo.call("unlock")  # only what a run that died left; those of a live one are kept
    plan, warnings = read_plan(world, settings)
    with contextlib.ExitStack() as stack:
        # The registry's maintenance removes layers: it waits, so that every link of the copy finds its own.
        try:
            stack.enter_context(job_lock.hold(world.root, MAINTENANCE, world.now(), time.sleep))
        except BusyError as error:
            raise BusyError("the registry's maintenance is at work; the backup comes later") from error
        warnings += stage(world, settings, plan)
        summary, unreadable = save(world, settings, repo, plan)
    forget(settings, repo)
    added = summary.get("data_added", 0) / 2**20
    line = (
        f"snapshot {summary['snapshot_id'][:8]}: {summary.get('total_files_processed', 0)} files, {added:.1f} MiB new"
    )
    return line, warnings + unreadable


def main(argv: Sequence[str]) -> int:
    """Make a backup (or the repository); returns 0 (well), 1 (something was left out), 2 (failed) or 3 (busy)."""
    parser = argparse.ArgumentParser(prog="labserver backup", description=__doc__)
    parser.add_argument(
        "--make-repository", action="store_true", help="make the repository, or take over what is there"
    )
    options = parser.parse_args(argv)
    world = World()
    try:
        settings = world.settings()
        repo = world.repository(settings)
        if options.make_repository:
            sys.stdout.write("made\n" if repo.make() else "there\n")
            return job.OK
        line, warnings = back_up(world, settings, repo)
    except BusyError as error:
        sys.stderr.write(f"{error}\n")
        return job.BUSY
    except (SettingsError, RepositoryError, OSError) as error:
        sys.stderr.write(f"labserver backup: {error}\n")
        job.leave(str(error))
        return job.CRITICAL
    sys.stdout.write(line + "\n")
    for warning in warnings:
        sys.stderr.write(f"WARNING {warning}\n")
    job.leave("; ".join([line, *warnings]))
    return job.WARNING if warnings else job.OK
