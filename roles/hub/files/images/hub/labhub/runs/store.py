# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the scheduled notebooks in a file of the hub's state folder, which the hub alone reads and writes."""

from __future__ import annotations

from pathlib import Path

from ..exchange.kept import Kept, UnknownError
from .model import Definition, from_json, to_json

__all__ = ["FILE", "Store", "UnknownError"]
FILE = "runs.json"


class Store(Kept[Definition]):
    """All definitions, in memory and in the file."""

    def __init__(self, path: Path):
        super().__init__(path, "runs", from_json, to_json, "no scheduled notebook runs")
