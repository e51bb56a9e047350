# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that dies at any place is finished by the next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import input as inputs
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import store
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.apply import converge
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.homes import Homes
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._accounts.accounts_host import (
    FakeHost,
    acts,
    roster,
)


@pytest.mark.parametrize("file", ["subuid", "group", "gshadow", "shadow", "passwd"])
def test_a_run_that_dies_is_finished_by_the_next(host: FakeHost, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    people: dict[str, Any] = {
        "users": [{"name": f"user{n}", "groups": ["leem"]} for n in range(5)],
        "groups": [{"name": "leem"}],
    }
    untouched = store.files.replace

    def dies(path: Path, *arguments: Any, **keywords: Any) -> None:
        if path.name == file:
            raise KeyboardInterrupt
        untouched(path, *arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(store.files, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            host.run(**people)
    assert host.line("passwd", "jupyter-user0") is None  # an account appears only with all that belongs to it
    assert not list((host.root / "etc").glob("[a-z]*.lock"))
    host.run(**people)
    assert host.run(**people).changed is False
    assert (host.line("passwd", "jupyter-user4") or [])[2] == "20004"
    assert (host.line("group", "leem") or [])[3].count("jupyter-user") == 5
    for table in ("passwd", "shadow", "group", "gshadow", "subuid"):
        names = [line.split(":")[0] for line in (host.root / "etc" / table).read_text().splitlines()]
        assert len(names) == len(set(names))


def test_a_run_that_dies_between_accounts_and_homes_is_finished(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Homes, "create", dies)
        with pytest.raises(KeyboardInterrupt):
            host.run(users=[{"name": "mira"}])
    assert acts(host.run(users=[{"name": "mira"}])) == [("create home", "jupyter-mira")]
    assert (host.root / "home/jupyter-mira/.bashrc").exists()


def test_a_run_that_dies_while_somebody_leaves_is_finished(host: FakeHost) -> None:
    host.run(users=[{"name": "mira"}])

    def dies(_people: Any) -> list[str]:
        raise KeyboardInterrupt

    world = replace(host.world(), stop=dies)
    desired, _problems = inputs.desired({"accounts_users": [{"name": "mira", "state": "absent"}]})
    with pytest.raises(KeyboardInterrupt):
        converge(desired, None, world)
    assert roster(host)["users"]["mira"]["state"] == "absent"  # the hub knows at once
    assert not (host.root / "srv/labserver/accounts/archive").exists()
    host.run(users=[{"name": "mira", "state": "absent"}])
    assert host.stopped == ["mira"]
    assert len(list((host.root / "srv/labserver/accounts/archive").glob("*.json"))) == 1
