# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of scheduled notebooks in the notebook image, as the hub has it run: what is kept, and what is said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from labhub.runs.outcome import printed
from labhub.servers import run

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("docker"), reason="needs root and a Docker engine"),
]
UID = 20001


class Home:
    """A person's home, in which the image runs notebooks without any right but the person's."""

    def __init__(self, image: str, folder: Path):
        self.image, self.folder = image, folder
        (folder / "work").mkdir(parents=True)
        self.own()

    def own(self) -> None:
        """Give everything to the person."""
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, UID, UID, follow_symlinks=False)

    def write(self, *cells: str, kernel: str = "python3") -> None:
        """Write the notebook ``work/daily.ipynb``."""
        listed = [
            {"cell_type": "code", "id": f"c{number}", "source": source, "metadata": {}, "outputs": [],
             "execution_count": None} for number, source in enumerate(cells)
        ]  # fmt: skip
        metadata = {"kernelspec": {"name": kernel, "display_name": kernel}}
        book = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": listed}
        (self.folder / "work" / "daily.ipynb").write_text(json.dumps(book))
        self.own()

    def command(self, stamp: str, seconds: int = 120, notebook: str = "work/daily.ipynb") -> list[str]:
        """Return how the image is started."""
        return [
            "docker", "run", "--rm", "--init", "--network=none", f"--user={UID}:{UID}", "--cap-drop=ALL",
            "--workdir=/home/p", "--env=HOME=/home/p", "--env=JUPYTER_RUNTIME_DIR=/dev/shm/jupyter",
            f"--volume={self.folder}:/home/p", "--env=USER=p",
            f"--name=labserver-test-run-{os.getpid()}", self.image, *run.command(notebook, stamp, 2, seconds),
        ]  # fmt: skip

    def execute(self, stamp: str, seconds: int = 120, notebook: str = "work/daily.ipynb") -> dict[str, Any]:
        """Run it; returns what the program says last."""
        done = subprocess.run(self.command(stamp, seconds, notebook), capture_output=True, check=False, timeout=300)
        said = printed(done.stdout)
        assert said, done.stderr[-2000:]
        assert (done.returncode == 0) == (said["reason"] == "ok")
        return said

    def copies(self) -> list[str]:
        """Return the copies that are kept."""
        folder = self.folder / "work" / "daily-runs"
        assert all(one.stat().st_uid == UID for one in (folder, *folder.iterdir()))
        return sorted(one.name for one in folder.iterdir())


@pytest.fixture
def home(notebook_image: str, tmp_path: Path) -> Home:
    return Home(notebook_image, tmp_path / "home")


def stamp(second: int) -> str:
    return f"2026-11-28_03-00-{second:02d}"


def test_a_notebook_runs_in_its_folder_and_the_last_copies_are_kept(home: Home) -> None:
    home.write("open('number', 'w').write('42')", "6 * 7")
    before = (home.folder / "work" / "daily.ipynb").read_bytes()
    for second in range(3):
        assert home.execute(stamp(second))["reason"] == "ok"
    assert home.copies() == [f"{stamp(1)}.ipynb", f"{stamp(2)}.ipynb"]
    assert (home.folder / "work" / "number").read_text() == "42"
    assert (home.folder / "work" / "daily.ipynb").read_bytes() == before
    copy = json.loads((home.folder / "work" / "daily-runs" / f"{stamp(2)}.ipynb").read_text())
    assert "".join(copy["cells"][1]["outputs"][0]["data"]["text/plain"]) == "42"


@pytest.mark.parametrize(
    ("cells", "kernel", "seconds", "reason", "cell"),
    [
        (["1", "raise ValueError('no data')", "open('after', 'w')"], "python3", 120, "cell", 2),
        (["import os; os._exit(3)"], "python3", 120, "dead", 0),
        (["import time; time.sleep(60)"], "python3", 10, "late", 0),
        (["1"], "julia-1.9", 120, "kernel", 0),
    ],
)
def test_what_went_wrong_is_said_and_the_copy_is_kept(
    home: Home, cells: list[str], kernel: str, seconds: int, reason: str, cell: int
) -> None:
    home.write(*cells, kernel=kernel)
    said = home.execute(stamp(0), seconds)
    assert (said["reason"], said["cell"]) == (reason, cell)
    assert home.copies() == [f"{stamp(0)}.ipynb"]
    assert not (home.folder / "work" / "after").exists()
    if reason == "cell":
        assert said["line"] == "ValueError: no data"


def test_who_stops_it_keeps_what_was_computed(home: Home) -> None:
    home.write("print('begun')", "import time; time.sleep(100)")
    with subprocess.Popen(home.command(stamp(0)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        time.sleep(15)
        subprocess.run(
            ["docker", "stop", "-t", "20", f"labserver-test-run-{os.getpid()}"], check=True, capture_output=True
        )
        said = printed(process.communicate(timeout=60)[0])
    assert said["reason"] == "stopped"
    assert "begun" in (home.folder / "work" / "daily-runs" / f"{stamp(0)}.ipynb").read_text()


def test_what_is_not_there_is_said_and_nothing_is_made(home: Home) -> None:
    assert home.execute(stamp(0), notebook="work/other.ipynb")["reason"] == "missing"
    assert list((home.folder / "work").iterdir()) == []


def test_a_link_opens_nothing_that_its_person_may_not_read(home: Home) -> None:
    (home.folder / "work" / "daily.ipynb").symlink_to("/etc/shadow")
    home.own()
    assert home.execute(stamp(0))["reason"] == "files"
