# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How people's servers and their containers are called. Each person has a first server, which has no name.

A further server's container is ``server-NAME.jupyter-PERSON``: a name has no dot, so what follows the first one is the
person's account, and no name that somebody chooses makes a container look like another person's.
"""

from __future__ import annotations

import re

from ..exchange.roster import Person
from ..exchange.settings import Settings
from ..words.language import later

LABEL = "org.labserver.server"
"""Only of the containers of further servers; the value is the server's name."""
PREFIX = "server-"
LONGEST = 20
NAME = re.compile(r"[a-z](?:-?[a-z0-9])*")
"""What JupyterHub also takes: it begins with a letter, and no two hyphens follow each other."""
RESERVED = frozenset((
    "api", "consoles", "desktop", "doc", "edit", "files", "hub", "jupyter", "kernels", "lab", "login", "logout", "lsp",
    "metrics", "nbconvert", "notebooks", "oauth-callback", "proxy", "rtc", "static", "terminals", "tree", "view",
    "vscode",
))  # fmt: skip
"""A server of such a name would hide a page of the first one, which stands at the same address."""
BAD_NAME = later(
    "A server's name has at most {longest} letters: a to z, digits and hyphens, beginning with a letter, such as sim-2."
)
TAKEN_NAME = later("A server cannot be called {name}: that is the address of a page of every server. Choose another.")


def container(settings: Settings, person: Person, server: str = "") -> str:
    """Return the name of a server's container: ``jupyter-alice``, or for a further one ``server-x.jupyter-alice``."""
    return settings.container_prefix + part(server) + person.system_name


def part(server: str) -> str:
    """Return what stands before the account in the name of a server's container; empty for the first server."""
    return f"{PREFIX}{server}." if server else ""


def split(prefix: str, name: str) -> tuple[str, str] | None:
    """Return server and account of the container of a further server; None when it has no such name.

    ``prefix`` is that of all containers of the hub.
    """
    begins = prefix + PREFIX
    server, dot, account = name.removeprefix(begins).partition(".")
    return (server, account) if name.startswith(begins) and dot and well_formed(server) else None


def account(prefix: str, name: str) -> str:
    """Return the account of the container of a server, a further one or the first."""
    further = split(prefix, name)
    return further[1] if further else name.removeprefix(prefix)


def well_formed(server: str) -> bool:
    """Tell whether a further server may have this name, as far as its letters go."""
    return len(server) <= LONGEST and NAME.fullmatch(server) is not None


def problem(server: str) -> tuple[str, dict[str, str]] | None:
    """Return why no further server may have this name: the sentence in English, and the values that belong into it."""
    if not well_formed(server):
        return BAD_NAME, {"longest": str(LONGEST)}
    return (TAKEN_NAME, {"name": server}) if server in RESERVED else None


def key(person: str, server: str) -> str:
    """Return under what a server is remembered: the login name, and the server's name behind a slash."""
    return f"{person}/{server}" if server else person


def keys_of(person: str, known: list[str]) -> list[str]:
    """Return those of ``known`` that are servers of a person."""
    return [one for one in known if one == person or one.startswith(f"{person}/")]
