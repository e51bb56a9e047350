# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as others get it: built from the checkout, installed somewhere else, run by its name."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from paths import ROOT


def run(command: list[str], cwd: Path, collections: Path | None = None) -> str:
    """Run a command as if there were no checkout, without this environment's Ansible settings. Returns stdout."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment["ANSIBLE_HOME"] = str(ROOT / ".ansible" if cwd == ROOT else cwd / "ansible-home")
    if collections:
        environment["ANSIBLE_COLLECTIONS_PATH"] = str(collections)
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def build(folder: Path) -> Path:
    """Build the collection in a folder, of what git tracks or would track. Returns the artifact."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, folder / "tree" / name
        if source.is_symlink() or source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    run(["ansible-galaxy", "collection", "build", "--output-path", str(folder)], folder / "tree")
    (built,) = folder.glob("labserver-jupyter-*.tar.gz")
    return built


def install(artifact: Path, folder: Path) -> Path:
    """Install the artifact into a folder. Returns the path for ANSIBLE_COLLECTIONS_PATH."""
    collections = folder / "collections"
    run(["ansible-galaxy", "collection", "install", str(artifact), "--no-deps", "-p", str(collections)], folder)
    return collections
