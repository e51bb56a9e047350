# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that the lab gives every server: the way to the outside, a licence server. Beside the secrets, since the
address of a proxy may hold a password; people can read it in their servers all the same."""

from __future__ import annotations

import json
from pathlib import Path

from .settings import Settings

FILE = "environment.json"
"""In ``secrets_folder``: an object of names and values. Read at each start of a server; absent where there are none."""


def lab_environment(settings: Settings) -> dict[str, str]:
    """Return the variables; raises ValueError when the file does not hold an object of texts."""
    try:
        document = json.loads((Path(settings.secrets_folder) / FILE).read_bytes())
    except FileNotFoundError:
        return {}
    if not isinstance(document, dict):
        raise ValueError(f"{FILE}: it does not hold a JSON object")
    return {str(name): str(value) for name, value in document.items()}
