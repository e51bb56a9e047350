# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container in which a person's notebook is run by the clock, and what it may use.

It is a server of the person without Jupyter's web server: the same account, home, shares, network and limits, from an
image that the person may use, made by ``server.py``. It has no token of the hub, no port and no graphics card.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..exchange.images import Image
from ..exchange.roster import Person, Roster
from ..exchange.settings import Settings
from ..exchange.shares import Share
from . import server

LABEL = "org.labserver.run"
"""Only of these containers; the value is the run's id."""
PREFIX = "run-"
RUN = re.compile(r"[0-9a-f]{12}-[0-9]{14}")
"""A run's id: that of what is run, and when it began."""
UNABLE = 69
"""Exit status of an image in which no Python has nbclient."""
_PROGRAM = Path(__file__).with_name("run_program.py")
# Every image that people can start has jupyterhub-singleuser, and so some Python with Jupyter, mostly the first one.
_FIND = (
    'for one in python3 python "$(sed -n \'1s/^#! *\\([^ ]*\\).*/\\1/p\' "$(command -v jupyterhub-singleuser)")"; do'
    ' "$one" -s -c "import nbclient" 2>/dev/null && exec "$one" -s -c "$@"; done; exit ' + str(UNABLE)
)
_NUMBER = re.compile(r"[1-9][0-9]{0,6}")
_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9]{2}-[0-9]{2}-[0-9]{2}")


def container_name(settings: Settings, person: Person) -> str:
    """Return the name of a person's container for runs: there is one at a time, for example ``run-jupyter-alice``."""
    return settings.container_prefix + PREFIX + person.system_name


def command(notebook: str, stamp: str, keep: int, seconds: int) -> list[str]:
    """Return what runs in the container.

    ``notebook`` is a path in the home, ``stamp`` names the copy (``2026-11-28_03-00-00``), of which ``keep`` are kept;
    after ``seconds`` the program ends.
    """
    return ["sh", "-c", _FIND, "sh", _PROGRAM.read_text(), notebook, stamp, str(keep), str(seconds)]


def fits(asked: Sequence[str]) -> bool:
    """Tell whether a command is one of ``command``."""
    own = command("", "", 1, 1)[:-4]
    if list(asked[: len(own)]) != own or len(asked) != len(own) + 4:
        return False
    notebook, stamp, keep, seconds = asked[len(own) :]
    inside = not notebook.startswith("/") and ".." not in notebook.split("/") and notebook.endswith(".ipynb")
    return inside and all(
        pattern.fullmatch(text) for pattern, text in ((_STAMP, stamp), (_NUMBER, keep), (_NUMBER, seconds))
    )


def create_body(
    settings: Settings,
    roster: Roster,
    person: Person,
    image: Image,
    shares: Sequence[tuple[Share, str]],
    environment: Mapping[str, str],
    run: str,
    asked: Sequence[str],
) -> dict[str, Any]:
    """Return the body of Docker's "create a container"; ``run`` is the run's id, ``asked`` its command."""
    host = server.host_config(settings, roster, person, server.allowance(settings, person, image), shares)
    return server.program_body(
        person, image, {**environment, **server.folders_environment(shares)}, (LABEL, run), asked, host
    )


def is_run(labels: Mapping[str, Any] | None) -> bool:
    """Tell by its labels whether a container is one for runs, not a person's Jupyter server."""
    return LABEL in (labels or {})
