# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many connections there may be."""

from __future__ import annotations

import pytest
from labhub.front.places import Bounds, Places, place


def test_strangers_are_bounded_in_all_and_by_address() -> None:
    places = Places(Bounds(strangers=3, strangers_of_address=2, person=1))
    assert places.come("a") and places.come("a") and not places.come("a")
    assert places.come("b") and not places.come("c"), "of all"
    places.go("a")
    assert places.come("c")
    assert places.enter("alice") and not places.enter("alice") and places.enter("bob")
    places.leave("alice")
    assert places.enter("alice")
    for address in ("a", "b", "c"):
        places.go(address)
    assert not places.strangers, "nothing is remembered of those who left"


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_one_user_of_ipv6_is_one_place(address: str, found: str) -> None:
    assert place(address) == found
