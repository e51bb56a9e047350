# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where programs keep what they download: outside of the home, but for large models, which people are to see."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

ROOT = Path("/var/cache/labserver")
"""In the image, open to everybody. On the disk of the container, not in memory as /tmp is, and gone with the server."""


def places(home: Path, root: Path = ROOT) -> dict[str, str]:
    """Return the variables that say where caches are; none of them for an image that has no place for them."""
    found = {"HF_HOME": f"{home}/models/huggingface", "TORCH_HOME": f"{home}/models/torch"}
    if os.access(root, os.W_OK | os.X_OK):
        cache = root / str(os.getuid())  # what root left there when an image was built is not in the way
        found |= {
            "XDG_CACHE_HOME": f"{cache}",
            "CONDA_PKGS_DIRS": f"{cache}/conda",
            "npm_config_cache": f"{cache}/npm",
            "UV_LINK_MODE": "copy",  # another file system than the environments'
        }
    return found


def set_places(environment: MutableMapping[str, str], home: Path, root: Path = ROOT) -> None:
    """Set these variables for what the server starts, kernels and terminals; what is set already stays."""
    for name, value in places(home, root).items():
        environment.setdefault(name, value)
