# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as others get it: built, installed somewhere else, run by its name."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(command: list[str], cwd: Path, collections: Path | None = None) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment["ANSIBLE_HOME"] = str(cwd / "ansible-home")
    if collections:
        environment["ANSIBLE_COLLECTIONS_PATH"] = str(collections)
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built collection, made of what git tracks or would track."""
    folder = tmp_path_factory.mktemp("build")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, folder / "tree" / name
        if source.is_file() and not source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    run(["ansible-galaxy", "collection", "build", "--output-path", str(folder)], folder / "tree")
    (built,) = folder.glob("labserver-jupyter-*.tar.gz")
    return built


@pytest.fixture(scope="module")
def installed(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elsewhere")
    command = ["ansible-galaxy", "collection", "install", str(artifact), "--no-deps", "-p", str(folder / "collections")]
    run(command, folder)
    return folder


def test_artifact_holds_the_product_and_no_leftovers(artifact: Path) -> None:
    with tarfile.open(artifact) as archive:
        names = archive.getnames()
    assert {"playbooks/site.yml", "roles/docker/tasks/main.yml", "plugins/modules/host_program.py"} <= set(names)
    unwanted = ("collections/ansible_collections/", ".venv/", ".cache/", ".ansible/", ".git/")
    assert [name for name in names if name.startswith(unwanted) or "__pycache__" in name] == []


def test_installed_collection_runs_by_its_name(installed: Path) -> None:
    shutil.copytree(ROOT / "inventory" / "example", installed / "lab")
    collections = installed / "collections"
    output = run(["ansible-playbook", "-i", "lab", "labserver.jupyter.validate"], installed, collections)
    assert "failed=0" in output
    run(["ansible-playbook", "-i", "lab", "labserver.jupyter.site", "--syntax-check"], installed, collections)


def test_example_inventory_passes_validation(installed: Path) -> None:
    """The checkout itself is usable as the collection, without installing anything."""
    output = run(["ansible-playbook", "-i", "inventory/example", "playbooks/validate.yml"], ROOT, ROOT / "collections")
    assert output.count("failed=0") == 2, "two servers"
