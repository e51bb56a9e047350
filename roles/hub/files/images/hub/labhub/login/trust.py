# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that the hub trusts when it talks to an identity provider or a directory."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from ..exchange import files
from ..exchange.settings import Settings

SYSTEM = Path("/etc/ssl/certs/ca-certificates.crt")


def bundle(settings: Settings, system: Path = SYSTEM) -> str:
    """Return a file with the authorities of the hub's image (the lab's extra ones included) and the lab's own one."""
    own = Path(settings.public_folder) / "ca.crt"
    text = "\n".join(path.read_text().strip() for path in (system, own) if path.exists()) + "\n"
    found = Path(tempfile.gettempdir()) / f"authorities-{hashlib.sha256(text.encode()).hexdigest()[:16]}.pem"
    files.replace(found, text.encode())
    return str(found)
