# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every wrong input has its message, and a whole list of them comes at once."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app.input import problems

GOOD: dict[str, t.Any] = {"name": "notes", "definition": {"services": {}}}


def of(**changes: t.Any) -> list[str]:
    return problems({"compose_app_apps": [GOOD | changes]})


def test_good_inputs_have_no_problems() -> None:
    secrets = [{"name": "password", "mode": "0444", "length": 32, "environment": "PASSWORD"}]
    health = {"url": "https://127.0.0.1:8090/health?x=1"}
    assert of(secrets=secrets, health=health, networks={"web": ["front"]}, environment={"A_1": 1}) == []
    assert problems({"compose_app_apps": [{"name": "gone", "state": "absent"}]}) == []
    assert (
        problems({"compose_app_apps": [{"name": "zulip", "folder": "apps/zulip", "compose_files": ["any.yml"]}]}) == []
    )


def test_the_examples_of_the_inventory_are_good() -> None:
    text = (Path(__file__).parents[5] / "inventory/example/host_vars/boreas/apps.yml").read_text()
    inputs = yaml.safe_load(text)
    assert [app["name"] for app in inputs["compose_app_apps"]] == ["zulip", "steps-mira"]
    assert problems(inputs) == []


W = "compose_app_apps[0] (name=notes)"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "No Good"}, 'compose_app_apps[0] (name=No Good): name "No Good" is not a valid project name'),
        ({"definition": None}, f"{W}: nothing to run; give folder, files or definition"),
        ({"files": {"compose.yaml": "x"}}, f"{W}: both definition and files write compose.yaml"),
        ({"compose_files": ["compose.yaml", "tls.yaml"]}, f'{W}: compose_files names "tls.yaml"'),
        ({"files": {"../x": ""}}, f'{W}: "../x" has to be a path inside the project folder'),
        ({"files": {"/etc/x": ""}}, f'{W}: "/etc/x" has to be a path inside the project folder'),
        ({"files": {".env": ""}}, f'{W}: ".env" is written by the role itself'),
        ({"files": {"secrets/x": ""}}, f'{W}: "secrets/x" is written by the role itself'),
        ({"secrets": [{"name": "../x"}]}, f"{W}: secrets[0] (name=../x): the name has to begin"),
        ({"secrets": [{"name": "a"}, {"name": "a"}]}, f"{W}: secrets[1] (name=a): the name is given twice"),
        ({"secrets": [{"name": "a", "mode": "384"}]}, f'{W}: secrets[0] (name=a): mode "384" is not an octal mode'),
        ({"secrets": [{"name": "a", "length": 4}]}, f"{W}: secrets[0] (name=a): length has to be from 16 to 512"),
        ({"secrets": [{"name": "a", "environment": "A-B"}]}, f'{W}: secrets[0] (name=a): environment "A-B"'),
        (
            {"secrets": [{"name": "a", "environment": "A"}], "environment": {"A": "1"}},
            f'{W}: secrets[0] (name=a): environment "A" is also set by the app',
        ),
        ({"environment": {"1A": ""}}, f'{W}: environment "1A" is not a valid variable name'),
        ({"health": {"url": "127.0.0.1:80"}}, f'{W}: health.url "127.0.0.1:80" is not an address'),
        ({"networks": {"web": "front"}}, f"{W}: networks.web has to be a list"),
        ({"networks": {"web": None}}, f"{W}: networks.web has to be a list"),
        ({"backup_paths": ["data"]}, f'{W}: backup_paths "data" has to be an absolute path'),
        ({"data_uid": -1}, f"{W}: data_uid -1 is not a numeric id"),
        ({"wait_seconds": 0}, f"{W}: wait_seconds has to be at least 1"),
    ],
)
def test_messages(changes: dict[str, t.Any], message: str) -> None:
    found = of(**changes)
    assert len(found) == 1
    assert found[0].startswith(message)


def test_all_problems_at_once() -> None:
    found = problems({"compose_app_apps": [GOOD, GOOD | {"wait_seconds": 0}, {"name": "x"}]})
    assert [text.split(": ", maxsplit=1)[0] for text in found] == [
        "compose_app_apps[1] (name=notes)",
        "compose_app_apps[1] (name=notes)",
        "compose_app_apps[2] (name=x)",
    ]
    assert "also used by compose_app_apps[0]" in found[0]
