# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How several servers of a person share what the person may use: what is left, what is offered, what is refused."""

from __future__ import annotations

import itertools

import pytest
from labhub.servers import portions
from labhub.servers.portions import Held
from labhub.servers.server import Allowance, allowed_of

GIB = 1 << 30
MIB = 1 << 20
WHOLE = Allowance(4.0, 16 * GIB, 1024)


def held(name: str, memory: int, cpu: float = 1.0, pids: int = 64) -> Held:
    return Held(name, Allowance(cpu, memory, pids))


def test_what_is_left_is_the_whole_without_the_others_and_never_below_nothing() -> None:
    assert portions.left(WHOLE, []) == WHOLE
    assert portions.left(WHOLE, [held("", 4 * GIB), held("sim", 2 * GIB, 0.3)]) == Allowance(2.7, 10 * GIB, 896)
    assert portions.left(WHOLE, [held("", 20 * GIB, 9.0, 9999)]) == Allowance(0.0, 0, 0)


def test_without_a_choice_all_servers_fit_beside_each_other() -> None:
    for servers in range(2, 11):
        others: list[Held] = []
        for number in range(servers):
            rest = portions.left(WHOLE, others)
            assert portions.refusal(WHOLE, others, servers) is None
            others.append(Held(f"s{number}", portions.usual(WHOLE, rest, servers)))
        total = [sum(getattr(one.allowed, key) for one in others) for key in ("cpu", "memory_bytes", "pids")]
        assert total[0] <= 4.0 + 1e-9 and total[1] <= 16 * GIB and total[2] <= 1024
        assert min(one.allowed.memory_bytes for one in others) >= 16 * GIB // servers - 4 * MIB


def test_processor_and_processes_go_with_the_memory_and_the_last_gets_all_that_is_left() -> None:
    assert portions.portion(WHOLE, WHOLE, 4 * GIB) == Allowance(1.0, 4 * GIB, 256)
    assert portions.portion(WHOLE, WHOLE, GIB // 4) == Allowance(0.1, GIB // 4, 64), "never less than a server needs"
    rest = Allowance(3.9, 3 * GIB + 5, 900)
    for asked in (3 * GIB, 5 * GIB):
        assert portions.portion(WHOLE, rest, asked) == rest
    assert portions.portion(WHOLE, Allowance(0.2, 8 * GIB, 70), 4 * GIB) == Allowance(0.2, 4 * GIB, 70)


@pytest.mark.parametrize("free", [16 * GIB, 10 * GIB, 3 * GIB + 12345, 300 * MIB])
def test_what_is_offered_fits_and_begins_with_all_that_is_left(free: int) -> None:
    rest = Allowance(2.0, free, 500)
    chosen = portions.usual(WHOLE, rest, 3)
    offered = portions.offered(WHOLE, rest, 3, chosen)
    assert offered[0] == rest and chosen in offered
    assert all(one.memory_bytes > other.memory_bytes for one, other in itertools.pairwise(offered))
    assert all(portions.SMALLEST_BYTES <= one.memory_bytes <= free and one.cpu <= 2.0 for one in offered)


@pytest.mark.parametrize(
    ("others", "servers", "memory", "text"),
    [
        ([], 2, 16 * GIB, None),
        ([], 2, 17 * GIB, portions.TOO_MUCH),
        ([held("a", 14 * GIB)], 2, 3 * GIB, portions.TOO_MUCH),
        ([held("a", 14 * GIB)], 2, 2 * GIB, None),
        ([held("a", GIB), held("b", GIB)], 2, 0, portions.TOO_MANY),
        ([held("a", 16 * GIB - 255 * MIB)], 2, 0, portions.NOTHING_LEFT),
        ([held("a", GIB, 3.95)], 2, 0, portions.NOTHING_LEFT),
        ([held("a", GIB, 1.0, 1000)], 2, 0, portions.NOTHING_LEFT),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(
    others: list[Held], servers: int, memory: int, text: str | None
) -> None:
    found = portions.refusal(WHOLE, others, servers, memory)
    assert (found and found[0]) == text
    if found is not None:
        assert "a: " in found[0].format(**found[1]) or not others


def test_who_may_use_little_may_use_that() -> None:
    little = Allowance(0.05, 100 * MIB, 32)
    assert portions.refusal(little, [], 2) is None
    assert portions.usual(little, little, 2) == little
    assert portions.offered(little, little, 2, little) == (little,)


@pytest.mark.parametrize(
    ("options", "found"),
    [({}, 0), ({"memory": ""}, 0), ({"memory": None}, 0), ({"memory": "512"}, 512 * MIB), ({"memory": 512}, 512 * MIB),
     ({"memory": "0"}, None), ({"memory": "-1"}, None), ({"memory": "4G"}, None), ({"memory": [1]}, None),
     ({"memory": "9" * 5000}, None)],
)  # fmt: skip
def test_an_amount_of_memory_is_a_number_of_mebibytes(options: dict[str, object], found: int | None) -> None:
    assert portions.wish(options) == found


def test_docker_tells_what_a_container_may_use_in_two_ways() -> None:
    quota = {"CpuQuota": 150_000, "CpuPeriod": 100_000, "Memory": GIB, "PidsLimit": 64, "NanoCpus": 0}
    assert allowed_of({"HostConfig": quota}) == Allowance(1.5, GIB, 64)
    assert allowed_of({"HostConfig": {"NanoCpus": 2_500_000_000, "PidsLimit": None}}) == Allowance(2.5, 0, 0)
    assert allowed_of({"HostConfig": {"CpuQuota": -1, "PidsLimit": -1}}) == Allowance(0.0, 0, 0)
    assert allowed_of({}) == Allowance(0.0, 0, 0)
