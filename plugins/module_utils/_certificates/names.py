# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names in certificates: what is one, and which an authority may sign for (RFC 5280, 4.2.1.10). All pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
HOST_NAME = re.compile(rf"(?:\*\.)?{LABEL}(?:\.{LABEL})*", re.IGNORECASE)

# Names below these belong to nobody else (RFC 6762, RFC 8375, RFC 2606, ICANN), so a whole one may be the lab's.
PRIVATE_DOMAINS = frozenset(
    {"lan", "local", "internal", "test", "home.arpa", "intranet", "private", "corp", "home", "lab"}
)
PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fd00::/8", "::1/128")


def is_address(name: str) -> bool:
    """Return whether a name of a certificate is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def domains(names: Sequence[str]) -> list[str]:
    """Return the domains that a root for such names is constrained to, when the inventory names none."""
    found = set()
    for name in names:
        if is_address(name):
            continue
        bare = name.removeprefix("*.").lower()
        above = bare.partition(".")[2]
        found.add(above if "." in above or above in PRIVATE_DOMAINS else bare)
    return sorted(found)


def is_network(entry: str) -> bool:
    """Return whether an entry of what an authority is made for is an IP address or a network."""
    try:
        ipaddress.ip_network(entry)
    except ValueError:
        return False
    return True


def public_addresses(names: Sequence[str]) -> list[str]:
    """Return the addresses among the names of a certificate that lie in no private network."""
    return sorted(name for name in names if is_address(name) and not permits([], PRIVATE_NETWORKS, name))


def permits(permitted: Sequence[str], networks: Sequence[str], name: str) -> bool:
    """Return whether a constraint to these domains and networks lets the name pass (RFC 5280, 4.2.1.10)."""
    if is_address(name):
        address = ipaddress.ip_address(name)
        return any(address in ipaddress.ip_network(network) for network in networks)
    bare = name.removeprefix("*.").lower()
    return any(bare == domain or bare.endswith(f".{domain}") for domain in permitted)


def own(names: Sequence[str]) -> list[str]:
    """Return the domains and addresses that an issuer for such names is constrained to."""
    return sorted({name.removeprefix("*.").lower() for name in names})


def constraints(permitted: Sequence[str], networks: Sequence[str]) -> str:
    """Return the value of the extension; a kind of name without an entry is excluded, not left open."""
    # "invalid" is a name that nobody can have (RFC 2606): with it as the only one, no name passes.
    parts = [f"permitted;DNS:{domain}" for domain in permitted or ["invalid"]]
    for version, everything in ((4, "0.0.0.0/0.0.0.0"), (6, "0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0")):
        mine = [ipaddress.ip_network(network) for network in networks]
        mine = [network for network in mine if network.version == version]
        parts += [f"permitted;IP:{network.network_address.exploded}/{network.netmask.exploded}" for network in mine]
        parts += [] if mine else [f"excluded;IP:{everything}"]
    return ",".join(["critical", *parts])
