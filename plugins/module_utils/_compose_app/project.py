# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder of a project on the host: what lies there, and how it is replaced file by file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .._common import files as common_files
from .model import SECRETS_FOLDER, File
from .plan import Container, Parts, Plan, is_secret

MANIFEST = ".labserver.json"


def read_files(folder: Path, paths: Sequence[str]) -> dict[str, File]:
    """Return those of ``paths`` that exist in the project folder."""
    found = {}
    for path in paths:
        file = folder / path
        if file.is_file():
            status = file.stat()
            found[path] = File(file.read_bytes(), status.st_mode & 0o7777, status.st_uid, is_secret(path))
    return found


def kept_secrets(folder: Path) -> dict[str, bytes]:
    """Return the secrets that earlier runs left, by name."""
    place = folder / SECRETS_FOLDER
    return {file.name: file.read_bytes() for file in place.iterdir()} if place.is_dir() else {}


def read_manifest(folder: Path) -> tuple[dict[str, Parts], tuple[str, ...]]:
    """Return what the last run wrote: the parts of each service and the names of the managed files."""
    try:
        data = json.loads((folder / MANIFEST).read_text())
        parts = {name: Parts(item["definition"], item["files"]) for name, item in data["services"].items()}
        return parts, tuple(data["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}, ()


def read_made(folder: Path) -> dict[str, dict[str, str]]:
    """Return the limits that containers had when a run first found them, by their id."""
    try:
        made = json.loads((folder / MANIFEST).read_text()).get("limits", {})
        return {str(one): {str(name): str(value) for name, value in had.items()} for one, had in made.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def write_manifest(folder: Path, plan: Plan, containers: Sequence[Container]) -> None:
    """Write down what this run wrote and made, for the next one."""
    services = {name: {"definition": p.definition, "files": dict(p.files)} for name, p in plan.services.items()}
    made = {one.id: plan.current.made.get(one.id, one.limits) for one in containers}
    kept = {"services": services, "files": sorted(plan.files), "limits": made}
    text = json.dumps(kept, indent=1, sort_keys=True)
    path = folder / MANIFEST
    if not path.exists() or path.read_text() != text:
        write(path, text.encode(), 0o600)


def write_files(
    folder: Path, files: Mapping[str, File], stale: Sequence[str], chown: Callable[[Path, int, int], None]
) -> None:
    """Put the files in place; those that are as they should be are left alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    current = read_files(folder, list(files))
    for path, file in files.items():
        if current.get(path) != file:
            write(folder / path, file.content, file.mode)
            chown(folder / path, file.uid, -1)
    for path in stale:
        (folder / path).unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Delete the files that this module wrote, except the secrets, which the kept data may need."""
    _parts, managed = read_manifest(folder)
    for path in [*managed, MANIFEST]:
        if not is_secret(path):
            (folder / path).unlink(missing_ok=True)
    remove_empty(folder)


def remove_empty(folder: Path) -> None:
    """Remove empty folders below and including ``folder``."""
    for path in sorted((p for p in folder.rglob("*") if p.is_dir()), key=lambda p: len(p.parts), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def write(path: Path, content: bytes, mode: int) -> None:
    """Replace a file in one step. Folders are made so that containers may pass; the project folder itself is 0700."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    common_files.replace(path, content, mode)
