# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver doctor``: look at this host, change nothing, name every hazard with its consequence and its remedy.

Exit status: 0 nothing found, 1 warnings, 2 something critical, 4 a part of the host could not be looked at.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any

# The checks put themselves on the list.
from . import containers, exposure, limits, people, show, upkeep  # noqa: F401  # pylint: disable=unused-import
from .handle import World
from .read import read

EXITS = {"critical": 2, "warning": 1}
INCOMPLETE = 4


def look(world: World) -> dict[str, Any]:
    """Return the report on this host."""
    began = time.monotonic()
    current = read(world)
    return show.report(current, time.monotonic() - began)


def exit_status(data: dict[str, Any]) -> int:
    """Return the exit status that a report means."""
    levels = {item["level"] for item in data["findings"]}
    for level, status in EXITS.items():
        if level in levels:
            return status
    return INCOMPLETE if data["unread"] else 0


def main(argv: Sequence[str]) -> int:
    """Command line of ``labserver doctor``."""
    parser = argparse.ArgumentParser(
        prog="labserver doctor", description="Look for hazards on this host; nothing is changed."
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--page", action="store_true", help="one self-contained page (HTML)")
    arguments = parser.parse_args(list(argv))
    data = look(World())
    host = socket.gethostname()
    if arguments.json:
        sys.stdout.write(json.dumps({"host": host, **data}) + "\n")
    elif arguments.page:
        sys.stdout.write(show.document({host: data}, time.strftime("%Y-%m-%d %H:%M %Z")))
    else:
        sys.stdout.write(show.table({host: data}))
    return exit_status(data)
