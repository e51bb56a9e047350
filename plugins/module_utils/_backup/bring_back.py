# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything of one backup comes to its own place, with numeric owners.

That is the configuration with all secrets and the lab's authority, the hub's state, homes, the registry, data of apps
and Docker volumes. Done twice, it does the same again.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from .._common import files, sqlite_copy
from .model import STAGE, staged
from .proof import damaged_databases, different_files
from .restic import Repository, RepositoryError
from .resurrect import DUMPS, Saved
from .stage import copy_tree
from .world import World

SAME_PART = 0.8
"""Of the files that were drawn for the drill, this part has to come back as it was; the others were changed then."""
SOME_ERRORS = 1  # restic's exit status when single files could not be written


def make_volumes(world: World, saved: Saved) -> int:
    """Make Docker's volumes with the labels of their Compose projects; returns how many. Raises EngineError."""
    count = 0
    for project, found in saved.volumes.items():
        for name in found:
            own = name.startswith(f"{project}_")
            labels = {
                "com.docker.compose.project": project,
                "com.docker.compose.volume": name.removeprefix(f"{project}_"),
            }
            world.engine.request("POST", "/volumes/create", {"Name": name, "Labels": labels if own else {}})
            count += 1
    return count


def bring_back(world: World, repo: Repository, saved: Saved, manifest: Mapping[str, Any]) -> list[str]:
    """Restore everything to its place; returns warnings. Raises RepositoryError when it is not what was saved."""
    above = [(path, path.stat()) for path in _parents(world, saved.roots) if path.exists()]
    done = repo.call("restore", saved.id, "--target", "/", fine=(0, SOME_ERRORS))
    for path, status in above:  # the old server's /etc, /home and / are none of our business
        os.chown(path, status.st_uid, status.st_gid)
        path.chmod(stat.S_IMODE(status.st_mode))
    wrong = damaged_databases(lambda path: world.at(staged(path)), manifest)
    same, different = different_files(Path("/"), manifest)
    wrong += different
    if same < SAME_PART * len(manifest["files"]):
        wrong.append(f"only {same} of {len(manifest['files'])} files that are compared came back as they were")
    if wrong:
        raise RepositoryError("; ".join(wrong))
    for copy in manifest["copies"]:
        put_in_place(world.at(staged(copy)), world.at(copy))
    for dump in manifest.get("dumps", []):
        target = world.at(DUMPS) / Path(dump).name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        put_in_place(world.at(dump), target)
    shutil.rmtree(world.at(STAGE), ignore_errors=True)
    return [f"restic could not write everything: {done.last_words}"] if done.code else []


def put_in_place(source: Path, target: Path) -> None:
    """Move a copy, which may be on another file system, to its place, with owner and mode."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        copy_tree(source, target)
        return
    for leftover in target.parent.glob(f"{target.name}-*"):  # the journal of another database
        leftover.unlink()
    status = source.stat()
    with (
        source.open("rb") as content,
        files.replacing(target, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) as file,
    ):
        shutil.copyfileobj(content, file)
    sqlite_copy.like(source, target)


def _parents(world: World, roots: Sequence[str]) -> Iterator[Path]:
    seen = set()
    for root in roots:
        for parent in PurePosixPath(world.at(root)).parents:
            if parent not in seen:
                seen.add(parent)
                yield Path(parent)
