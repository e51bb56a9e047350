# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings stand in one table; role and module say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import settings

ROLE = Path(settings.__file__).parents[3] / "roles/accounts"
SPEC = settings.argument_spec()


def load(name: str) -> Any:
    return yaml.safe_load((ROLE / name).read_text())


def test_the_role_has_the_settings_of_the_table() -> None:
    options = load("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    for name, spec in SPEC.items():
        option = options[f"accounts_{name}"]
        assert {key: option.get(key) for key in spec} == spec, name


def test_the_role_hands_all_of_them_to_the_filter_and_to_the_module() -> None:
    named = {name: f"{{{{ accounts_{name} }}}}" for name in SPEC}
    handed = load("vars/main.yml")["__accounts_settings"]
    assert handed == {f"accounts_{name}": value for name, value in named.items()}
    tasks = [task for path in (ROLE / "tasks").glob("*.yml") for task in yaml.safe_load(path.read_text()) or []]
    (arguments,) = [
        value
        for task in tasks
        for key, value in task.items()
        if re.fullmatch(r"labserver\.jupyter\.(lab_)?accounts", key)
    ]
    assert {name: arguments.get(name) for name in SPEC} == named


def test_nothing_said_is_the_default_of_the_table() -> None:
    wrong: list[str] = []
    said = {f"accounts_{name}": spec["default"] for name, spec in SPEC.items()}
    assert settings.parse({}, wrong) == settings.parse(said, wrong) == settings.Settings()
    assert wrong == []
