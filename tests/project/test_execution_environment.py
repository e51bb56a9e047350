# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-builder reads what the collection needs of an image, and makes the context that the page shows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from paths import ROOT

PAGE = (ROOT / "docs/howto/awx.md").read_text()
BUILDER = [sys.executable, "-m", "ansible_builder"]


def test_the_needs_of_the_collection_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "ansible_collections/labserver/jupyter"
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "meta", folder / "meta")
    shutil.copy(ROOT / "galaxy.yml", folder)
    done = subprocess.run([*BUILDER, "introspect", tmp_path], capture_output=True, text=True, check=True)
    needs = yaml.safe_load(done.stdout)
    assert needs["python"] == [], "PyYAML is left out by the builder, since ansible-core brings it"
    assert {need.split("  #")[0] for need in needs["system"]} == {
        f"{package} [platform:{kind}]"
        for package, kind in (
            ("openssh-client", "dpkg"), ("openssh-clients", "rpm"), ("sshpass", "dpkg"), ("sshpass", "rpm")
        )
    }  # fmt: skip


def test_the_context_of_the_page_is_made(tmp_path: Path) -> None:
    (block,) = re.findall(r"<!-- execution environment -->\n```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "execution-environment.yml").write_text(block)
    (tmp_path / "labserver-jupyter-0.1.0.tar.gz").touch()
    done = subprocess.run([*BUILDER, "create"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # Its name is the one that the engine of this machine looks for.
    (file,) = [path for path in (tmp_path / "context").iterdir() if path.name in ("Containerfile", "Dockerfile")]
    text = file.read_text()
    assert "registry.example.org/python:3.12" in text
    named = yaml.safe_load((tmp_path / "context/_build/requirements.yml").read_text())
    assert named["collections"] == [{"name": "labserver-jupyter-0.1.0.tar.gz", "type": "file"}]
