# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
import stat
import typing as t
from pathlib import Path

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


def context_hash(path: str, extra: t.Any = None) -> str:
    """Return 12 hexadecimal digits that name the content of the folder ``path`` and of ``extra``."""
    root = Path(path)
    if not root.is_dir():
        raise AnsibleFilterError(f"context_hash: {path} is not a folder on the controller")
    digest = hashlib.sha256(json.dumps(extra, sort_keys=True).encode())
    for file in sorted(root.rglob("*")):
        if "__pycache__" in file.parts or not file.is_file():
            continue
        executable = bool(file.stat().st_mode & stat.S_IXUSR)
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(root)}\0{executable}\0{content}\n".encode())
    return digest.hexdigest()[:12]


class FilterModule:
    """Filters of images."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"context_hash": context_hash}
