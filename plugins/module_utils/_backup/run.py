# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver backup``: stage what is in use, hand all of it to restic, forget what is older than wanted."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .._common import job
from .._common.docker_api import DockerEngine, EngineError
from .._schedule import run
from .._shares.world import Host
from .plan import STAGE, Plan, Settings, SettingsError, decide, settings_from
from .restic import TAG, Done, Repository, RepositoryError, run_restic
from .stage import stage

SETTINGS = Path("/etc/labserver/backup/settings.json")
ROOMS = Path("/etc/labserver/backup.d")
ROSTER = Path("/etc/labserver/public/roster.json")
OK, WARNING, CRITICAL, BUSY = 0, 1, 2, 3
SOME_UNREADABLE = 3  # restic's exit status when files could not be read


def load_settings(path: Path = SETTINGS) -> Settings:
    """Read the settings that the role wrote. Raises SettingsError."""
    try:
        return settings_from(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; run the role backup") from error
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None


def mount_points() -> list[str]:
    """Return where something is mounted on this host; an automount alone is nothing yet."""
    return [mount.target for mount in Host().mounts() if mount.fstype != "autofs"]


def repository(settings: Settings) -> Repository:
    """Return the repository of the settings."""
    return Repository(settings, run_restic(settings), mount_points)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {error}; run playbooks/site.yml, which writes it again") from error


def read_plan(settings: Settings) -> tuple[Plan, list[str]]:
    """Decide what is read, from what is on this host; returns warnings as well."""
    rooms = {file.name: _json(file) for file in sorted(ROOMS.glob("*.json"))}
    warnings: list[str] = []

    def volumes_of(project: str) -> list[str]:
        label = f"com.docker.compose.project={project}"
        try:
            found = DockerEngine().get("/volumes", filters={"label": [label]})["Volumes"] or []
        except EngineError as error:
            warnings.append(f"the volumes of {project} are not in this backup: {error}")
            return []
        return [volume["Mountpoint"] for volume in found]

    return decide(settings, _json(ROSTER), rooms, volumes_of, lambda path: Path(path).exists()), warnings


def save(settings: Settings, repo: Repository, plan: Plan) -> tuple[Mapping[str, Any], list[str]]:
    """Hand everything to restic; returns its summary and warnings."""
    lists = Path(STAGE).parent
    (lists / "paths").write_bytes(b"".join(path.encode() + b"\0" for path in plan.paths))
    (lists / "exclude").write_text("\n".join(path.replace("$", "$$") for path in plan.exclude) + "\n", encoding="utf-8")
    words = ["--json", "--host", settings.host, "--tag", TAG, "--exclude-caches"]
    words += ["--files-from-raw", str(lists / "paths"), "--exclude-file", str(lists / "exclude")]
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


def back_up(settings: Settings, repo: Repository, now: Callable[[], datetime]) -> tuple[str, list[str]]:
    """Make one backup; returns a line for people and warnings."""
    repo.open()
    repo.call("unlock")  # only what a run that died left; those of a live one are kept
    plan, warnings = read_plan(settings)
    # The registry's maintenance removes layers: it waits, so that every link of the copy finds its own.
    with run.locked(run.World(), "registry-maintenance") as lock:
        if lock is None:
            raise BlockingIOError("the registry's maintenance is at work; the backup comes later")
        warnings += stage(settings, plan, now())
        summary, unreadable = save(settings, repo, plan)
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
    try:
        settings = load_settings()
        repo = repository(settings)
        if options.make_repository:
            sys.stdout.write("made\n" if repo.make() else "there\n")
            return OK
        line, warnings = back_up(settings, repo, lambda: datetime.now(UTC))
    except BlockingIOError as error:
        sys.stderr.write(f"{error}\n")
        return BUSY
    except (SettingsError, RepositoryError, OSError) as error:
        sys.stderr.write(f"labserver backup: {error}\n")
        job.leave(str(error))
        return CRITICAL
    sys.stdout.write(line + "\n")
    for warning in warnings:
        sys.stderr.write(f"WARNING {warning}\n")
    job.leave("; ".join([line, *warnings]))
    return WARNING if warnings else OK
