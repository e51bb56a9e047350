# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All roles have the same steps: ``tasks/main.yml`` lists them, and each step is a file of the same name."""

from __future__ import annotations

import json
import os
import re
import subprocess
import typing as t
from pathlib import Path

import pytest
import yaml
from paths import ROOT

IMPORTS = ("ansible.builtin.import_tasks", "ansible.builtin.include_tasks")
VALIDATE = "labserver.jupyter.validate_inputs"
STEPS = ["validate", "install", "configure", "deploy", "verify", "absent"]
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
each_role = pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)


def tasks(path: Path) -> list[dict[str, t.Any]]:
    return list(yaml.safe_load(path.read_text(encoding="utf-8")))


def flat(items: list[dict[str, t.Any]]) -> t.Iterator[dict[str, t.Any]]:
    """All tasks, those in blocks included."""
    for item in items:
        yield item
        for key in ("block", "rescue", "always"):
            yield from flat(item.get(key, []))


def imported(task: dict[str, t.Any]) -> str:
    """The file that a task of ``main.yml`` imports."""
    return str(next(task[key] for key in IMPORTS if key in task))


def steps(role: Path) -> list[str]:
    return [imported(task).removesuffix(".yml") for task in tasks(role / "tasks" / "main.yml")]


@each_role
def test_main_is_a_list_of_imports(role: Path) -> None:
    for task in tasks(role / "tasks" / "main.yml"):
        assert set(task) <= {"name", "when", "vars", *IMPORTS}, task["name"]
        assert re.fullmatch(r"[a-z_]+\.yml", imported(task)), task["name"]
        assert (role / "tasks" / imported(task)).exists(), task["name"]


@each_role
def test_common_steps_are_in_their_order(role: Path) -> None:
    common = [step for step in steps(role) if step in STEPS]
    assert common == [step for step in STEPS if step in common]
    assert steps(role)[0] == "validate"


@each_role
def test_every_role_checks_its_own_inputs_unless_the_playbook_did(role: Path) -> None:
    """It runs on the controller; playbooks/site.yml checks all roles at once and says so by the variable."""
    first = tasks(role / "tasks" / "validate.yml")[0]
    assert first[VALIDATE] == {"roles": [role.name]}
    assert first["when"] == "not (__labserver_inputs_checked | default(false))"


@each_role
def test_names_of_tasks_begin_with_their_step(role: Path) -> None:
    """A step ``renew`` is in ``renew.yml``; files such as ``install_upstream.yml`` belong to the step ``install``."""
    for task in tasks(role / "tasks" / "main.yml"):
        assert task["name"].startswith(f"{imported(task).removesuffix('.yml').capitalize()} | "), task["name"]
    for path in sorted((role / "tasks").glob("*.yml")):
        if path.name != "main.yml":
            begin = f"{path.stem.partition('_')[0].capitalize()} | "
            wrong = [task["name"] for task in flat(tasks(path)) if not task["name"].startswith(begin)]
            assert wrong == [], path.name


@each_role
def test_tasks_ask_for_no_release_of_the_operating_system(role: Path) -> None:
    """What differs by operating system is in one table in ``vars``."""
    asks = re.compile(r"\bversion\(|distribution_(?:major_)?version|distribution_release")
    for path in (role / "tasks").glob("*.yml"):
        assert asks.findall(path.read_text(encoding="utf-8")) == [], path.name


def validated(folder: Path, release: str, **variables: str) -> tuple[int, str]:
    """Run the step validate of the role docker as if the host had this release of Debian."""
    (folder / "hosts").write_text("nowhere ansible_host=192.0.2.1\n")
    facts = {"distribution": "Debian", "distribution_major_version": release, "distribution_release": "name"}
    role = {"name": "labserver.jupyter.docker", "tasks_from": "validate.yml"}
    steps = [{"set_fact": {**facts, "cacheable": True}}, {"include_role": role}]
    (folder / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": steps}]))
    command = ["ansible-playbook", "-i", folder / "hosts", folder / "play.yml", "-e", json.dumps(variables)]
    environment = {**os.environ, "ANSIBLE_HOME": str(folder / "home"), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_releases_without_known_packages_are_refused_in_one_sentence(tmp_path: Path) -> None:
    """With packages from Docker's own repository there is nothing to look up."""
    status, said = validated(tmp_path, "99")
    assert status == 2, said
    assert (
        "does not know the packages of the engine for Debian-99; it knows Debian-12, Debian-13, Ubuntu-24, Ubuntu-26."
        in said
    )
    assert validated(tmp_path, "99", docker_source="upstream")[0] == 0
    assert validated(tmp_path, "12")[0] == 0
