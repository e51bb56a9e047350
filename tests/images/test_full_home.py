# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A home that is full: its owner gets in, deletes, and loses nothing (real file systems, real image)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lone_server
import pytest
from lone_server import UID, Server
from long_tests import long

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("docker"), reason="needs root and a Docker engine"),
]


@pytest.fixture(scope="module")
def image() -> str:
    return lone_server.image()


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    with lone_server.hub() as address:
        yield address


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


class Home:
    """A home on a small file system of its own."""

    def __init__(self, folder: Path, kind: str):
        self.path = folder / "home"
        self.path.mkdir()
        disk = folder / "disk"
        with disk.open("wb") as file:
            file.truncate((16 << 20) if kind == "ext4" else (160 << 20))
        if kind == "ext4":
            run("mkfs.ext4", "-q", "-m", "0", str(disk))
            run("mount", "-o", "loop", str(disk), str(self.path))
            return
        run("mkfs.btrfs", "-q", "--mixed", str(disk))
        run("mount", "-o", "loop", str(disk), str(self.path))
        run("btrfs", "quota", "enable", str(self.path))
        run("btrfs", "subvolume", "create", str(self.path / "alice"))
        run("btrfs", "qgroup", "limit", "8M", str(self.path / "alice"))
        self.mounted, self.path = self.path, self.path / "alice"

    def own(self) -> None:
        """Give the home and all in it to the person."""
        run("chown", "-R", f"{UID}:{UID}", str(self.path))

    def fill(self) -> None:
        """Let the person write until there is no room for a byte more."""
        self.own()
        for size in (1 << 16, 1 << 12, 1):
            code = f"f = open('ballast', 'ab', buffering=0)\nwhile True: f.write(b'x' * {size})"
            done = subprocess.run(["/usr/bin/python3", "-c", code], user=UID, group=UID, cwd=self.path, text=True,
                                  capture_output=True, check=False)  # fmt: skip
            assert "No space left" in done.stderr or "quota exceeded" in done.stderr, done.stderr
            run("sync")

    def unmount(self) -> None:
        run("umount", str(getattr(self, "mounted", self.path)))


@pytest.fixture(params=["ext4", pytest.param("btrfs", marks=long("soak-long"))])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    """ENOSPC by ext4; EDQUOT by a quota of btrfs, which every kernel has that has btrfs."""
    kind = request.param
    if not shutil.which(f"mkfs.{kind}") or kind not in Path("/proc/filesystems").read_text().split():
        pytest.skip(f"needs {kind} (mkfs.{kind} and the kernel's own)")
    tmp_path.chmod(0o755)
    found = Home(tmp_path, kind)
    try:
        yield found
    finally:
        found.unmount()


def notebook(output: str) -> dict[str, Any]:
    cell = {"cell_type": "code", "id": "one", "execution_count": 1, "metadata": {}, "source": "print()",
            "outputs": [{"output_type": "stream", "name": "stdout", "text": output}]}  # fmt: skip
    return {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def saving(content: object, kind: str = "notebook") -> dict[str, Any]:
    return {"type": kind, "format": "json" if kind == "notebook" else "text", "content": content}


def test_a_full_home_lets_its_owner_in_three_times(home: Home, image: str, hub: str) -> None:
    for start in range(3):
        home.fill()
        with Server(image, home.path, hub) as server:
            listed = server.ask("GET", "/api/contents").json()["content"]
            assert "ballast" in {one["name"] for one in listed}, start
            assert server.run("print(6 * 7)") == "42\n", start
            if start == 2:
                assert server.ask("DELETE", "/api/contents/ballast").status_code == 204
                run("sync")
                assert server.ask("PUT", "/api/contents/new.ipynb", saving(notebook("saved"))).status_code == 201
                assert "saved" in server.ask("GET", "/api/contents/new.ipynb").text


def test_a_home_that_fills_after_its_first_use_lets_its_owner_in(home: Home, image: str, hub: str) -> None:
    """The second start looks for what an old IPython left (jupyter_core.migrate), since a kernel has run."""
    home.own()
    with Server(image, home.path, hub) as server:
        assert server.run("print(6 * 7)") == "42\n"
        assert server.ask("PUT", "/api/contents/mine.ipynb", saving(notebook("mine"))).status_code == 201
    for _start in range(2):
        home.fill()
        with Server(image, home.path, hub) as server:
            assert server.run("print(6 * 7)") == "42\n"
            assert "mine" in server.ask("GET", "/api/contents/mine.ipynb").text


def test_a_save_that_fails_takes_nothing_and_says_so(home: Home, image: str, hub: str) -> None:
    home.own()
    small, large = notebook("x" * 5_000), notebook("y" * 300_000)
    with Server(image, home.path, hub) as server:
        for name in ("small", "large"):
            body = saving(small if name == "small" else large)
            assert server.ask("PUT", f"/api/contents/{name}.ipynb", body).status_code == 201
        assert server.ask("PUT", "/api/contents/text.txt", saving("z" * 3_000, "file")).status_code == 201
        names = ("small.ipynb", "large.ipynb", "text.txt")
        checkpoint = home.path / ".ipynb_checkpoints/large-checkpoint.ipynb"
        files = [*(home.path / name for name in names), checkpoint]
        before = {path: (path.read_bytes(), path.stat().st_ino) for path in files}
        (home.path / "spare").write_bytes(os.urandom(400 << 10))
        home.fill()
        (home.path / "spare").unlink()  # room for a copy of what is there, but not for what is to be written
        run("sync")
        bodies = [saving(notebook("Y" * 5_000_000)), saving(notebook("Y" * 5_000_000)), saving("Z" * 5_000_000, "file")]
        for name, body in zip(names, bodies, strict=True):
            answer = server.ask("PUT", f"/api/contents/{name}", body)
            assert answer.status_code == 507, answer.text
            assert f"full: {name} was not saved; what was saved before is still there." in answer.json()["message"]
        home.fill()
        for name in names:  # not even room for a copy
            answer = server.ask("PUT", f"/api/contents/{name}", saving(notebook("W" * 400_000)))
            assert answer.status_code == 507, answer.text
        server.ask("POST", "/api/contents/large.ipynb/checkpoints")
        assert {path: (path.read_bytes(), path.stat().st_ino) for path in files} == before
        assert not list(home.path.glob(".~*"))
        assert json.loads(server.ask("GET", "/api/contents/large.ipynb").text)["content"]["cells"]
        new = server.ask("PUT", "/api/contents/new.ipynb", saving(notebook("N" * 400_000)))
        assert new.status_code == 507 and not (home.path / "new.ipynb").exists(), new.text
