# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles leave for ``labserver status`` is what it reads, and names what they run."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from paths import ROOT

sys.path.insert(0, str(ROOT / "plugins"))

from module_utils._schedule import model
from module_utils._status import services

VARIABLES = {
    "compose_app_apps": [{"name": "wiki"}, {"name": "old", "state": "absent"}],
    "registry_caches": [{"name": "quay.io"}],
    "__registry_container": "labserver-registry",
    "__registry_caches_container": "labserver-registry-caches",
    "__registry_url": "http://127.0.0.1:5000",
}


def named(role: str) -> list[dict[str, Any]]:
    """What a role's variable holds: a list, or a template that makes one."""
    value = yaml.safe_load((ROOT / f"roles/{role}/vars/main.yml").read_text())[f"__{role}_services"]
    return ast.literal_eval(jinja2.Template(value).render(VARIABLES)) if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("hub", ["hub", "hub-proxy", "docker-guard", "catalogue", "hub-network", "notebooks-limits"]),
        ("registry", ["registry", "registry-caches"]),
        ("compose_app", ["app-wiki"]),
    ],
)
def test_what_a_role_names_is_read(role: str, names: list[str], tmp_path: Path) -> None:
    folder = tmp_path / services.FOLDER
    folder.mkdir(parents=True)
    (folder / f"{role}.json").write_text(json.dumps({"version": 1, "services": named(role)}))
    found, problems = services.read(tmp_path)
    assert problems == []
    assert [service.name for service in found] == names
    files = {path.name for path in (ROOT / f"roles/{role}/files").glob("*.service")}
    assert [service.unit for service in found if service.unit and service.unit not in files] == []


def test_who_names_services_takes_them_off_again() -> None:
    """The list of the apps is written anew without those that are absent."""
    for role in ("hub", "registry", "cocalc"):
        assert f"services.d/{role}.json" in (ROOT / f"roles/{role}/tasks/absent.yml").read_text(), role


def test_the_look_at_a_host_sees_every_service_of_the_roles() -> None:
    """One that it does not see costs a remote call at each run."""
    seen = yaml.safe_load((ROOT / "roles/host/vars/main.yml").read_text())["__host_services"]
    assert {path.name for path in ROOT.glob("roles/*/files/labserver-*.service")} <= set(seen)


def test_no_job_may_have_the_name_of_a_service() -> None:
    """Both have the unit ``labserver-<name>.service``, and a job that cron runs has none: the file would go."""
    units = {path.stem.removeprefix("labserver-") for path in ROOT.glob("roles/*/files/labserver-*.service")}
    assert units == model.SERVICES
    job = {"command": ["/bin/true"], "schedule": "daily"}
    for name in units:
        assert "give the job another name" in model.problems([{"name": name, **job}])[0]
    jobs = {
        job["name"]
        for path in ROOT.glob("roles/*/vars/main.yml")
        for key, value in (yaml.safe_load(path.read_text()) or {}).items()
        if key.endswith("_jobs") and isinstance(value, list)
        for job in value
    }
    assert {"usage", "hub-watch"} <= jobs
    assert jobs & units == set()
