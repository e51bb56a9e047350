# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one server may use: the person's limits or else the hub's, and less when the image asks for less."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from labhub.exchange.roster import Limits, parse_roster
from labhub.servers.server import Allowance, allowance, host_config
from samples import roster_document, settings, world

GIB = 1 << 30
HUB = settings(cpu=2.0, memory_bytes=4 * GIB, pids=1024)


@pytest.mark.parametrize(
    ("person", "image", "found"),
    [
        ({}, {}, Allowance(2.0, 4 * GIB, 1024)),
        ({"cpu": 0.5, "memory_bytes": 8 * GIB, "pids": 4096}, {}, Allowance(0.5, 8 * GIB, 4096)),
        ({}, {"cpu": 1, "memory_bytes": GIB, "pids": 100}, Allowance(1, GIB, 100)),
        ({"cpu": 0.5, "memory_bytes": GIB, "pids": 64}, {"cpu": 1, "memory_bytes": 2 * GIB, "pids": 100},
         Allowance(0.5, GIB, 64)),
        ({}, {"cpu": 64, "memory_bytes": 512 * GIB, "pids": 99999}, Allowance(2.0, 4 * GIB, 1024)),
    ],
)  # fmt: skip
def test_the_least_of_person_and_image_counts(person: dict[str, Any], image: dict[str, Any], found: Allowance) -> None:
    lab = world()
    alice = dataclasses.replace(lab.roster.people["alice"], limits=Limits(**person))
    assert allowance(HUB, alice, dataclasses.replace(lab.images[0], limits=image)) == found
    host = host_config(HUB, lab.roster, alice, found, [])
    assert host["Memory"] == host["MemorySwap"] == found.memory_bytes
    assert (host["CpuQuota"], host["PidsLimit"]) == (int(found.cpu * 100_000), found.pids)


@pytest.mark.parametrize(
    ("tmp", "memory", "size"),
    [(2 * GIB, 8 * GIB, 2 * GIB), (2 * GIB, 4 * GIB, 2 * GIB), (2 * GIB, GIB, GIB // 2), (0, 4 * GIB, 0)],
)
def test_what_is_written_to_tmp_counts_as_memory_and_is_at_most_half_of_it(tmp: int, memory: int, size: int) -> None:
    lab = world()
    hub = dataclasses.replace(HUB, tmp_bytes=tmp)
    host = host_config(hub, lab.roster, lab.roster.people["alice"], Allowance(1.0, memory, 100), [])
    options = f"rw,exec,nosuid,nodev,mode=1777,size={size}"
    assert host.get("Tmpfs") == ({"/tmp": options, "/var/tmp": options} if size else None)


def test_the_layer_is_limited_where_docker_can() -> None:
    lab = world()
    alice, allowed = lab.roster.people["alice"], Allowance(1.0, GIB, 100)
    assert "StorageOpt" not in host_config(HUB, lab.roster, alice, allowed, [])
    hub = dataclasses.replace(HUB, layer_bytes=20 * GIB)
    assert host_config(hub, lab.roster, alice, allowed, [])["StorageOpt"] == {"size": "21474836480"}


def test_the_roster_names_them() -> None:
    document = roster_document()
    document["users"]["alice"]["limits"] |= {"pids": 300}
    people = parse_roster(document).people
    assert people["alice"].limits == Limits(cpu=1.5, memory_bytes=GIB, gpus=0, images=("note*",), pids=300)
    assert people["carol"].limits == Limits()
