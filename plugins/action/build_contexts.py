# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of M(labserver.jupyter.build_contexts): packs the folders into one archive and has it unpacked."""

from __future__ import annotations

import io
import stat
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.labserver.jupyter.plugins.module_utils._common import files
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _delegated

FOLDER_MODE, FILE_MODE, PROGRAM_MODE = 0o700, 0o644, 0o755
"""Of a file only the executable bit counts, as in the hash that names the image; the rest depends on the checkout."""


MADE = 1_577_836_800  # 2020-01-01: what is older than 1980 cannot be packed into a wheel


def members(context: Mapping[str, Any]) -> dict[str, Path]:
    """Return the files of a context by their path in the archive; raises ValueError with all problems."""
    root, place = Path(context["source"]), PurePosixPath(context["place"])
    found = {str(place / path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
    found |= {str(place / name): Path(path) for name, path in (context.get("shared_files") or {}).items()}
    problems = [f"{root}: there is no such folder"] if not root.is_dir() else []
    problems += [f"{path}: there is no such file" for path in found.values() if not path.is_file()]
    if place.is_absolute() or ".." in place.parts:
        problems.append(f"{place}: is not a place below the folder of the contexts")
    if problems:
        raise ValueError("; ".join(problems))
    return {name: path for name, path in found.items() if "__pycache__" not in path.parts}


def pack(contexts: Iterable[Mapping[str, Any]]) -> bytes:
    """Return a tar archive of the contexts, each at its place, owned by root; raises ValueError or OSError."""
    found: dict[str, Path] = {}
    for context in contexts:
        found |= members(context)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for folder in sorted({str(parent) for name in found for parent in PurePosixPath(name).parents} - {"."}):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, FOLDER_MODE, MADE
            archive.addfile(entry)
        for name, path in sorted(found.items()):
            content = path.read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), MADE
            entry.mode = PROGRAM_MODE if path.stat().st_mode & stat.S_IXUSR else FILE_MODE
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


class ActionModule(ActionBase):
    """Delegates to ansible.builtin.unarchive: one file is transferred, however many files the contexts have."""

    TRANSFERS_FILES = True
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        try:
            packed = pack(self._task.args["contexts"])
        except (OSError, ValueError) as error:
            raise AnsibleActionFail(f"The build contexts cannot be brought to the host: {error}") from error
        with files.candidate(Path(tempfile.gettempdir()), packed, ".tar.gz") as local:
            arguments = {"src": str(local), "dest": self._task.args["dest"], "owner": "root", "group": "root"}
            return _delegated.run(self, "ansible.builtin.unarchive", arguments, task_vars)
