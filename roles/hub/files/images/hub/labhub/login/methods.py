# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login methods, one module each. The roster decides who may log in, whichever method is chosen."""

from __future__ import annotations

import importlib
from typing import Any

from ..exchange.settings import Settings
from .gate import RosterGate

# Method -> module and class. Only the chosen module is loaded: each needs packages that the others do not.
METHODS = {
    "firstuse": ("firstuse", "LabFirstUseAuthenticator"),
    "native": ("native", "LabNativeAuthenticator"),
    "oauth": ("oauth", "LabOAuthenticator"),
    "ldap": ("ldap", "LabLDAPAuthenticator"),
}


def configure(c: Any, settings: Settings) -> type[RosterGate]:
    """Fill in the configuration of the chosen authenticator and return its class."""
    if settings.authenticator not in METHODS:
        raise ValueError(f"hub.json: authenticator {settings.authenticator!r} is not one of {', '.join(METHODS)}")
    name, class_name = METHODS[settings.authenticator]
    module = importlib.import_module(f"{__package__}.{name}")
    module.configure(c, settings)
    found: type[RosterGate] = getattr(module, class_name)
    return found
