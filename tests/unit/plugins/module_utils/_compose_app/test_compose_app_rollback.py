# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An update that fails gives way to what ran before."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app.model import (
    App,
    Health,
)
from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app.plan import (
    Container,
    Current,
    not_ready,
    plan_services,
)
from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app.world import World
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._compose_app.compose_engine import (
    Engine,
    app,
    built,
    changed_definition,
    recreated,
    run,
)


def test_the_previous_project_comes_back_when_the_new_one_fails(host: World, engine: Engine) -> None:
    run(host, app())
    old = (host.folder / "notes/compose.yaml").read_text()
    engine.broken_images.add("web:2")
    outcome = run(host, app(definition=changed_definition(image="web:2"), text="two"))
    assert "service web is exited (exit status 3)" in outcome.errors[0]
    assert "cannot start" in outcome.errors[0]
    assert "previous project is back" in outcome.errors[0]
    assert (host.folder / "notes/compose.yaml").read_text() == old
    assert engine.containers["notes", "web"]["Image"] == "sha256:w1"
    assert run(host, app()).changed is False


def test_the_image_that_a_build_replaced_comes_back_too(host: World, engine: Engine) -> None:
    engine.built = "sha256:w-good"
    assert run(host, built()).errors == []
    engine.built = "sha256:w-bad"
    engine.broken_ids.add("sha256:w-bad")
    outcome = run(host, built(command=["new"]))
    assert "previous project is back" in outcome.errors[0]
    assert engine.images["web:1"] == engine.containers["notes", "web"]["Image"] == "sha256:w-good"
    assert engine.containers["notes", "web"]["State"]["Status"] == "running"
    assert not [name for name in engine.images if name.startswith("labserver-previous")]


def test_a_newer_image_of_the_same_name_that_fails_gives_way_to_the_old_one(host: World, engine: Engine) -> None:
    engine.registry |= {"web:1": "sha256:w1", "database:1": "sha256:d1", "cache:1": "sha256:c1"}
    run(host, app(pull="always"))
    engine.registry["web:1"] = "sha256:w-bad"
    engine.broken_ids.add("sha256:w-bad")
    assert "previous project is back" in run(host, app(pull="always")).errors[0]
    assert engine.containers["notes", "web"]["Image"] == "sha256:w1"
    assert not [name for name in engine.images if name.startswith("labserver-previous")]


def test_a_container_that_nothing_starts_again_is_not_waited_for(host: World, engine: Engine) -> None:
    engine.broken_images.add("web:1")
    outcome = run(host, app(definition=changed_definition(restart="no"), wait_seconds=100_000))
    assert "service web ended with exit status 3, and nothing restarts it" in outcome.errors[0]
    assert "cannot start" in outcome.errors[0]


def test_without_rollback_the_failed_project_stays_and_the_next_run_tries_again(host: World, engine: Engine) -> None:
    run(host, app())
    engine.broken_images.add("web:2")
    new = app(definition=changed_definition(image="web:2"), rollback=False)
    assert "previous project" not in run(host, new).errors[0]
    engine.broken_images.clear()
    del engine.containers["notes", "web"]
    assert recreated(run(host, new)) == {"web": "no container"}


def test_the_health_address_decides(host: World) -> None:
    host.probe = lambda health: 500
    outcome = run(host, app(health=Health("http://127.0.0.1:1/")))
    assert "http://127.0.0.1:1/ answers with status 500" in outcome.errors[0]


def test_one_shot_services_may_end_and_crashed_ones_may_not() -> None:
    done = Container("job", "h", "", "exited", 0, "", "no")
    assert not_ready(["job"], [done]) == []
    crashed = replace(done, exit_code=2)
    assert not_ready(["job"], [crashed]) == ["service job is exited (exit status 2)"]
    assert not_ready(["job"], [replace(done, restart="always")]) == ["service job is exited (exit status 0)"]
    assert not_ready(["job"], [replace(done, status="running", health="starting")]) == ["service job is starting"]
    assert not_ready(["job"], []) == ["service job has no container"]
    assert plan_services(App("a"), {}, Current()) == []
