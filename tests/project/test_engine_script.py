# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/engine.sh with a stand-in for `docker`: an engine that answers is not yet one that starts containers."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from paths import ROOT

LOST = "docker: Error response from daemon: could not find bridge docker0: route ip+net: no such network interface."


def engine(folder: Path, run: str) -> subprocess.CompletedProcess[str]:
    """Run the script where `docker run` does so, and all other commands of Docker succeed."""
    docker = folder / "docker"
    docker.write_text(f'#!/bin/sh\n[ "$1" != run ] || {{ {run}; }}\n')
    docker.chmod(0o755)
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    return subprocess.run([ROOT / "tools" / "engine.sh"], env=env, capture_output=True, text=True, check=False)


def test_an_engine_that_starts_containers_is_good(tmp_path: Path) -> None:
    done = engine(tmp_path, "true")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("said", "cause"), [(LOST, "its network bridge was taken away"), ("no space left", "")])
def test_an_engine_that_answers_and_starts_nothing_is_told_with_a_remedy(tmp_path: Path, said: str, cause: str) -> None:
    done = engine(tmp_path, f"echo '{said}' >&2; exit 125")
    assert done.returncode == 1
    assert f"the Docker engine answers and starts no container. It says: {said}" in done.stderr
    assert cause in done.stderr
    assert "what to do: look at /var/log/dockerd.log" in done.stderr
