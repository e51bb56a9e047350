# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release of the collection this is."""

from __future__ import annotations

import json
from pathlib import Path

import yaml


def version(collection: Path) -> str:
    """Return the version of the collection: a checkout has galaxy.yml, an installed collection MANIFEST.json."""
    if (collection / "galaxy.yml").exists():
        return str(yaml.safe_load((collection / "galaxy.yml").read_text(encoding="utf-8"))["version"])
    manifest = json.loads((collection / "MANIFEST.json").read_text(encoding="utf-8"))
    return str(manifest["collection_info"]["version"])
