# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to log in. Each has a room of its own; who may in is decided by the roster, whichever is chosen."""

from __future__ import annotations

import importlib
from typing import Any

from ..exchange.settings import Settings
from .gate import RosterGate

# Only the chosen one is loaded: each needs packages that the others do not.
ROOMS = {
    "firstuse": ("firstuse", "LabFirstUseAuthenticator"),
    "native": ("native", "LabNativeAuthenticator"),
    "oauth": ("oauth", "LabOAuthenticator"),
    "ldap": ("ldap", "LabLDAPAuthenticator"),
}


def configure(c: Any, settings: Settings) -> type[RosterGate]:
    """Fill in the configuration of the chosen authenticator and return its class."""
    if settings.authenticator not in ROOMS:
        raise ValueError(f"hub.json: authenticator {settings.authenticator!r} is none of {', '.join(ROOMS)}")
    name, class_name = ROOMS[settings.authenticator]
    room = importlib.import_module(f"{__package__}.{name}")
    room.configure(c, settings)
    found: type[RosterGate] = getattr(room, class_name)
    return found
