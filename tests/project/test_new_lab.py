# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make new-lab`: ten answers become an inventory that Ansible reads, that validates, and that editors know."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from paths import ROOT
from test_schema import MODELINE, problems
from test_yaml_inputs import validate

ANSWERS = {
    "lab": 'Laboratory: "Surfaces"',
    "contact": "Mira Maier, room 2.14",
    "server": "atlas",
    "address": "192.0.2.11",
    "ssh_user": "admin",
    "domain": "lab.example.org",
    "mail": "",
    "group": "leem",
    "people": "mira Mira Maier; jonas; yes Yes Yo",
    "nas": "",
}


def new_lab(folder: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "tools/new_lab.py", folder, *arguments],
        input=typed, capture_output=True, text=True, check=False,
    )  # fmt: skip


def answers(tmp_path: Path, **other: str) -> tuple[str, str]:
    path = tmp_path / "answers.yml"
    path.write_text(json.dumps(ANSWERS | other))
    return "--answers", str(path)


@pytest.mark.parametrize(
    "other", [{}, {"mail": "mira@lab.example.org", "nas": "//192.0.2.99/data"}], ids=["own", "public"]
)
def test_ten_answers_make_an_inventory_that_validates(tmp_path: Path, other: dict[str, str]) -> None:
    lab = tmp_path / "lab"
    done = new_lab(lab, *answers(tmp_path, **other))
    assert done.returncode == 0, done.stderr
    assert str(lab / "hosts.yml") in done.stdout
    for path, schema in ((lab / "hosts.yml", "hosts.json"), (lab / "group_vars/all/lab.yml", "variables.json")):
        named = MODELINE.search(path.read_text())
        assert named
        assert (path.parent / named.group(1)).resolve() == ROOT / "inventory/schema" / schema
        assert problems(schema, path.read_text()) == []
        assert subprocess.run(["yamllint", "--strict", "-c", ROOT / ".yamllint", path], check=False).returncode == 0
    if other:
        status, said = validate(lab)
        assert status != 0
        assert "vault_nas_password" in said, "the vault is still to be made, and this is said"
        (lab / "group_vars/all/vault.yml").write_text("vault_nas_password: secret\n")
    status, said = validate(lab)
    assert status == 0, said
    listed = subprocess.run(
        ["ansible-inventory", "-i", lab, "--host", "atlas"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    variables = json.loads(listed.stdout)
    assert variables["ansible_user"] == "admin"
    assert variables["hub_lab_name"] == ANSWERS["lab"]
    assert [person["name"] for person in variables["accounts_users"]] == ["mira", "jonas", "yes"]
    assert [person.get("admin", False) for person in variables["accounts_users"]] == [True, False, False]
    assert bool(variables.get("shares_list")) == bool(variables.get("certificates_list")) == bool(other)


def test_the_questions_of_the_terminal_are_asked_again_until_the_answer_is_right(tmp_path: Path) -> None:
    typed = [ANSWERS["lab"], ANSWERS["contact"], "At Las", "atlas", "", *list(ANSWERS.values())[3:]]
    done = new_lab(tmp_path / "lab", typed="\n".join(typed) + "\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'At Las' is not a name of a host" in done.stdout
    assert "an answer is needed" in done.stdout
    by_file = tmp_path / "other"
    assert new_lab(by_file, *answers(tmp_path)).returncode == 0
    for name in ("hosts.yml", "group_vars/all/lab.yml"):
        assert (by_file / name).read_text() == (tmp_path / "lab" / name).read_text()


def test_all_wrong_answers_are_said_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    wrong = {"server": "At Las", "people": "mira; mira; ../x", "nas": "nas", "colour": "blue", "group": "Leem"}
    done = new_lab(tmp_path / "lab", *answers(tmp_path, **wrong), "--answer", "lab=")
    assert done.returncode == 2
    for words in (
        "colour: there is no such question",
        "server: 'At Las'",
        "mira is there twice",
        "nas: ",
        "group: ",
        "lab: ",
    ):
        assert words in done.stderr
    assert not (tmp_path / "lab").exists()


def test_answers_that_are_missing_are_said(tmp_path: Path) -> None:
    done = new_lab(tmp_path / "lab", "--answer", "server=atlas")
    assert done.returncode == 2
    assert "domain: is missing" in done.stderr
    assert "server" not in done.stderr.replace("lab's servers", "")


def test_a_folder_that_is_there_is_not_touched(tmp_path: Path) -> None:
    done = new_lab(tmp_path, *answers(tmp_path))
    assert done.returncode == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.yml"]


def test_the_commented_inputs_of_the_example_can_be_uncommented() -> None:
    """Each line that begins with an input's name is YAML for a file with others."""
    for path in (ROOT / "inventory/example/group_vars/all").glob("inputs_*.yml"):
        role = path.stem.removeprefix("inputs_")
        values = re.findall(rf"^# {role}_[a-z0-9_]+:(?: .*)?\n(?:^# .*\n)*", path.read_text(), re.MULTILINE)
        document = yaml.safe_load("".join(re.sub("^# ", "", value, flags=re.MULTILINE) for value in values))
        assert document, path
        assert all(str(name).startswith(f"{role}_") for name in document)
