# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read by each program of nbgrader in this image.

A course is a folder ``nbgrader/COURSE`` in a shared folder (``lab-course create`` makes it). nbgrader knows one exchange
for all courses, so each person gets one that has a link to every course that they see; who sees a share decides who
takes part. It is made anew each time and holds nothing.
"""

import contextlib
import glob
import os

# Where the shares of a lab are mounted in a server; separated by colons.
SHARES = os.environ.get("LAB_COURSES", "/mnt/*")
EXCHANGE = f"/tmp/nbgrader-{os.getuid()}"

os.makedirs(EXCHANGE, mode=0o700, exist_ok=True)
if os.stat(EXCHANGE).st_uid == os.getuid():
    os.chmod(EXCHANGE, 0o777)  # nbgrader insists, and nobody else is in this container
    seen = {}
    for place in SHARES.split(":"):
        for folder in sorted(glob.glob(f"{place}/nbgrader/*/")):
            seen.setdefault(os.path.basename(folder.rstrip("/")), folder.rstrip("/"))
    for name in os.listdir(EXCHANGE):
        link = os.path.join(EXCHANGE, name)
        if os.path.islink(link) and seen.get(name) != os.readlink(link):
            os.unlink(link)
    for name, folder in seen.items():
        with contextlib.suppress(FileExistsError):
            os.symlink(folder, os.path.join(EXCHANGE, name))

c = get_config()  # noqa: F821
c.Exchange.root = EXCHANGE
c.Exchange.path_includes_course = True  # ~/COURSE/ASSIGNMENT, so that two courses may have an assignment of one name
c.ExecutePreprocessor.timeout = 300
c.NbGraderAPI.timezone = c.Exchange.timezone = os.environ.get("TZ", "UTC")
