# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests' own house: scenarios say only what is theirs, and where things are is known in one place."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from paths import CHECKOUT, ROOT, SCENARIOS

FILES = [*SCENARIOS.glob("*/molecule.yml"), *ROOT.glob("tests/soak/*/molecule.yml")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_a_scenario_says_only_what_is_its_own(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) <= 20, "inputs belong in group_vars/, what is shared in .config/molecule/config.yml"
    given = yaml.safe_load(text)
    allowed = {"platforms", "driver", "provisioner", "scenario"} | ({"verifier"} if "soak" in file.parts else set())
    assert set(given) <= allowed
    assert set(given.get("scenario", {})) <= {"test_sequence"}
    assert set(given.get("provisioner", {})) <= {"inventory"}


def test_folders_without_a_molecule_yml_are_no_scenarios() -> None:
    """`molecule list` takes what MOLECULE_GLOB names; molecule/_common is not among it."""
    pattern = re.search(r"MOLECULE_GLOB='([^']+)'", (ROOT / "activate").read_text())
    assert pattern is not None
    scenarios = {file.parent.name for file in ROOT.glob(pattern[1])}
    folders = {path.name for path in SCENARIOS.iterdir() if path.is_dir()}
    assert {name for name in folders if not name.startswith("_")} == scenarios
    assert "_common" in folders


def test_names_of_this_checkout_are_those_of_activate() -> None:
    command = ". ./activate >/dev/null 2>&1; echo $LABSERVER_ID"
    env = {**os.environ, "VENV": os.environ.get("VIRTUAL_ENV", str(ROOT / ".venv"))}
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"-{CHECKOUT}"


def test_the_root_of_the_repository_is_found_in_one_place() -> None:
    """In tests/support/paths.py. Unit tests run on a copy elsewhere; benchmarks are programs."""
    apart = ("tests/unit/", "tests/bench/", "tests/support/paths.py", "tests/project/test_test_machinery.py")
    found = [str(file.relative_to(ROOT)) for top in ("tests", "molecule") for file in (ROOT / top).rglob("*.py")
             if ".parents[" in file.read_text()]  # fmt: skip
    assert [name for name in found if not name.startswith(apart)] == []


def test_a_run_that_fails_once_among_several_is_told(tmp_path: Path) -> None:
    """`make repeat`: every run counts, the last one has other load beside it, and nothing of that is left."""
    counter = tmp_path / "counter"
    script = f"echo x >> {counter}; test $(wc -l < {counter}) != 2"
    done = subprocess.run(
        [ROOT / "tools/repeat.sh", "3", "sh", "-c", script],
        capture_output=True, text=True, check=False, env={**os.environ, "LOAD": "2"}, timeout=60,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert done.returncode == 1, done
    assert [line.split(",")[0] for line in lines[:3]] == [
        "run 1 of 3: well", "run 2 of 3: FAILED with status 1", "run 3 of 3: well"
    ]  # fmt: skip
    assert lines[2].endswith("with 2 busy processes beside it")
    assert lines[3].startswith("2 of 3 runs were well: sh -c")
