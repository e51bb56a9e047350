# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose apps against an engine made of a few lists: what is asked of it, in which order, and what is not."""

from __future__ import annotations

import copy
import json
import os
import typing as t
from dataclasses import replace

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app.model import (
    App,
    Secret,
    override,
)
from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app.world import World
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._compose_app.compose_engine import (
    DEFINITION,
    Engine,
    app,
    changed_definition,
    recreated,
    run,
)


def test_second_run_changes_nothing_and_asks_for_nothing(host: World, engine: Engine) -> None:
    assert run(host, app()).errors == []
    before = engine.ids()
    engine.commands.clear()
    outcome = run(host, app())
    assert (outcome.changed, outcome.actions, outcome.errors, engine.effects()) == (False, [], [], [])
    assert engine.ids() == before


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"text": "two"}, {"web": "conf/site.txt changed"}),
        ({"definition": changed_definition(command=["x"])}, {"web": "definition changed"}),
        (
            {"secrets": (Secret("password", "new value", uid=os.getuid()),)},
            {"web": "secrets/password changed", "database": "secrets/password changed"},
        ),
    ],
    ids=["mounted file", "definition", "secret"],
)
def test_exactly_the_services_that_see_a_change_are_replaced(
    host: World, engine: Engine, changes: dict[str, t.Any], expected: dict[str, str]
) -> None:
    run(host, app())
    before = engine.ids()
    predicted = run(host, app(**changes), check=True)
    assert engine.ids() == before
    outcome = run(host, app(**changes))
    assert recreated(predicted) == recreated(outcome) == expected
    assert {name for name, value in engine.ids().items() if value != before[name]} == set(expected)
    assert run(host, app(**changes)).changed is False


def test_a_new_image_behind_the_same_name_replaces_the_container(host: World, engine: Engine) -> None:
    run(host, app())
    engine.images["cache:1"] = "sha256:c2"
    assert recreated(run(host, app())) == {"cache": "image changed"}
    assert run(host, app()).changed is False


def test_a_wrong_project_stops_the_run_before_any_app_is_touched(host: World, engine: Engine) -> None:
    run(host, app())
    before, text = engine.ids(), (host.folder / "notes/conf/site.txt").read_text()
    engine.commands.clear()
    outcome = run(host, app(text="two"), replace(app(definition={"service": {}}), name="wrong"))
    assert len(outcome.errors) == 1
    assert outcome.errors[0].startswith("wrong: docker compose config refuses the project: validating compose.yaml")
    assert (engine.ids(), engine.effects()) == (before, [])
    assert (host.folder / "notes/conf/site.txt").read_text() == text
    assert not (host.folder / "wrong").exists()


def test_an_image_that_cannot_be_pulled_stops_before_anything_is_touched(host: World, engine: Engine) -> None:
    run(host, app())
    before, text = engine.ids(), (host.folder / "notes/compose.yaml").read_text()
    outcome = run(host, app(definition=changed_definition(image="web:3")))
    assert outcome.errors == ["notes: docker pull web:3 failed: manifest for web:3 not found"]
    assert (engine.ids(), (host.folder / "notes/compose.yaml").read_text()) == (before, text)


def test_pull_never_names_the_missing_image(host: World, engine: Engine) -> None:
    outcome = run(host, app(definition=changed_definition(image="web:2"), pull="never"))
    assert "web:2 is not on this host" in outcome.errors[0]
    assert "pull" not in engine.effects()


def test_the_volumes_of_an_absent_app_are_named(host: World, engine: Engine) -> None:
    run(host, app())
    engine.volumes = ["notes_db"]
    outcome = run(host, replace(app(), state="absent"))
    assert outcome.left[-1] == "volume notes_db"


def test_a_volume_with_another_name_is_said_before_the_app_begins_empty(host: World, engine: Engine) -> None:
    definition = {
        **DEFINITION,
        "volumes": {"database": {"name": "notes_database"}, "x": {"external": True, "name": "x"}},
    }
    assert run(host, app(definition=definition), check=True).warnings == []
    engine.volumes = ["notes_db"]
    (warning,) = run(host, app(definition=definition), check=True).warnings
    assert warning.startswith("notes: the project no longer uses the volume notes_db and gets notes_database, which is")
    assert "volumes: {KEY: {external: true, name: notes_db}}" in warning
    engine.volumes = ["notes_db", "notes_database"]
    assert run(host, app(definition=definition), check=True).warnings == []


def test_absent_leaves_secrets_and_data_and_says_so(host: World, engine: Engine) -> None:
    run(host, app())
    (host.data_folder / "notes/precious").write_text("x")
    gone = replace(app(), state="absent")
    assert recreated(run(host, gone, check=True)) == dict.fromkeys(["cache", "database", "web"], "the app is absent")
    assert engine.containers
    outcome = run(host, gone)
    assert outcome.left == [str(host.folder / "notes/secrets"), str(host.data_folder / "notes")]
    assert not engine.containers
    left = sorted(str(path.relative_to(host.folder.parent)) for path in host.folder.parent.rglob("*") if path.is_file())
    assert left == ["etc/notes/secrets/password", "srv/notes/precious"]
    assert run(host, gone).changed is False
    run(host, app())
    assert (host.folder / "notes/secrets/password").read_text() == "made-up-a-32"


def test_a_service_that_left_the_project_is_removed(host: World, engine: Engine) -> None:
    run(host, app())
    definition = copy.deepcopy(DEFINITION)
    del definition["services"]["cache"]
    assert recreated(run(host, app(definition=definition))) == {"cache": "no longer in the project"}
    assert sorted(engine.ids()) == ["database", "web"]


def test_check_mode_on_a_bare_host_foresees_the_apps_and_a_run_says_what_to_install(
    host: World, engine: Engine
) -> None:
    engine.compose_installed = False
    checked = run(host, app(), check=True)
    assert (checked.changed, [a.what for a in checked.actions], checked.errors) == (True, ["create"], [])
    assert "apt install docker-compose" in run(host, app()).errors[0]
    assert not host.folder.exists()


def test_networks_of_the_host_are_made_and_joined_beside_the_own_one(host: World, engine: Engine) -> None:
    outcome = run(host, app(networks={"web": ("front",)}))
    assert (outcome.errors, engine.networks) == ([], {"front"})
    overlay = json.loads((host.folder / "notes/labserver.override.json").read_text())
    assert overlay["services"]["web"]["networks"] == {"default": None, "front": None}
    assert overlay["networks"] == {"front": {"external": True, "name": "front"}}
    assert "ghost" in run(host, app(networks={"ghost": ("front",)})).errors[0]


def test_override_without_hashes_labels_nothing() -> None:
    assert json.loads(override(App("a"), "/f", {"web": {}})) == {"services": {}}
