# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a CoCalc server keeps when a replacement was interrupted; the rest of its life is in molecule/apps."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils import _cocalc as core
from ansible_collections.labserver.jupyter.plugins.module_utils import _cocalc_host as cocalc_host
from ansible_collections.labserver.jupyter.plugins.module_utils._cocalc_model import Server

DUMP = b"-- \xff\xfe is no UTF-8\n"


class Engine:
    """Containers by name; every command goes well."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)

    def __call__(self, command: Sequence[str], _stdin: str) -> tuple[int, str, str]:
        words = list(command[1:])
        if words[:2] == ["container", "inspect"]:
            item = {"Image": "1", "Config": {"Image": "i"}, "State": {"Status": "running"}}
            return (0, json.dumps([item]), "") if words[2] in self.names else (1, "", "no such container")
        if words[0] == "rm":
            self.names.remove(words[-1])
        elif words[0] == "rename":
            self.names.remove(words[1])
            self.names.add(words[2])
        elif words[0] == "exec":
            return 0, DUMP.decode("utf-8", "surrogateescape"), ""
        return 0, "", ""


@pytest.fixture
def server(tmp_path: Path) -> Server:
    for folder, text in (("projects/postgres", "newer"), ("projects.before-upgrade", "older")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "table").write_text(text)
    return Server("cocalc", "i", tmp_path / "projects", tmp_path / "dumps")


def world(engine: Engine) -> cocalc_host.Host:
    return cocalc_host.Host(engine, probe=lambda _url: 200, stamp=lambda: "20261120T100000Z")


def test_the_database_of_an_interrupted_replacement_is_put_aside(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine("cocalc", "cocalc-previous")
    for step in ("certificate", "container", "access", "letsencrypt"):
        monkeypatch.setattr(core, step, lambda *_arguments: None)
    outcome = core.converge(world(engine), server, check=False)
    aside = tmp_path / "projects.interrupted-20261120T100000Z"
    assert (server.data_folder / "postgres/table").read_text() == "older"
    assert (aside / "table").read_text() == "newer"
    assert outcome.actions[0]["reason"].endswith(f"its database is in {aside}")
    assert engine.names == {"cocalc"}


def test_a_dump_keeps_its_bytes(server: Server) -> None:
    path = world(Engine("cocalc")).dump(server)
    assert gzip.decompress(Path(path).read_bytes()) == DUMP
