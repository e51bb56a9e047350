# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver backup-restore``: bring paths back, beside what is there or in its place.

In place means: containers that use the path are stopped, what is there is moved aside to
``<path>.before-restore-<time>``, what was saved takes its place, and the containers are started again. Nothing is
deleted.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, time
from pathlib import Path
from typing import Any

from .._common import run_lock
from .._common.docker_api import DockerEngine, EngineError
from .._common.job import CRITICAL, OK
from .model import ANY, INCOMPLETE, MANIFEST, STAGE, SettingsError, copies_below, covers, staged
from .restic import Repository, RepositoryError, made
from .world import World


def fetch(repo: Repository, snapshot: str, paths: Sequence[str], target: Path) -> None:
    """Restore paths below ``target``, as if it were ``/``. Raises RepositoryError when one is not in the snapshot."""
    host = ["--host", repo.settings.host, *ANY] if snapshot == "latest" else []
    words = [word for path in paths for word in ("--include", _pattern(path))]
    repo.call("restore", snapshot, *host, "--target", str(target), *words)
    missing = [path for path in paths if not os.path.lexists(_below(target, path))]
    if missing:
        raise RepositoryError(
            f"the snapshot {snapshot} does not hold {', '.join(missing)}; labserver backup-restore --list shows them"
        )


def _pattern(path: str) -> str:
    """Return a pattern of restic that means this path and nothing else."""
    return re.sub(r"([\\*?\[])", r"\\\1", path)


def _below(target: Path, path: str) -> Path:
    return target / path.lstrip("/")


def as_of(snapshots: Sequence[Mapping[str, Any]], moment: str) -> str:
    """Return the id of the last snapshot that was made at a date or before; a day alone means its end, in local time.

    Raises SettingsError when the date is none, or when there is no such snapshot.
    """
    try:
        when = datetime.fromisoformat(moment)
    except ValueError:
        raise SettingsError(f"--as-of {moment}: give a date such as 2026-11-20 or 2026-11-20T14:30") from None
    if len(moment) <= len("2026-11-20"):
        when = datetime.combine(when.date(), time.max)
    fitting = [snapshot for snapshot in snapshots if made(snapshot) <= when.astimezone()]
    if not fitting:
        first = (
            f"the first is of {made(snapshots[0]).astimezone():%Y-%m-%d %H:%M}" if snapshots else "there is none at all"
        )
        raise SettingsError(f"--as-of {moment}: there is no backup of that time or before; {first}")
    return str(fitting[-1]["id"])


def read_manifest(repo: Repository, snapshot: str) -> dict[str, Any]:
    """Return the manifest of a snapshot."""
    host = ["--host", repo.settings.host, *ANY] if snapshot == "latest" else []
    done = repo.call("dump", *host, snapshot, MANIFEST)
    manifest: dict[str, Any] = json.loads(done.out)
    return manifest


def restore_beside(repo: Repository, snapshot: str, paths: Sequence[str], target: Path) -> None:
    """Restore paths below ``target``, with the copies of what was in use at their own places.

    Raises RepositoryError, before anything is written, when ``target`` holds something already.
    """
    if target.exists() and any(target.iterdir()):
        raise RepositoryError(f"{target} is not empty; give another folder")
    manifest = read_manifest(repo, snapshot)
    copies = {path: copies_below(path, manifest["copies"]) for path in paths}
    staged_paths = [staged(copy) for found in copies.values() for copy in found]
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    # A database itself is only in the snapshot as its copy.
    plain = [path for path in paths if path not in copies[path]]
    fetch(repo, snapshot, [*plain, *staged_paths], target)
    for found in copies.values():
        for copy in found:
            _below(target, copy).parent.mkdir(parents=True, exist_ok=True)
            _below(target, staged(copy)).rename(_below(target, copy))
    if not any(covers(path, STAGE) or covers(STAGE, path) for path in paths):
        stage = _below(target, STAGE)
        shutil.rmtree(stage, ignore_errors=True)
        for folder in stage.relative_to(target).parents:
            with suppress(OSError):  # only those that are empty now
                (target / folder).rmdir()


