# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON schemas of an inventory, read by a program that is not ours: right inventories pass, wrong ones do not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import collection  # noqa: F401 - makes the checkout importable as the collection
import jsonschema
import pytest
import referencing
import yaml
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import check, limits
from paths import ROOT

SCHEMAS = ROOT / "inventory" / "schema"
MODELINE = re.compile(r"^# yaml-language-server: \$schema=(\S+)$", re.MULTILINE)
FILES = sorted(
    path
    for lab in (*(ROOT / "inventory").iterdir(), *(ROOT / "examples").glob("*"))
    for path in (*lab.glob("hosts.yml"), *lab.glob("group_vars/**/*.yml"), *lab.glob("host_vars/**/*.yml"))
)


class Loader(yaml.SafeLoader):
    """Reads Ansible's own tags as the texts that they stand for."""


for tag in ("!vault", "!unsafe"):
    Loader.add_constructor(tag, lambda loader, node: loader.construct_scalar(node))


def read(text: str) -> Any:
    return yaml.load(text, Loader=Loader)


def validator(name: str) -> jsonschema.Draft7Validator:
    found = {path.name: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}
    for schema in found.values():
        jsonschema.Draft7Validator.check_schema(schema)
    registry: Any = referencing.Registry().with_resources(
        (file, referencing.Resource.from_contents(schema)) for file, schema in found.items()
    )
    return jsonschema.Draft7Validator(found[name], registry=registry)


def problems(name: str, text: str) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(read(text))]


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=label)
def test_each_file_of_the_inventories_names_its_schema_and_fits_it(path: Path) -> None:
    text = path.read_text()
    schema = MODELINE.search(text)
    assert schema, "the line for editors is missing"
    where = (path.parent / schema.group(1)).resolve()
    assert where == SCHEMAS / ("hosts.json" if path.name == "hosts.yml" else "variables.json")
    assert problems(where.name, text) == []


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("roles/*/defaults/main.yml")), ids=lambda path: path.parent.parent.name
)
def test_the_defaults_of_a_role_fit(path: Path) -> None:
    assert problems("variables.json", path.read_text()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hub_imag: x", "does not allow 'x'"),
        ("hub_image_repositories: notebook", "hub_image_repositories"),
        ("hub_default_cpu: much", "hub_default_cpu"),
        ("accounts_users: [{name: mira, group: leem}]", "accounts_users[0]"),
        ("accounts_users: [{full_name: Mira}]", "accounts_users[0]"),
        ("shares_list: [{name: data, source: //nas/data, kind: smb}]", "shares_list[0]"),
        ("hub_state: gone", "hub_state"),
        ("labserver_registri: x", "does not allow 'x'"),
    ],
)
def test_what_is_wrong_is_refused_where_it_stands(text: str, said: str) -> None:
    found = problems("variables.json", text)
    assert len(found) == 1, found
    assert said in found[0]
    assert problems("hosts.json", f"all: {{hosts: {{atlas: {{{text}}}}}}}"), "also for one host"
    assert problems("hosts.json", f"all: {{children: {{labservers: {{vars: {{{text}}}}}}}}}"), "also for a group"


@pytest.mark.parametrize(
    "text",
    [
        "hub_image_repositories: '{{ others }}'",
        "hub_default_cpu: '{{ 2 * 2 }}'",
        "hub_default_cpu: '2.5'",
        "accounts_uid_min: '20000'",
        "accounts_users: []\nansible_user: admin\nmy_own: {a: 1}",
        "shares_credentials:\n  nas: !vault |\n    $ANSIBLE_VAULT;1.1;AES256",
        "",
    ],
)
def test_what_validate_accepts_is_not_refused(text: str) -> None:
    found = problems("variables.json", text)
    assert [one for one in found if not one.startswith("$.shares_credentials")] == []


def test_entries_have_the_keys_that_the_core_knows() -> None:
    schema = json.loads((SCHEMAS / "variables.json").read_text())["properties"]

    def keys(name: str) -> set[str]:
        return set(schema[name]["items"]["properties"])

    assert keys("accounts_users") == keys("accounts_users_host") == set(check.USER_KEYS)
    assert keys("accounts_groups") == keys("accounts_groups_group") == set(check.GROUP_KEYS)
    assert keys("accounts_shared_folders") == set(check.FOLDER_KEYS)
    assert set(schema["accounts_groups"]["items"]["properties"]["limits"]["properties"]) == set(limits.KEYS)


def test_a_word_that_is_no_part_of_an_inventory_is_refused() -> None:
    assert problems("hosts.json", "all: {host: {atlas: }}") == [
        "$.all: Additional properties are not allowed ('host' was unexpected)"
    ]
    assert (
        problems("hosts.json", "all: {hosts: {atlas: , boreas: {ansible_host: 192.0.2.1}}, children: {labs: }}") == []
    )
