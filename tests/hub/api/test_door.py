# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whence a request comes: only what nginx and the proxy say counts."""

from __future__ import annotations

import pytest
from labhub.api.door import client, gateway

PROXY, FRONT = "172.27.240.3", "172.27.240.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        (PROXY, f"192.0.2.7, {FRONT}", "192.0.2.7"),  # through nginx
        (PROXY, f"2001:db8::7, ::ffff:{FRONT}", "2001:db8::7"),
        (PROXY, f"::ffff:192.0.2.7,::ffff:{FRONT}", "192.0.2.7"),
        (PROXY, FRONT, FRONT),  # from the host itself
        (PROXY, "192.0.2.99, 172.27.248.5", "172.27.248.5"),  # a notebook that claims to be somebody else
        (PROXY, "192.0.2.99, 192.0.2.7", "192.0.2.7"),  # a client of a proxy that is open to the network
        ("172.27.248.5", f"192.0.2.99, {FRONT}", "172.27.248.5"),  # a notebook that asks the hub itself
        (PROXY, "", PROXY),
        (PROXY, f"\x1b[2J, {FRONT}", PROXY),
    ],
)
def test_the_client_is_who_the_front_door_heard(peer: str, forwarded: str, found: str) -> None:
    assert client(peer, forwarded, PROXY, FRONT) == found


def test_the_front_door_is_the_gateway_of_the_network() -> None:
    routes = "Iface\tDestination\tGateway\tFlags\neth0\t0000F0AC\t00000000\t0001\neth0\t00000000\t01F01BAC\t0003\n"
    assert gateway(routes) == FRONT
    assert gateway("Iface\n") == ""
