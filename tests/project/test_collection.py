# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as others get it: built, installed somewhere else, run by its name."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest
from artifact import ROOT, build, install, run


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built collection."""
    return build(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def installed(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elsewhere")
    install(artifact, folder)
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
    assert output.count("failed=0") == 3, "three servers"
