# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replace a file so that every reader sees the old content or the new one, never half of it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def replace(path: Path, content: bytes, mode: int = 0o644, owner: int = -1, group: int = -1) -> None:
    """Write ``content`` to a new file beside ``path``, flush it to the disk and rename it over ``path``.

    Owner and group are numeric, -1 keeps root's. Raises OSError (a full disk for one) and then leaves
    the old file as it was and nothing of the new one behind.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            if (owner, group) != (-1, -1):
                os.fchown(file.fileno(), owner, group)
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
