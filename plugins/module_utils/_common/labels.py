# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Labels of containers and images, by which rooms know what is theirs. The hub's image spells them out itself."""

from __future__ import annotations

PREFIX = "org.labserver."
"""Also of the labels by which an image tells the catalogue of itself."""
ROOM = f"{PREFIX}room"
"""Which room a container belongs to."""
USER = f"{PREFIX}user"
"""Whose server a container of the hub is, by login name."""
CONFIG = f"{PREFIX}config"
CONFIG_SHA256 = f"{PREFIX}config-sha256"
"""What a container was made from; another value decides that it is made anew."""
EXPOSED = f"{PREFIX}exposed"
"""Whether a container's port is reachable from outside the host."""


def of(room: str) -> str:
    """Return label and value of the containers of a room, as Docker's filters and ``--label`` take them."""
    return f"{ROOM}={room}"


HUB_SERVERS = of("hub-server")
"""People's servers, and their containers for files, scheduled notebooks and builds."""
BOX = f"{PREFIX}box"
"""Only of containers for files, in which no Jupyter answers."""
RUN = f"{PREFIX}run"
"""Only of containers for scheduled notebooks."""
BUILD = f"{PREFIX}build"
"""Only of containers in which people's images are prepared."""
SERVER = f"{PREFIX}server"
"""The name of a person's further server; their first one has none."""

CANARY = "labserver-canary"
"""The person who tries a new hub before people get it (``_hub/canary.py``); nobody of the roster is called so."""
