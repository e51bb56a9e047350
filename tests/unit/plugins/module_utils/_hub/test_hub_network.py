# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the hub's network may be made anew: never under people who work in it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.network import ICC, objection

WANTED = {"name": "labserver-hub", "subnet": "172.27.240.0/20", "ip_range": "172.27.248.0/21"}


def network(subnet: str = WANTED["subnet"], ip_range: str = WANTED["ip_range"], icc: str = "false") -> dict[str, Any]:
    return {"IPAM": {"Config": [{"Subnet": subnet, "IPRange": ip_range}]}, "Options": {ICC: icc}}


def test_the_same_network_may_stay_with_its_people() -> None:
    assert objection(network(), WANTED, ["alice"]) == ""


@pytest.mark.parametrize(
    ("found", "people"), [(None, []), (None, ["alice"]), (network("10.0.0.0/8"), [])], ids=["none", "gone", "empty"]
)
def test_where_nobody_works_it_may_be_made_anew(found: dict[str, Any] | None, people: list[str]) -> None:
    assert objection(found, WANTED, people) == ""


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (network("10.0.0.0/8"), "its subnet is 10.0.0.0/8, wanted is 172.27.240.0/20"),
        (network(ip_range="172.27.252.0/22"), "the people's range is 172.27.252.0/22, wanted is 172.27.248.0/21"),
        (network(icc="true"), "traffic between containers is true, wanted is false"),
        ({}, "its subnet is not set, wanted is 172.27.240.0/20"),
    ],
)
def test_whoever_works_is_not_cut_off(found: dict[str, Any], word: str) -> None:
    text = objection(found, WANTED, ["alice", "bob"])
    assert word in text
    assert "cuts off the servers that run: alice, bob" in text
