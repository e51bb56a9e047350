# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules of the collection on the host with changed inputs."""

from __future__ import annotations

import copy
import json
import typing as t
from pathlib import Path

import pytest
import yaml
from paths import SCENARIOS
from role_run import run_role

INPUTS = yaml.safe_load((SCENARIOS / "apps" / "files" / "inputs.yml").read_text())
Apply = t.Callable[..., dict[str, t.Any]]
Role = t.Callable[..., tuple[int, str]]


def module(host: t.Any, name: str, arguments: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
    """Run a module; a failed one comes back as its result, with ``failed``."""
    try:
        return dict(host.ansible(f"labserver.jupyter.{name}", json.dumps(arguments), check=check))
    except host.ansible.AnsibleException as error:
        return dict(error.result)


@pytest.fixture
def visits(host: t.Any) -> Apply:
    """Bring the app ``visits`` to its state with some inputs changed."""

    def apply(check: bool = False, **changes: t.Any) -> dict[str, t.Any]:
        app = copy.deepcopy(INPUTS["compose_app_apps"][0])
        app.update(changes)
        return module(host, "compose_apps", {"apps": [app]}, check)

    return apply


@pytest.fixture
def cocalc(host: t.Any) -> Apply:
    """Bring the CoCalc server to its state with some inputs changed."""

    def apply(check: bool = False, **changes: t.Any) -> dict[str, t.Any]:
        inputs = {key.removeprefix("cocalc_"): value for key, value in INPUTS.items() if key.startswith("cocalc_")}
        del inputs["time_sync"], inputs["certificate"]
        folders = {
            "certificate_file": "/etc/labserver/tls/cocalc/cert.pem",
            "key_file": "/etc/labserver/tls/cocalc/key.pem",
            "data_folder": "/srv/labserver/cocalc/projects",
            "dump_folder": "/srv/labserver/cocalc/dumps",
            "token_file": "/etc/labserver/cocalc/registration-token",
        }
        return module(host, "cocalc_server", inputs | folders | changes, check)

    return apply


@pytest.fixture
def role(tmp_path: Path) -> Role:
    """Run a role of the collection as a playbook does, with the scenario's inputs and some changed."""
    return lambda name, **variables: run_role(tmp_path, name, **INPUTS | variables)
