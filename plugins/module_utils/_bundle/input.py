# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules between the inputs of the role ``bundle`` that an argument spec cannot express."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Return every problem in the role's variables."""
    found = []
    file, key = str(inputs.get("bundle_file") or ""), str(inputs.get("bundle_public_key") or "")
    if file and not Path(file).is_file():
        found.append(f"labserver_bundle: there is no file {file} on the controller; name it with its whole path")
    if file and key and not Path(key).is_file():
        found.append(f"bundle_public_key: there is no file {key} on the controller; name the key with its whole path")
    if file and not key and not inputs.get("bundle_accept_unsigned"):
        found.append(
            "bundle_public_key: is missing; name the public key of the one who made the bundle, or write "
            "bundle_accept_unsigned: true if you brought it here yourself"
        )
    if (output := str(inputs.get("bundle_output") or "")) and not output.startswith("/"):
        found.append(f"bundle_output: {output} is not a whole path; write it from / on")
    for index, image in enumerate(inputs.get("bundle_images") or []):
        if "@" in str(image) or ":" not in str(image).rpartition("/")[2]:
            found.append(f"bundle_images[{index}]: {image!r} has no tag; write it as name:tag, without a digest")
    return found
