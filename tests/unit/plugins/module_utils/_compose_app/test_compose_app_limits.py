# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody changed with ``docker update`` is set back without a restart, or it is said what would."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app import limits
from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app.world import World
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._compose_app.compose_engine import (
    Engine,
    app,
    run,
)

MIB = 1 << 20
MADE = {"Memory": 300 * MIB, "MemorySwap": 600 * MIB, "NanoCpus": 1_500_000_000}


def host_config(engine: Engine, service: str = "web") -> dict[str, t.Any]:
    found: dict[str, t.Any] = engine.containers["notes", service]["HostConfig"]
    return found


def test_what_was_changed_by_hand_is_set_back_and_nothing_is_restarted(host: World, engine: Engine) -> None:
    run(host, app())
    host_config(engine).update(MADE)
    (host.folder / "notes/.labserver.json").unlink()
    assert not run(host, app()).changed, "noted, as a release that knew nothing of it left it"
    before = engine.ids()
    changed = {"Memory": 512 * MIB, "MemorySwap": -1, "NanoCpus": 2_000_000_000, "PidsLimit": 50}
    host_config(engine).update(changed, RestartPolicy={"Name": "on-failure", "MaximumRetryCount": 3})
    foreseen = run(host, app(), check=True)
    assert engine.updated == [] and foreseen.changed
    for _again in range(2):  # the stand-in for Docker sets nothing back: how it was made is not forgotten
        outcome = run(host, app())
        (done,) = outcome.actions
        assert (done.what, done.target, foreseen.actions) == ("update", "web", [done])
        assert "memory limit 512 MiB, was 300 MiB" in done.reason
        assert "restart policy on-failure:3, was always" in done.reason
        assert engine.updated.pop() == [
            "--memory", str(300 * MIB), "--memory-swap", str(600 * MIB), "--cpus", "1.5", "--pids-limit", "-1",
            "--restart", "always", before["web"],
        ]  # fmt: skip
        assert outcome.warnings == [] and engine.ids() == before and "up" not in engine.effects()[3:]
    host_config(engine).update(MADE, PidsLimit=None, RestartPolicy={"Name": "always", "MaximumRetryCount": 0})
    assert not run(host, app()).changed


def test_what_docker_cannot_take_off_is_said_with_what_can(host: World, engine: Engine) -> None:
    run(host, app())
    host_config(engine).update(Memory=512 * MIB, MemorySwap=1024 * MIB)
    outcome = run(host, app())
    assert (outcome.changed, outcome.errors, engine.updated) == (False, [], [])
    (said,) = outcome.warnings
    assert said.startswith("notes: memory limit 512 MiB, limit of memory and swap 1.0 GiB of the service web was set")
    assert said.endswith(f"cd {host.folder}/notes && docker compose up --detach --no-deps --force-recreate web")
    del engine.containers["notes", "web"]
    assert run(host, app()).warnings == [], "a container that is made anew is another one"


def test_a_service_that_is_replaced_is_not_set_back_before(host: World, engine: Engine) -> None:
    run(host, app())
    host_config(engine).update(PidsLimit=50)
    outcome = run(host, app(text="two"))
    assert [one.what for one in outcome.actions if one.target == "web"] == ["recreate"] and engine.updated == []
    assert not run(host, app(text="two")).changed


def test_what_cannot_be_set_back_is_told_and_the_rest_of_the_run_is_noted(host: World, engine: Engine) -> None:
    run(host, app())
    host_config(engine, "database").update(PidsLimit=50)
    engine.update_fails = True
    outcome = run(host, app(text="two"))
    assert "no such limit here" in outcome.errors[0]
    noted = json.loads((host.folder / "notes/.labserver.json").read_text())["limits"]
    assert set(noted) == set(engine.ids().values()), "the container that this run made is among them"
    engine.update_fails = False
    assert [(one.what, one.target) for one in run(host, app(text="two")).actions] == [("update", "database")]


@pytest.mark.parametrize(
    ("host_config", "expected"),
    [
        ({}, {"--restart": "no"}),
        ({"Memory": 0, "MemorySwap": -1, "PidsLimit": None, "CpuQuota": -1}, {"--restart": "no"}),
        ({"NanoCpus": 100_000_000, "CpusetCpus": "0,1"}, {"--restart": "no", "--cpus": "0.1", "--cpuset-cpus": "0,1"}),
    ],
)
def test_docker_has_many_words_for_no_limit(host_config: dict[str, t.Any], expected: dict[str, str]) -> None:
    assert limits.of(host_config) == expected
