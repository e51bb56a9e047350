# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container in which a person's image is prepared, and what it may use.

It is a server of the person without Jupyter's web server and without shared folders: the same account, home and limits,
from an image that the person may use. It makes an environment of Python and nothing else: no layer of an image comes
from a command that ran as root. It has no token of the hub, no port and no graphics card.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..exchange.images import Image
from ..exchange.roster import Person, Roster
from ..exchange.settings import Settings
from . import server

LABEL = "org.labserver.build"
"""Only of these containers; the value is the build's id."""
PREFIX = "build-"
BUILD = re.compile(r"[0-9a-f]{12}")
NAME = re.compile(r"[a-z](?:-?[a-z0-9]){0,29}")
"""What an image may be called, and a part of its repository's name."""
GIT = re.compile(r"https://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?/[A-Za-z0-9._~/+-]{1,300}")
"""The address of a repository: no user and password, which would stand in the log, and nothing that git takes for an
option."""
KINDS = ("git", "folder")
TREE = "people/"
"""So begin the repositories of people's images; none of these is built on."""
UNABLE = 69
"""Exit status of an image in which no Python has what an environment with a kernel is made with."""
_PROGRAM = Path(__file__).with_name("build_program.py")
_FIND = (
    'for one in python3 python "$(sed -n \'1s/^#! *\\([^ ]*\\).*/\\1/p\' "$(command -v jupyterhub-singleuser)")"; do'
    ' "$one" -s -c "import ipykernel, pip, venv" 2>/dev/null && exec "$one" -s -u -c "$@"; done; exit ' + str(UNABLE)
)
_NUMBER = re.compile(r"[1-9][0-9]{0,14}")
ARGUMENTS = 6


def container_name(settings: Settings, person: Person) -> str:
    """Return the name of a person's container for builds: there is one at a time, such as ``build-jupyter-alice``."""
    return settings.container_prefix + PREFIX + person.system_name


def command(identity: str, kind: str, source: str, name: str, seconds: int, most_bytes: int) -> list[str]:
    """Return what runs in the container.

    ``source`` is an address (``kind`` git) or a folder of the home (folder); the environment ``name`` may take
    ``most_bytes``; after ``seconds`` the program ends.
    """
    last = [identity, kind, source, name, str(seconds), str(most_bytes)]
    return ["sh", "-c", _FIND, "sh", _PROGRAM.read_text(), *last]


def folder_fits(path: str) -> bool:
    """Tell whether a path is one of a folder below a home."""
    return bool(path) and not path.startswith(("/", "-")) and not {"", ".", ".."} & set(path.split("/"))


def fits(asked: Sequence[str], most_bytes: int, longest: int) -> bool:
    """Tell whether a command is one of ``command``, within these limits."""
    own = command("", "", "", "", 1, 1)[:-ARGUMENTS]
    if list(asked[: len(own)]) != own or len(asked) != len(own) + ARGUMENTS:
        return False
    identity, kind, source, name, seconds, size = asked[len(own) :]
    if kind not in KINDS or not all(_NUMBER.fullmatch(text) for text in (seconds, size)):
        return False
    fitting = GIT.fullmatch(source) is not None if kind == "git" else folder_fits(source)
    named = BUILD.fullmatch(identity) and NAME.fullmatch(name)
    return fitting and bool(named) and int(size) <= most_bytes and int(seconds) <= longest


def network(settings: Settings) -> str:
    """Return the network of a build: that of people's servers, or none."""
    return settings.network if settings.builds_network else "none"


def create_body(
    settings: Settings,
    roster: Roster,
    person: Person,
    image: Image,
    environment: Mapping[str, str],
    identity: str,
    asked: Sequence[str],
) -> dict[str, Any]:
    """Return the body of Docker's "create a container"; ``asked`` is the build's command."""
    host = server.host_config(settings, roster, person, server.allowance(settings, person, image), [])
    return server.program_body(
        person, image, environment, (LABEL, identity), asked, {**host, "NetworkMode": network(settings)}
    )


def is_build(labels: Mapping[str, Any] | None) -> bool:
    """Tell by its labels whether a container is one for builds, not a person's Jupyter server."""
    return LABEL in (labels or {})
