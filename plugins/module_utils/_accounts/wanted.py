# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was last asked for, kept on the host, so that the daily job can act on it without Ansible."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import input as inputs
from .ids import Ids
from .model import Desired
from .store import replace_file

FILE = "etc/labserver/accounts/wanted.json"
VERSION = 1


def dump(inputs: Mapping[str, Any], ids: Ids) -> bytes:
    """Return the file's content: the module's inputs, and the number of everybody."""
    data = {"version": VERSION, "inputs": inputs, "ids": {"users": dict(ids.users), "groups": dict(ids.groups)}}
    return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode()


def read(root: Path) -> bytes:
    """Return the file's content, empty when there is none."""
    path = root / FILE
    return path.read_bytes() if path.exists() else b""


def write(root: Path, content: bytes) -> None:
    """Replace the file, which only root may read."""
    path = root / FILE
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(path, content, 0o600)


def load(root: Path) -> tuple[Desired, Ids]:
    """Return what was last asked for; raises ValueError when nothing was, or when the file is damaged."""
    content = read(root)
    if not content:
        raise ValueError(f"{root / FILE} does not exist; run the playbook first")
    try:
        data = json.loads(content)
        desired, problems = inputs.desired(data["inputs"])
        ids = Ids(data["ids"]["users"], data["ids"]["groups"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{root / FILE} is damaged ({error}); run the playbook again") from error
    if problems:
        raise ValueError(f"{root / FILE} does not suit this release; run the playbook again: {'; '.join(problems)}")
    return desired, ids
