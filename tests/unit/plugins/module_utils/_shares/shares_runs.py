# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs of the role for two shares, and whole runs with them."""

from __future__ import annotations

from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._shares import converge as core
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._shares.shares_machine import Machine

ROOT = "/srv/labserver/shares"


DATA = f"{ROOT}/data/files"


INPUTS: dict[str, Any] = {
    "shares_root": ROOT,
    "shares_credentials": {
        "r": {"username": "reader", "password": "one"},
        "w": {"username": "writer", "password": "two", "domain": "LAB"},
    },
    "shares_list": [
        {"name": "data", "source": "//nas/data", "credentials": "r", "access": {"leem": "ro", "xps": "ro"}},
        {"name": "books", "source": "//nas/lab books#1", "credentials": "w", "access": {"leem": "rw"}},
    ],
}


def run(machine: Machine, inputs: dict[str, Any], check: bool = False) -> dict[str, Any]:
    return core.converge(machine, inputs, check=check, stamp="now")


def steps(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(action["what"], action["path"]) for action in result["actions"]]
