# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read by each program of nbgrader in this image.

A course is a folder ``nbgrader/COURSE`` in a shared folder (``lab-course create`` makes it). nbgrader knows one
exchange for all courses, so each person gets one with a link to every course that they see; who sees a share takes
part. It is made anew each time and holds nothing.
"""

import contextlib
import os
from pathlib import Path

# Where the shares of a lab are mounted in a server; separated by colons.
SHARES = os.environ.get("LAB_COURSES", "/mnt/*")
EXCHANGE = Path(f"/tmp/nbgrader-{os.getuid()}")  # noqa: S108 - the container is one person's alone

EXCHANGE.mkdir(mode=0o700, parents=True, exist_ok=True)
if EXCHANGE.stat().st_uid == os.getuid():
    EXCHANGE.chmod(0o777)  # nbgrader insists, and nobody else is in this container
    seen: dict[str, Path] = {}
    for place in SHARES.split(":"):
        for folder in sorted(Path("/").glob(f"{place.lstrip('/')}/nbgrader/*/")):
            seen.setdefault(folder.name, folder)
    for link in EXCHANGE.iterdir():
        if link.is_symlink() and seen.get(link.name) != link.readlink():
            link.unlink()
    for name, folder in seen.items():
        with contextlib.suppress(FileExistsError):
            (EXCHANGE / name).symlink_to(folder)

c = get_config()  # noqa: F821
c.Exchange.root = str(EXCHANGE)
c.Exchange.path_includes_course = True  # ~/COURSE/ASSIGNMENT, so that two courses may have an assignment of one name
c.ExecutePreprocessor.timeout = 300
c.NbGraderAPI.timezone = c.Exchange.timezone = os.environ.get("TZ", "UTC")
