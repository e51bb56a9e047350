# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a registry is reached that is named as in references of images: as the host's Docker engine reaches it.

The engine takes loopback addresses without TLS and everything else with TLS, and trusts the authorities in
``/etc/docker/certs.d/<registry>/*.crt`` besides those of the system (https://docs.docker.com/engine/security/certificates/).
"""

from __future__ import annotations

import ipaddress
import urllib.parse
from pathlib import Path

CERTIFICATES = Path("/etc/docker/certs.d")


def is_loopback(registry: str) -> bool:
    """Tell whether ``host`` or ``host:port`` is this machine by its loopback address."""
    try:
        host = urllib.parse.urlsplit(f"//{registry}").hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url(registry: str, *, plain_http: bool = False) -> str:
    """Return the URL of a registry. ``plain_http``: the engine was told to do without TLS (``insecure-registries``)."""
    return f"{'http' if plain_http or is_loopback(registry) else 'https'}://{registry}"


def authorities(registry: str, folder: Path = CERTIFICATES) -> tuple[str, ...]:
    """Return the files of authorities that the engine trusts for this registry besides the system's."""
    return tuple(str(path) for path in sorted((folder / registry).glob("*.crt")))