@contextmanager
def without_containers(engine: DockerEngine, path: str, say: Callable[[str], None]) -> Iterator[None]:
    """Stop the containers that use something of ``path``, and start them again, whatever happens."""
    try:
        found = engine.get("/containers/json")
    except EngineError:
        found = []  # no engine, no containers
    users = [
        container["Names"][0].lstrip("/")
        for container in found
        if any(covers(path, mount.get("Source") or "/") for mount in container.get("Mounts") or [])
    ]
    stopped = []
    try:
        for name in users:
            say(f"stopping {name}")
            engine.request("POST", f"/containers/{name}/stop", timeout=120)
            stopped.append(name)
        yield
    finally:
        for name in stopped:
            with suppress(EngineError):
                say(f"starting {name}")
                engine.request("POST", f"/containers/{name}/start", timeout=120)


def restore_in_place(
    repo: Repository, engine: DockerEngine, snapshot: str, path: str, stamp: str, say: Callable[[str], None]
) -> str:
    """Put what was saved in the place of ``path``; returns where that was moved to (empty: there was nothing)."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.parent / f".labserver-restore-{stamp}"  # of the same file system: it is renamed
    aside = target.with_name(f"{target.name}.before-restore-{stamp}")
    try:
        restore_beside(repo, snapshot, [path], fresh)
        with without_containers(engine, path, say):
            moved = os.path.lexists(target)
            if moved:
                target.rename(aside)
            try:
                _below(fresh, path).rename(target)
            except OSError:
                if moved:
                    aside.rename(target)
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return str(aside) if moved else ""


def main(argv: Sequence[str]) -> int:
    """Restore; returns 0 (well) or 2 (failed, and said why)."""
    parser = argparse.ArgumentParser(prog="labserver backup-restore", description=__doc__)
    parser.add_argument("--list", action="store_true", help="show the snapshots of this host")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--snapshot", default="latest", help="id of a snapshot (default: the latest of this host)")
    which.add_argument(
        "--as-of", metavar="DATE", help="the last snapshot of a day or moment, or before: 2026-11-20T14:30"
    )
    parser.add_argument("--target", type=Path, help="an empty folder for what is restored")
    parser.add_argument(
        "--in-place", metavar="HOST", help="the name of this host: put it in the place of what is there"
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="absolute paths of files or folders")
    options = parser.parse_args(argv)
    world = World()
    try:
        settings = world.settings()
        repo = world.repository(settings)
        repo.open()
        if options.list:
            for snapshot in repo.snapshots():
                mark = "  (something is missing)" if INCOMPLETE in (snapshot.get("tags") or []) else ""
                sys.stdout.write(f"{snapshot['short_id']}  {snapshot['time'][:19]}{mark}\n")
            return OK
        _check(options, settings.host)
        run_lock.working()  # playbooks/restore.yml holds the host, and this may take hours
        if options.as_of:
            options.snapshot = as_of(repo.snapshots(), options.as_of)
        if options.target:
            restore_beside(repo, options.snapshot, options.paths, options.target)
            sys.stdout.write(f"restored below {options.target}\n")
            return OK
        stamp = world.now().strftime("%Y%m%dT%H%M%SZ")
        for path in options.paths:
            aside = restore_in_place(repo, world.engine, options.snapshot, path, stamp, _say)
            _say(f"restored {path}" + (f"; what was there is {aside} now" if aside else ""))
    except (SettingsError, RepositoryError, EngineError, OSError) as error:
        sys.stderr.write(f"labserver backup-restore: {error}\n")
        return CRITICAL
    return OK


def _check(options: argparse.Namespace, host: str) -> None:
    problems = []
    if not options.paths:
        problems.append("name at least one path")
    problems += [f"{path}: give an absolute path without .." for path in options.paths if not _clean(path)]
    if bool(options.target) == bool(options.in_place):
        problems.append("give either --target FOLDER or --in-place HOST")
    if options.in_place and options.in_place != host:
        problems.append(f"--in-place {options.in_place}: this host is {host}; give its name to say that you mean it")
    if problems:
        raise SettingsError("; ".join(problems))


def _clean(path: str) -> bool:
    return path.startswith("/") and path != "/" and os.path.normpath(path) == path


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
