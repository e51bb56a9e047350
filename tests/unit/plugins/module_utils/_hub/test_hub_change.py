# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing the hub while people work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import change as hub_change
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.change import Former
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.configuration import Configuration
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._hub.hub_engine import (
    container,
    engine_of,
    make_database,
    rows,
)


@pytest.mark.parametrize(
    ("found", "needed"),
    [(None, True), (container("h", label="a"), False), (container("h", label="b"), True),
     (container("h", label="a", running=False), True)],
)  # fmt: skip
def test_the_hub_is_replaced_only_when_something_differs(found: dict[str, Any] | None, needed: bool) -> None:
    assert hub_change.needs_change(found, "a") is needed


@pytest.mark.parametrize(("version_now", "kept"), [("v1", 5), ("v2", 3)])
def test_going_back_keeps_the_database_unless_its_schema_changed(tmp_path: Path, version_now: str, kept: int) -> None:
    now, copy = tmp_path / "hub.sqlite", tmp_path / "copy.sqlite"
    make_database(now, version_now, 5)
    make_database(copy, "v1", 3)
    folder = tmp_path / "etc"
    Configuration("new settings", ("new = 1", "more = 2")).write(folder)
    journal = tmp_path / "hub.sqlite-journal"
    if kept == 3:
        journal.write_bytes(b"of a hub that was killed")
    engine = engine_of(container("labserver-hub-proxy"), container("labserver-hub", label="new", identity="other"))
    old = Configuration("old settings", ("old = 1",))
    was = {name: container(name, label="old") for name in ("labserver-docker-guard", "labserver-hub-proxy")}
    was["labserver-hub"] = container("labserver-hub", label="old")
    former = Former.of(Former(was, old, str(copy), ()).document())
    restored = hub_change.go_back(engine, former, folder=folder, database=now)
    assert restored == ["labserver-docker-guard", "labserver-hub"], "one was gone, one is another, the proxy was left"
    assert not journal.exists()
    assert rows(now) == kept
    assert Configuration.read(folder) == old
    assert [(method, path) for method, path, _body in engine.done] == [
        ("DELETE", "/containers/labserver-hub"),
        ("POST", "/containers/create"), ("POST", "/containers/new/start"),
        ("POST", "/containers/create"), ("POST", "/containers/new/start"),
    ]  # fmt: skip
    body = engine.done[3][2]
    assert "Hostname" not in body
    assert body["Labels"]["org.labserver.config"] == "old"
    assert body["NetworkingConfig"]["EndpointsConfig"]["n"]["IPAMConfig"] == {"IPv4Address": "172.27.240.2"}


def test_a_first_hub_has_nothing_to_go_back_to(tmp_path: Path) -> None:
    engine = engine_of(container("labserver-hub"))
    former = Former({"labserver-hub": None}, Configuration("", ()), "", ())
    assert hub_change.go_back(engine, former, folder=tmp_path, database=tmp_path / "none") == []
    assert engine.done == []


def test_a_container_that_ends_again_and_again_is_hopeless() -> None:
    assert not hub_change.hopeless(None, None)
    assert not hub_change.hopeless({"Id": "new", "RestartCount": 2}, {"Id": "old", "RestartCount": 0})
    assert hub_change.hopeless({"Id": "new", "RestartCount": 3}, {"Id": "old", "RestartCount": 1})
    assert not hub_change.hopeless({"Id": "same", "RestartCount": 9}, {"Id": "same", "RestartCount": 7})
