# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
import stat
import typing as t
from pathlib import Path, PurePath

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: context_hash
short_description: Hash of everything that goes into building an image
version_added: 0.1.0
description:
  - Returns the first 12 hexadecimal digits of the SHA-256 over names, executable bits and contents of all files of a
    folder on the controller. Python's byte code (C(__pycache__)) does not count.
  - Used as the tag of an image, so that an image exists exactly when what it is made of has not changed.
positional: _input
options:
  _input:
    description: Path of the folder on the controller.
    type: path
    required: true
  extra:
    description: Anything else that decides what the image is, for example build arguments. Must be JSON.
    type: raw
    default: null
  shared_files:
    description:
      - Files from elsewhere that are added to the folder when the image is built. They count as if they lay in it.
      - Maps the path in the folder to the path of the file below O(shared_root).
    type: dict
    default: {}
  shared_root:
    description: Folder on the controller that the files of O(shared_files) are looked for in.
    type: path
    default: ""
author:
  - The labserver.jupyter authors (@labserver)
"""

EXAMPLES = r"""
# Produces for example labserver/hub:0123456789ab
reference: "labserver/hub:{{ role_path ~ '/files/image' | labserver.jupyter.context_hash(extra={'BASE': 'x'}) }}"
"""

RETURN = r"""
_value:
  description: 12 lower-case hexadecimal digits.
  type: str
"""


def _shared(root: Path, shared_files: t.Mapping[str, str], shared_root: str) -> dict[PurePath, Path]:
    """Return the shared files by their path in the folder ``root``; raises AnsibleFilterError with all problems."""
    found, problems = {}, []
    for place, source in shared_files.items():
        file = Path(shared_root) / source
        if not file.is_file():
            problems.append(f"shared file {source}: there is no such file in {shared_root}")
        if (root / place).exists():
            problems.append(f"shared file {source}: {place} already exists in {root}")
        if ".." in PurePath(place).parts or not (root / place).parent.is_dir():
            problems.append(f"shared file {source}: {place} does not lie in an existing folder of {root}")
        found[PurePath(place)] = file
    if problems:
        raise AnsibleFilterError("context_hash: " + "; ".join(problems))
    return found


def context_hash(
    path: str, extra: t.Any = None, shared_files: t.Mapping[str, str] | None = None, shared_root: str = ""
) -> str:
    """Return 12 hexadecimal digits that name the content of the folder ``path``, of ``extra`` and of shared files."""
    root = Path(path)
    if not root.is_dir():
        raise AnsibleFilterError(f"context_hash: {path} is not a folder on the controller")
    files: dict[PurePath, Path] = {
        PurePath(file.relative_to(root)): file
        for file in root.rglob("*")
        if "__pycache__" not in file.parts and file.is_file()
    }
    files.update(_shared(root, shared_files or {}, shared_root))
    digest = hashlib.sha256(json.dumps(extra, sort_keys=True).encode())
    for place, file in sorted(files.items()):
        executable = bool(file.stat().st_mode & stat.S_IXUSR)
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{place}\0{executable}\0{content}\n".encode())
    return digest.hexdigest()[:12]


class FilterModule:
    """Filters of images."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"context_hash": context_hash}
