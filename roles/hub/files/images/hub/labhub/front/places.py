# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many connections there may be: in all before a login, of one address, and of one person."""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Bounds:
    """``strangers``: connections that have not logged in, of all and of one address; ``person``: of one person."""

    strangers: int = 100
    strangers_of_address: int = 10
    person: int = 20


def place(address: str) -> str:
    """Return what counts as one place: an IPv4 address, or the network of 64 bits that one IPv6 user has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


@dataclass
class Places:
    """Who has how many connections now."""

    bounds: Bounds = field(default_factory=Bounds)
    strangers: Counter[str] = field(default_factory=Counter)
    people: Counter[str] = field(default_factory=Counter)

    def come(self, address: str) -> bool:
        """Count a connection that has not logged in; False when there are too many."""
        if (
            self.strangers.total() >= self.bounds.strangers
            or self.strangers[address] >= self.bounds.strangers_of_address
        ):
            return False
        self.strangers[address] += 1
        return True

    def go(self, address: str) -> None:
        """A connection logged in or ended."""
        _less(self.strangers, address)

    def enter(self, name: str) -> bool:
        """Count a connection of a person; False when there are too many."""
        if self.people[name] >= self.bounds.person:
            return False
        self.people[name] += 1
        return True

    def leave(self, name: str) -> None:
        """A person's connection ended."""
        _less(self.people, name)


def _less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
