# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each role says what it takes, and says the same in every place."""

from __future__ import annotations

import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml
from paths import ROOT

sys.path.insert(0, str(ROOT / "collections"))
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _inputs

ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
TYPES = {"str": str, "path": str, "int": int, "float": (int, float), "bool": bool, "list": list, "dict": dict}


def load(path: Path) -> dict[str, t.Any]:
    return yaml.safe_load(path.read_text()) or {} if path.exists() else {}


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
def test_defaults_and_argument_spec_agree(role: Path) -> None:
    """Ansible never applies the spec's defaults, so both have to say the same: keys, values and types."""
    defaults = load(role / "defaults" / "main.yml")
    options = load(role / "meta" / "argument_specs.yml")["argument_specs"]["main"].get("options", {})
    assert sorted(defaults) == sorted(name for name, option in options.items() if not option.get("required"))
    for name, value in defaults.items():
        assert options[name].get("default") == value, name
        templated = isinstance(value, str) and "{{" in value
        if value is not None and not templated:
            assert isinstance(value, TYPES[options[name].get("type", "str")]), name


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
def test_inputs_carry_the_name_of_the_role(role: Path) -> None:
    options = load(role / "meta" / "argument_specs.yml")["argument_specs"]["main"].get("options", {})
    assert [name for name in options if not name.startswith(f"{role.name}_")] == []


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
def test_internal_variables_are_marked(role: Path) -> None:
    assert [name for name in load(role / "vars" / "main.yml") if not name.startswith("__")] == []


def test_readmes_are_current() -> None:
    result = subprocess.run(
        [sys.executable, ROOT / "tools" / "role_docs.py", "--check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_module_claims_its_modes() -> None:
    """A module says for check mode, diff and idempotence how far it supports them; anything less is explained."""
    for path in sorted((ROOT / "plugins" / "modules").glob("*.py")):
        documentation = path.read_text().split('DOCUMENTATION = r"""', 1)[1].split('"""', 1)[0]
        attributes = yaml.safe_load(documentation)["attributes"]
        for name in ("check_mode", "diff_mode", "idempotent"):
            claim = attributes[name]
            assert claim["support"] in ("full", "partial", "none"), path.name
            assert claim["support"] == "full" or claim.get("details"), f"{path.name}: {name} needs details"


def jobs(value: t.Any) -> t.Iterator[dict[str, t.Any]]:
    """All jobs that a file of a role hands to the role ``schedule``."""
    if isinstance(value, dict) and {"name", "schedule", "command"} <= set(value):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from jobs(item)


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
def test_jobs_of_the_roles_are_taken_by_the_scheduler(role: Path) -> None:
    """``schedule`` refuses a program without its full path, unless it is one of a container."""
    files = [*(role / "tasks").glob("*.yml"), *(role / "vars").glob("*.yml"), *(role / "defaults").glob("*.yml")]
    for job in jobs([yaml.safe_load(file.read_text()) for file in files]):
        assert job.get("container") or job["command"][0].startswith(("/", "{{")), job["name"]


def test_inputs_of_one_role_are_not_taken_for_misspelt_inputs_of_another() -> None:
    """Each role checks its inputs alone, among the variables of all roles."""
    options = {role.name: load(role / "meta" / "argument_specs.yml")["argument_specs"]["main"] for role in ROLES}
    inputs = {name: dict(spec.get("options", {})) for name, spec in options.items()}
    every = {name for names in inputs.values() for name in names}
    for role, known in inputs.items():
        assert _inputs.unknown_variables(every, {role: known}) == [], role


def secrets(options: dict[str, t.Any], where: str) -> list[str]:
    """Return the inputs that hold a secret by their name and are not marked as such."""
    found = []
    for name, option in options.items():
        named = re.search(r"(^|_)(password|secret|token|value|credentials|environment)$", name)
        if named and option["type"] in ("str", "dict", "list") and not option.get("no_log") and "options" not in option:
            found.append(f"{where}{name}")
        found += secrets(option.get("options", {}), f"{where}{name}.")
    return found


# Names, and of an app the values that are meant to be seen: its secrets have an input of their own.
OPEN = {
    "compose_app_apps.environment",
    "compose_app_apps.secrets.environment",
    "hub_environment",  # people read it in their servers
    "shares_list.credentials",
}


def test_secrets_are_never_shown() -> None:
    found = set()
    for role in ROLES:
        options = load(role / "meta" / "argument_specs.yml")["argument_specs"]["main"].get("options", {})
        found |= set(secrets(options, ""))
    assert found == OPEN
