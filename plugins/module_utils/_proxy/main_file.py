# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""nginx.conf, which belongs to the package: only the room for connections is raised in it, and put back. All pure."""

from __future__ import annotations

import re

WORKER_CONNECTIONS = 16384  # two for each person's connection; Debian's 768 are gone with a course of 130
WORKER_FILES = 2 * WORKER_CONNECTIONS
MARK = "# labserver.jupyter"
CONNECTIONS = re.compile(r"^([ \t]*)worker_connections\s+(\d+)\s*;[ \t]*$", re.MULTILINE)
TUNED = re.compile(rf"^([ \t]*)worker_connections \d+; {MARK}: was (\d+)$", re.MULTILINE)
FILES = re.compile(r"^\s*worker_rlimit_nofile\s", re.MULTILINE)
OUR_FILES = re.compile(rf"^worker_rlimit_nofile \d+; {MARK}\n", re.MULTILINE)
EVENTS = re.compile(r"^events\b", re.MULTILINE)


def tune(main: str) -> str:
    """Return nginx.conf with room for enough connections; what somebody set higher, or set at all for files, stays."""

    def more(match: re.Match[str]) -> str:
        if int(match[2]) >= WORKER_CONNECTIONS:
            return match[0]
        return f"{match[1]}worker_connections {WORKER_CONNECTIONS}; {MARK}: was {match[2]}"

    tuned = CONNECTIONS.sub(more, main)
    if tuned != main and not FILES.search(tuned):
        tuned = EVENTS.sub(f"worker_rlimit_nofile {WORKER_FILES}; {MARK}\nevents", tuned, count=1)
    return tuned


def untune(main: str) -> str:
    """Return nginx.conf as it was before ``tune``."""
    return OUR_FILES.sub("", TUNED.sub(r"\1worker_connections \2;", main))
