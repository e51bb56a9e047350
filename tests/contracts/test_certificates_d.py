# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""certificates.d: where rooms serve certificates, for the program that renews and deploys them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._certificates import model
from contract import Meets, Reader, check, reading, validate, without_new_key
from writers import certificate_targets, put

FOLDER = "etc/labserver/certificates.d"
CERTIFICATES = {
    "etc/labserver/certificates.json": b'{"version": 1, "certificates": ['
    b'{"name": "server", "names": ["hub.lab.example.org"], "source": "internal_ca"},'
    b'{"name": "cocalc", "names": ["cocalc.lab.example.org"], "source": "internal_ca"}]}'
}
FILES = {**CERTIFICATES, **certificate_targets()}


def targets(root: Path) -> dict[str, list[model.Target]]:
    return {entry.name: list(entry.targets) for entry in model.load(root).entries}


def targets_of_cocalc(root: Path) -> Any:
    return without_new_key([asdict(target) for target in targets(root)["cocalc"]])


# A file that is damaged must not keep the other rooms' certificates from being renewed.
READERS = [Reader("_certificates", reading(targets_of_cocalc), bad=Meets.LEAVES_OUT, nothing=[])]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, FILES, f"{FOLDER}/cocalc.json", "certificates.d")


def test_what_is_written_fits_the_schema() -> None:
    assert len(validate(FILES, f"{FOLDER}/*.json", "certificates.d")) == 2


@pytest.mark.parametrize("content", [b'{"version": 2, "targets": []}', b'{"version": 1, "tar', b""])
def test_what_is_left_out_is_named_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    put(tmp_path, {**FILES, f"{FOLDER}/cocalc.json": content})
    problems = model.load(tmp_path).problems
    assert len(problems) == 1
    assert f"{FOLDER}/cocalc.json" in problems[0]
    assert [target.name for target in targets(tmp_path)["server"]] == ["proxy-hub", "proxy-registry"]


def test_each_room_is_served_as_it_wants(tmp_path: Path) -> None:
    put(tmp_path, FILES)
    found = targets(tmp_path)
    hub, registry = found["server"]
    assert (hub.reload, hub.probe["port"], hub.probe["server_name"]) == (
        {"service": "nginx"}, 443, "hub.lab.example.org"
    )  # fmt: skip
    assert registry.probe["port"] == 5443
    (cocalc,) = found["cocalc"]
    assert cocalc.copy["folder"] == "/srv/labserver/cocalc/projects/conf/cert"
    assert cocalc.reload["container"] == "cocalc"
    assert model.target_problems({"name": cocalc.name, "copy": cocalc.copy, "reload": cocalc.reload}) == []
