# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file that tells the program which certificates a host has: compare and apply of the module certificates."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from .._common import files
from . import judge, model

MODE = 0o600  # hooks may need secrets, and a certificate may come with its key


@dataclass(frozen=True)
class Plan:
    """``content`` is None when the file stays; ``due`` is certificate -> why it would be renewed now."""

    content: bytes | None
    before: str
    after: str
    due: Mapping[str, str]


def desired(items: Sequence[Mapping[str, Any]], ca: Mapping[str, Any]) -> dict[str, Any]:
    """The content of the file: the given keys only, so that a default of the program can change."""
    certificates = [{key: value for key, value in item.items() if value not in (None, {}, [])} for item in items]
    for item in certificates:
        item.setdefault("names", [])
    return {
        "version": 1,
        "ca": {key: value for key, value in ca.items() if value is not None},
        "certificates": certificates,
    }


def shown(data: Mapping[str, Any]) -> str:
    """What a diff may show: the values of environments and the content of keys are hidden."""

    def hide(value: Any, key: str = "") -> Any:
        if key == "environment" and isinstance(value, dict):
            return dict.fromkeys(value, "(hidden)")
        if key == "key_content":
            return "(hidden)"
        if isinstance(value, Mapping):
            return {inner: hide(item, inner) for inner, item in value.items()}
        return [hide(item) for item in value] if isinstance(value, list) else value

    return json.dumps(hide(data), indent=2, sort_keys=True) + "\n"


def compare(root: Path, wanted: Mapping[str, Any], now: datetime) -> Plan:
    """Compare the file with what is wanted, and say which certificates the program would renew. Touches nothing."""
    path = root / model.CONFIG
    content = json.dumps(wanted, indent=2, sort_keys=True).encode() + b"\n"
    due = judge.due(root, model.parse(wanted), now)
    try:
        old = path.read_bytes()
        same = old == content and path.stat().st_mode & 0o777 == MODE
    except FileNotFoundError:
        return Plan(content, "", shown(wanted), due)
    try:
        before = shown(json.loads(old))
    except ValueError:
        before = "(damaged)\n"
    return Plan(None if same else content, before, shown(wanted), due)


def apply(root: Path, steps: Plan) -> None:
    """Write the file. Raises OSError."""
    if steps.content is not None:
        path = root / model.CONFIG
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        files.replace(path, steps.content, MODE)
