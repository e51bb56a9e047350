# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver backup``: stage what is in use, hand all of it to restic, forget what is older than wanted."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .._common import clock, files, job, job_lock
from .._common.lock import BusyError
from . import history, unreadable
from .model import INCOMPLETE, STATE, TAG, Settings, SettingsError
from .plan import Plan, compare, patterns
from .read import read, read_known, write_known
from .restic import Done, Repository, RepositoryError
from .sources import findings, remember, shrunk
from .stage import stage
from .world import World

MAINTENANCE = "registry-maintenance"  # the job that removes layers from the registry's store
MAINTENANCE_SECONDS = (
    3600.0  # how long to wait for it: a backup that gives way is not made up for before the next night
)
JOB = "backup"  # the name of this job: who finds the maintenance held up sees by whom
KEEP_INCOMPLETE = "31d"  # how long a snapshot stays in which something is missing
UNREADABLE = f"{STATE}/unreadable.json"
SOME_UNREADABLE = 3  # restic's exit status when files could not be read


@dataclass(frozen=True)
class Outcome:
    """What a backup came to: a line for people, what is missing in it, and what is worth a word but no alarm."""

    line: str
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def save(world: World, settings: Settings, repo: Repository, plan: Plan, tag: str) -> tuple[Mapping[str, Any], Done]:
    """Hand everything to restic; returns its summary, and all that it said."""
    paths, exclude = world.at(f"{STATE}/paths"), world.at(f"{STATE}/exclude")
    rooted = [str(world.at(path)) for path in plan.paths]
    out = [str(world.at(pattern)) if pattern.startswith("/") else pattern for pattern in plan.exclude]
    files.replace(paths, b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in rooted), 0o600)
    files.replace(exclude, ("\n".join(line.replace("$", "$$") for line in out) + "\n").encode(), 0o600)
    words = ["--json", "--host", settings.host, "--tag", tag, "--exclude-caches"]
    words += ["--files-from-raw", str(paths), "--exclude-file", str(exclude)]
    done = repo.call("backup", *words, fine=(0, SOME_UNREADABLE))
    summaries = [document for document in done.documents() if document.get("message_type") == "summary"]
    if not summaries:
        raise RepositoryError(f"restic backup: {done.last_words or 'no summary'}")
    return summaries[-1], done


def forget(settings: Settings, repo: Repository) -> None:
    """Remove this host's snapshots that are not to be kept any more, and what only they need.

    Those in which something is missing are kept for a while beside the complete ones, and take nobody's place.
    """
    if not any(settings.keep.values()):
        return
    ours = ["forget", "--host", settings.host, "--group-by", "host"]
    repo.call(*ours, "--tag", INCOMPLETE, "--keep-within", KEEP_INCOMPLETE)
    words = [word for period, count in settings.keep.items() if count for word in (f"--keep-{period}", str(count))]
    repo.call(*ours, "--tag", TAG, "--prune", *words)


def back_up(world: World, settings: Settings, repo: Repository, accept: bool = False) -> Outcome:
    """Make one backup; with ``accept`` what it holds is right, whatever the one before had.

    Nothing is forgotten after a run that missed anything. Raises BusyError while the registry is maintained.
    """
    repo.open()
    known = None if accept else read_known(world, repo, settings)
    sources, items, current = read(world, settings)
    plan, unwanted = compare(settings, sources, items, current), patterns(settings)
    missing = findings(settings, sources, items, current, known, unwanted)
    with contextlib.ExitStack() as stack:
        # The registry's maintenance removes layers: it waits, so that every link of the copy finds its own.
        try:
            stack.enter_context(
                job_lock.hold(world.root, MAINTENANCE, world.now(), time.sleep, JOB, MAINTENANCE_SECONDS)
            )
        except BusyError as error:
            raise BusyError("the registry's maintenance is at work and does not end; make the backup later") from error
        # How much there will be nobody knows yet: the manifest has the numbers of the backup before.
        numbers = (known.files, known.bytes) if known else (0, 0)
        not_copied = stage(world, settings, plan, remember(sources, current, unwanted, *numbers))
        tag = INCOMPLETE if missing or not_copied else TAG
        summary, done = save(world, settings, repo, plan, tag)
    # A disk may have gone away while it was read.
    missing += findings(settings, *read(world, settings), known, unwanted)
    count, size = int(summary.get("total_files_processed", 0)), int(summary.get("total_bytes_processed", 0))
    if tag == TAG:  # otherwise it is known already why it is smaller
        missing += shrunk(known, count, size)
    if not missing and (accept or not not_copied):  # else less would be enough from now on
        write_known(world, remember(sources, current, unwanted, count, size))
    unread, alarms = read_troubles(world, done, [source.path for source in sources])
    found = list(dict.fromkeys([*missing, *not_copied, *alarms]))
    snapshot = str(summary["snapshot_id"])
    if found and tag == TAG:
        snapshot = repo.mark_incomplete(snapshot)
    if not found and not unread:
        forget(settings, repo)
    notes = [f"{unread} files could not be read this time"] if unread and not alarms else []
    if found or unread:
        notes.append("nothing was forgotten, since this backup is not complete")
    added = int(summary.get("data_added", 0))
    made = history.Run(clock.stamp(world.now()), snapshot[:8], not found, count, size, added)
    try:
        history.add(world.root, made, settings.max_age_hours)
    except OSError as error:  # the backup is made all the same
        notes.append(f"{history.PATH} was not written: {error}")
    return Outcome(f"snapshot {snapshot[:8]}: {count} files, {added / 2**20:.1f} MiB new", tuple(found), tuple(notes))


def read_troubles(world: World, done: Done, sources: Sequence[str]) -> tuple[int, list[str]]:
    """Return how many files could not be read, and which of them are an alarm; keeps count for the next nights."""
    before = unreadable.load(world.state(UNREADABLE))
    found = unreadable.assumed(unreadable.troubles(done.error), before) if done.code == SOME_UNREADABLE else ()
    nights = unreadable.count(found, before, world.now().astimezone().date())
    files.replace(world.at(UNREADABLE), unreadable.dump(nights), 0o600)
    return len(found), unreadable.alarms(found, nights, [str(world.at(path)) for path in sources])


def main(argv: Sequence[str]) -> int:
    """Make a backup (or the repository); returns 0 (well), 1 (something was left out), 2 (failed) or 3 (busy)."""
    parser = argparse.ArgumentParser(prog="labserver backup", description=__doc__)
    parser.add_argument(
        "--make-repository", action="store_true", help="make the repository, or take over what is there"
    )
    parser.add_argument(
        "--accept", action="store_true", help="what is there now is all that is wanted, whatever was there before"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args(argv)
    world = World()
    try:
        settings = world.settings()
        repo = world.repository(settings)
        if options.make_repository:
            sys.stdout.write("made\n" if repo.make() else "there\n")
            return job.OK
        outcome = back_up(world, settings, repo, options.accept)
    except BusyError as error:
        sys.stderr.write(f"{error}\n")
        return job.BUSY
    except (SettingsError, RepositoryError, OSError) as error:
        sys.stderr.write(f"labserver backup: {error}\n")
        job.leave(str(error))
        return job.CRITICAL
    if options.json:
        sys.stdout.write(json.dumps({"version": 1, **asdict(outcome)}) + "\n")
    else:
        sys.stdout.write("\n".join([outcome.line, *outcome.notes]) + "\n")
    for finding in outcome.findings:
        sys.stderr.write(f"WARNING {finding}\n")
    job.leave("; ".join([outcome.line, *outcome.findings, *outcome.notes]))
    return job.WARNING if outcome.findings else job.OK
