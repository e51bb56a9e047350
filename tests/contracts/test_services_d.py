# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""services.d: the services that a host should have, from the rooms that run them to status and watch."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._status import services as status_services
from contract import Meets, Reader, check, reading, validate
from writers import put, services

FOLDER = "etc/labserver/services.d"


def known(root: Path) -> dict[str, Any]:
    found = status_services.read(root)[0]
    return {service.name: {**asdict(service), "named": 0} for service in found}


def of_the_hub(root: Path) -> dict[str, Any]:
    return {name: service for name, service in known(root).items() if "hub" in name}


# What is left out is a finding of its own, so that a damaged file does not make a service unwanted. Unknown keys are
# not skipped: a misspelt question would be one that nobody asks.
READERS = [Reader("_status", reading(of_the_hub), bad=Meets.LEAVES_OUT, nothing={}, unknown_keys=False)]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, services(), f"{FOLDER}/hub.json", "services.d")


def test_what_is_written_fits_the_schema() -> None:
    assert len(validate(services(), f"{FOLDER}/*.json", "services.d")) == 5


@pytest.mark.parametrize("content", [b'{"version": 2, "services": []}', b'{"version": 1, "serv', b""])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    put(tmp_path, {**services(), f"{FOLDER}/hub.json": content})
    (problem,) = status_services.read(tmp_path)[1]
    assert f"{FOLDER}/hub.json" in problem


def test_status_knows_all_that_the_rooms_run(tmp_path: Path) -> None:
    put(tmp_path, services())
    written = [item for content in services().values() for item in json.loads(content)["services"]]
    found = known(tmp_path)
    assert sorted(found) == sorted(item["name"] for item in written)
    for item in written:
        got = json.loads(json.dumps(found[item["name"]]))
        assert {key: got[key] for key in item} == item
    questions = ("unit", "container", "project", "url", "command")
    assert all(any(service[question] for question in questions) for service in found.values())
