# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules between the inputs of the role ``sandbox`` that an argument spec cannot express."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Below these a container does not start or Python does not.
LEAST = {
    "sandbox_memory_bytes": (16 * 1024 * 1024, "bytes"),
    "sandbox_scratch_bytes": (65536, "bytes"),
    "sandbox_processes": (8, "processes"),
    "sandbox_time_seconds": (1, "s"),
    "sandbox_output_bytes": (1024, "bytes"),
}


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Return every problem in the role's variables."""
    found = [
        f"{name}: {inputs[name]} is too little; give at least {least} {unit}"
        for name, (least, unit) in LEAST.items()
        if name in inputs and int(inputs[name]) < least
    ]
    if float(inputs.get("sandbox_cpus", 1)) <= 0:
        found.append(
            f"sandbox_cpus: {inputs['sandbox_cpus']} is not a share of a processor; give more than 0, for example 0.5"
        )
    memory, scratch = int(inputs.get("sandbox_memory_bytes", 0)), int(inputs.get("sandbox_scratch_bytes", 0))
    if memory and scratch > memory:
        found.append(
            f"sandbox_scratch_bytes: {scratch} is more than sandbox_memory_bytes ({memory}), which it counts against; "
            "give less"
        )
    return found
