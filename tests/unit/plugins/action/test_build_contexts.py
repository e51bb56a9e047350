# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes out of the archive of build contexts, as tar(1) unpacks it on a host."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.action.build_contexts import pack


def unpacked(archive: bytes, folder: Path) -> dict[str, tuple[str, str]]:
    """Return mode and content of what is in the archive, by its path."""
    folder.mkdir()
    subprocess.run(["tar", "--extract", "--gzip", "--preserve-permissions"], input=archive, cwd=folder, check=True)
    return {
        str(path.relative_to(folder)): (oct(path.stat().st_mode & 0o7777), path.read_text() if path.is_file() else "")
        for path in folder.rglob("*")
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    for name, mode in (("Dockerfile", 0o600), ("bin/start", 0o775), ("lib/__pycache__/a.pyc", 0o644)):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(mode)
    return root


def test_files_are_at_their_place_with_modes_of_their_own(source: Path, tmp_path: Path) -> None:
    shared = tmp_path / "labels.py"
    shared.write_text("shared")
    context = {"source": str(source), "place": "labserver/hub/1", "shared_files": {"bin/labels.py": str(shared)}}
    other = {"source": str(source / "bin"), "place": "other"}
    assert unpacked(pack([context, other]), tmp_path / "host") == {
        "labserver": ("0o700", ""),
        "labserver/hub": ("0o700", ""),
        "labserver/hub/1": ("0o700", ""),
        "labserver/hub/1/Dockerfile": ("0o644", "Dockerfile"),
        "labserver/hub/1/bin": ("0o700", ""),
        "labserver/hub/1/bin/start": ("0o755", "bin/start"),
        "labserver/hub/1/bin/labels.py": ("0o644", "shared"),
        "other": ("0o700", ""),
        "other/start": ("0o755", "bin/start"),
    }


def test_what_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    context = {"source": str(tmp_path / "none"), "place": "../up", "shared_files": {"a": str(tmp_path / "b")}}
    with pytest.raises(ValueError) as told:
        pack([context])
    for words in ("none: there is no such folder", "b: there is no such file", "is not a place below"):
        assert words in str(told.value)
