# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worked examples of the inventory: Docker Compose itself reads them; nothing of them is pulled or started."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml
from conftest import module

EXAMPLE = Path(__file__).parents[3] / "inventory" / "example"
FOLDERS = EXAMPLE.parent / "apps"
TEXT = (EXAMPLE / "host_vars" / "boreas" / "apps.yml").read_text().replace("{{ inventory_dir }}", str(EXAMPLE))
APPS = {app["name"]: app for app in yaml.safe_load(TEXT)["compose_app_apps"]}


@pytest.mark.parametrize(
    ("name", "services"),
    [("zulip", ["database", "memcached", "rabbitmq", "redis", "zulip"]), ("steps-mira", ["jupyterlab"])],
)
def test_compose_accepts_the_example(host: t.Any, name: str, services: list[str]) -> None:
    result = module(host, "compose_apps", {"apps": [APPS[name]]}, check=True)
    assert [action["target"] for action in result["actions"] if action["what"] == "create"] == services
    assert not host.file(f"/etc/labserver/compose/{name}").exists


def test_the_ssh_agent_is_there_on_request_alone(host: t.Any) -> None:
    steps = APPS["steps-mira"]
    assert "ssh-agent" not in (FOLDERS / "steps/compose.yaml").read_text()
    asked = steps | {"compose_files": ["compose.yaml", "ssh-agent.yaml"]}
    refused = module(host, "compose_apps", {"apps": [asked]}, check=True)
    assert "the path of the agent's socket on the host" in refused["msg"]
    given = asked | {"environment": steps["environment"] | {"STEPS_SSH_AGENT": "/run/user/20001/agent"}}
    assert module(host, "compose_apps", {"apps": [given]}, check=True)["changed"] is True


def test_no_secret_of_an_example_is_in_an_environment() -> None:
    app = APPS["zulip"]
    assert all(not secret.get("environment") for secret in app["secrets"])
    for file in FOLDERS.rglob("*.yaml"):
        for name, service in yaml.safe_load(file.read_text())["services"].items():
            words = [key for key in service.get("environment", {}) if "PASSWORD" in key and not key.endswith("_FILE")]
            assert words == [], (file, name)
