# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""``labserver backup``: stage what is in use, hand all of it to restic, forget what is older than wanted."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import _jobs_run
from ._backup_plan import (
    MANIFEST,
    STAGE,
    Dump,
    Plan,
    Settings,
    SettingsError,
    decide,
    left_out,
    settings_from,
    staged,
)
from ._backup_restic import TAG, Done, Repository, RepositoryError, run_restic
from ._docker_api import DockerEngine, EngineError

SETTINGS = Path("/etc/labserver/backup/settings.json")
ROOMS = Path("/etc/labserver/backup.d")
ROSTER = Path("/etc/labserver/public/roster.json")
OK, WARNING, CRITICAL, BUSY = 0, 1, 2, 3
SAMPLE_BYTES = 16 << 20  # a larger file is not drawn for the drill
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
    """Return where something is mounted on this host."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return [line.split()[4].encode().decode("unicode_escape") for line in lines if " - autofs " not in line]


def repository(settings: Settings) -> Repository:
    """Return the repository of the settings."""
    return Repository(settings, run_restic(settings), mount_points)


def volumes_of(project: str) -> list[str]:
    """Return the folders of the volumes of a Compose project."""
    try:
        answer = DockerEngine().get("/volumes", filters={"label": [f"com.docker.compose.project={project}"]})
    except EngineError:
        return []
    return [volume["Mountpoint"] for volume in answer.get("Volumes") or []]


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {error}; run playbooks/site.yml, which writes it again") from error


def read_plan(settings: Settings) -> Plan:
    """Decide what is read, from what is on this host."""
    rooms = {file.name: _json(file) for file in sorted(ROOMS.glob("*.json"))}
    return decide(settings, _json(ROSTER), rooms, volumes_of, lambda path: Path(path).exists())


def copy_database(path: str, target: Path) -> None:
    """Copy a database as it is at one moment, with its owner and mode."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)) as source,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)
    _like(Path(path), target)


def copy_tree(source: Path, target: Path) -> None:
    """Copy a tree of small files that others change meanwhile; what goes away in that time is left out."""
    for folder, names, files in os.walk(source):
        names[:] = [name for name in names if name != "_uploads"]
        place = target / Path(folder).relative_to(source)
        with contextlib.suppress(FileNotFoundError):
            place.mkdir(parents=True, exist_ok=True)
            _like(Path(folder), place)
            for name in files:
                shutil.copy2(Path(folder, name), place / name)
                _like(Path(folder, name), place / name)


def _like(source: Path, target: Path) -> None:
    status = source.stat()
    os.chown(target, status.st_uid, status.st_gid)
    target.chmod(status.st_mode & 0o7777)


def dump(item: Dump) -> str:
    """Run a room's command and keep its output; returns what went wrong, or an empty text."""
    target = Path(item.file)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("wb") as file:
            done = subprocess.run(item.command, stdout=file, stderr=subprocess.PIPE, check=False)
    except OSError as error:
        return f"the dump of {item.name} cannot be made: {error}"
    if done.returncode or not target.stat().st_size:
        target.unlink()
        words = done.stderr.decode("utf-8", "replace").strip()[-300:]
        return f"the dump of {item.name} failed (exit status {done.returncode}): {words or 'no output'}"
    return ""


def draw_files(
    paths: Sequence[str], count: int, chance: random.Random, left_out: Callable[[str], bool]
) -> Iterator[str]:
    """Yield up to ``count`` different plain files below the paths, drawn by walking down at random.

    What is left out is not even looked at: it may be a share whose server is silent.
    """
    drawn: set[str] = set()
    for _attempt in range(20 * count):
        here = chance.choice(paths)
        with contextlib.suppress(OSError):
            while not left_out(here) and Path(here).is_dir() and not Path(here).is_symlink():
                entries = sorted(Path(here).iterdir())
                if not entries:
                    break
                here = str(chance.choice(entries))
            file = Path(here)
            if left_out(here) or here in drawn:
                continue
            if file.is_file() and not file.is_symlink() and file.stat().st_size <= SAMPLE_BYTES:
                drawn.add(here)
                yield here
        if len(drawn) == count:
            return


def fingerprint(path: Path) -> dict[str, Any]:
    """Return size, time of the last change (ns) and SHA-256 of a file."""
    status = path.stat()
    return {
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def count_passwords(database: Path) -> int | None:
    """Return the number of entries of a password store; None when it is not one."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM passwords").fetchone()[0])
        except sqlite3.OperationalError:
            return None


def stage(settings: Settings, plan: Plan, now: datetime) -> list[str]:
    """Fill the staging folder anew and write the manifest that the drill compares with; returns warnings."""
    folder = Path(STAGE)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    folder.parent.chmod(0o700)
    warnings = []
    databases: dict[str, Any] = {}
    for path in plan.databases:
        try:
            copy_database(path, Path(staged(path)))
        except sqlite3.Error as error:
            warnings.append(f"{path} cannot be copied: {error}")
            continue
        databases[path] = {"passwords": count_passwords(Path(staged(path)))}
    if plan.links:
        copy_tree(Path(plan.links), Path(staged(plan.links)))
    warnings += filter(None, map(dump, plan.dumps))
    roots = [path for path in plan.paths if path != STAGE]
    sample: dict[str, Any] = {}
    chance = random.SystemRandom()
    for name in draw_files(roots, settings.drill_files, chance, lambda path: left_out(path, plan.exclude)):
        with contextlib.suppress(OSError):
            sample[name] = fingerprint(Path(name))
    manifest = {
        "version": 1,
        "made": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "host": settings.host,
        "roots": roots,
        "databases": databases,
        "copies": [*databases, *([plan.links] if plan.links else [])],
        "dumps": [item.file for item in plan.dumps if Path(item.file).exists()],
        "files": sample,
    }
    Path(MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return warnings


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
    plan = read_plan(settings)
    # The registry's maintenance removes layers: it waits, so that every link of the copy finds its own.
    with _jobs_run.locked(_jobs_run.World(), "registry-maintenance") as lock:
        if lock is None:
            raise BlockingIOError("the registry's maintenance is at work; the backup comes later")
        warnings = stage(settings, plan, now())
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
        tell(str(error))
        return CRITICAL
    sys.stdout.write(line + "\n")
    for warning in warnings:
        sys.stderr.write(f"WARNING {warning}\n")
    tell("; ".join([line, *warnings]))
    return WARNING if warnings else OK


def tell(line: str) -> None:
    """Leave a line for the table of all jobs."""
    if summary := os.environ.get("LABSERVER_SUMMARY"):
        with contextlib.suppress(OSError):
            Path(summary).write_text(line + "\n", encoding="utf-8")
