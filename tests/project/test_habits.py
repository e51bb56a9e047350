# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a public collection has around its code: workflows, hooks, templates, metadata and guide agree with the tree."""

from __future__ import annotations

import ast
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from artifact import run
from paths import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEMPLATES = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
GUIDES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", ".github/PULL_REQUEST_TEMPLATE.md")
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def steps(workflow: Any) -> list[dict[str, Any]]:
    """All steps of a workflow's jobs."""
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def called(text: str) -> list[str]:
    """The targets of all `make` calls in a command or a text; `make X=Y` sets a variable."""
    calls = re.findall(r"(?:^|^ {4}|`)make ((?:[A-Za-z][\w.=-]* ?)+)", text, re.MULTILINE)
    return [word for call in calls for word in call.split() if "=" not in word]


def test_targets_of_make_are_declared_and_described() -> None:
    phony = set(" ".join(re.findall(r"^\.PHONY: (.*)", MAKEFILE, re.MULTILINE)).split())
    described = set(re.findall(r"^([a-z][a-z-]*):.*?## \S", MAKEFILE, re.MULTILINE))
    assert phony == described == TARGETS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_call_targets_that_exist(path: Path) -> None:
    workflow = load(path)
    assert {"name", "on", "permissions", "jobs"} <= set(workflow)
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())
    runs = [step["run"] for step in steps(workflow) if "run" in step]
    assert [run for run in runs if not run.startswith(("make ", "git config "))] == []
    targets = [target for run in runs for target in called(run)]
    assert targets
    assert sorted(set(targets) - TARGETS) == []


def test_workflows_run_what_people_run() -> None:
    """`make check` and the scenarios run somewhere."""
    runs = {step.get("run") for path in WORKFLOWS for step in steps(load(path))}
    assert {"make check", "make molecule"} <= runs


def test_matrix_is_what_the_collection_says_it_supports() -> None:
    matrix = load(ROOT / ".github" / "workflows" / "check.yml")["jobs"]["core"]["strategy"]["matrix"]["include"]
    series = [entry["core"] for entry in matrix]
    floor = load(ROOT / "meta" / "runtime.yml")["requires_ansible"]
    assert floor == f">={series[0]}.0"
    minors = [int(core.removeprefix("2.")) for core in series]
    assert minors == list(range(minors[0], minors[-1] + 1))
    assert f"ansible-core {series[0]} to {series[-1]}" in (ROOT / "CONTRIBUTING.md").read_text()
    floors = {load(path)["galaxy_info"]["min_ansible_version"] for path in ROOT.glob("roles/*/meta/main.yml")}
    assert floors == {series[0]}


def test_hooks_call_targets_that_exist() -> None:
    config = load(ROOT / ".pre-commit-config.yaml")
    assert [entry["repo"] for entry in config["repos"]] == ["local"]
    hooks = config["repos"][0]["hooks"]
    assert [hook["id"] for hook in hooks if called(hook["entry"]) != [hook["id"]]] == []
    assert {hook["id"] for hook in hooks} <= TARGETS


@pytest.mark.parametrize("name", GUIDES)
def test_texts_name_targets_that_exist(name: str) -> None:
    text = (ROOT / name).read_text()
    assert sorted(set(called(text)) - TARGETS) == []


def test_guide_names_every_folder_of_tests() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "tests"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    folders = {"/".join(Path(name).parts[:2]) for name in listed.stdout.splitlines() if len(Path(name).parts) > 2}
    named = set(re.findall(r"^\| `(tests/\w+)/`", guide, re.MULTILINE))
    assert named == folders


def test_guide_and_makefile_agree_on_the_time_of_make_check() -> None:
    (promised,) = re.findall(r"^check:.*\((under \d+ minutes)\)", MAKEFILE, re.MULTILINE)
    (told,) = re.findall(r"^\| `make check` \|.*\| (.*) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert told == promised


def test_guide_names_every_part_of_make_check() -> None:
    prerequisites = dict(re.findall(r"^([a-z][a-z-]*):([a-z -]*)##", MAKEFILE, re.MULTILINE))
    (prerequisites["check"],) = re.findall(r"^CHECKS := (.*)$", MAKEFILE, re.MULTILINE)

    def parts(target: str) -> list[str]:
        inner = prerequisites.get(target, "").split()
        return [part for name in inner for part in parts(name)] or [target]

    guide = (ROOT / "CONTRIBUTING.md").read_text()
    assert len(parts("check")) > 5
    assert [part for part in parts("check") if f"`{part}`" not in guide] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_of_issues_are_complete(path: Path) -> None:
    template = load(path)
    assert {"name", "description", "labels", "body"} <= set(template)
    fields = [field for field in template["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"].get("label") for field in fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_address_of_the_project_stands_in_one_place() -> None:
    metadata = load(ROOT / "galaxy.yml")
    address = metadata["repository"]
    for field in ("documentation", "homepage", "issues"):
        assert metadata[field].startswith(address), field
    place = address.removeprefix("https://")
    found = subprocess.run(
        ["git", "grep", "-lF", "--untracked", place], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["galaxy.yml"]


def test_what_git_ignores_gets_into_no_artifact(tmp_path: Path) -> None:
    """Who builds in a checkout that was worked in must not publish its leftovers, among them one-time passwords."""
    for name in ("galaxy.yml", "README.md", "COPYING"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    patterns = [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line]
    for pattern in [*patterns, "plugins/__pycache__", ".git", ".github"]:
        leftover = tmp_path / pattern.replace("*", "x") / "leftover"
        leftover.parent.mkdir(parents=True)
        leftover.write_text("")
    run(["ansible-galaxy", "collection", "build", "--output-path", str(tmp_path / "out")], tmp_path)
    with tarfile.open(next((tmp_path / "out").iterdir())) as archive:
        assert [name for name in archive.getnames() if "leftover" in name] == []


def test_licence_is_one_text() -> None:
    """Headers and galaxy.yml point to COPYING, REUSE wants it in LICENSES/."""
    assert load(ROOT / "galaxy.yml")["license_file"] == "COPYING"
    assert (ROOT / "COPYING").read_bytes() == (ROOT / "LICENSES" / "GPL-3.0-or-later.txt").read_bytes()


def test_execution_environment_finds_its_lists() -> None:
    dependencies = load(ROOT / "meta" / "execution-environment.yml")["dependencies"]
    assert sorted(dependencies) == ["python", "system"]
    for name in dependencies.values():
        lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
        assert lines, name


def test_version_is_one() -> None:
    version = load(ROOT / "galaxy.yml")["version"]
    assert f'\nversion = "{version}"\n' in (ROOT / "pyproject.toml").read_text()
    assert version in load(ROOT / "changelogs" / "changelog.yaml")["releases"]


def test_the_first_line_of_a_program_says_what_it_is_for() -> None:
    """Plugins say it in their DOCUMENTATION."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    silent = []
    for name in listed.stdout.split():
        source = (ROOT / name).read_text()
        told = ast.get_docstring(ast.parse(source)) or "DOCUMENTATION = " in source
        if not told:
            silent.append(name)
    assert silent == []
