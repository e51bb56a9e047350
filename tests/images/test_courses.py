# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The material of a course arrives by a link, and what people wrote into it stays."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_builds import docker
from running import Server


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Teacher", "-c", "user.email=teacher@example.org"]
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A course's repository and its address, as servers reach this machine."""
    folder = tmp_path / "course"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "sheet.md").write_text("one\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=First sheet")
    gateway = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    with socket.socket() as free:
        free.bind((gateway, 0))
        port = free.getsockname()[1]
    daemon = subprocess.Popen(
        ["git", "daemon", "--reuseaddr", f"--listen={gateway}", f"--port={port}", "--export-all",
         f"--base-path={tmp_path}", tmp_path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while socket.socket().connect_ex((gateway, port)):
            assert time.monotonic() < deadline, "git daemon does not answer"
            time.sleep(0.1)
        yield folder, f"git://{gateway}:{port}/course"
    finally:
        daemon.terminate()
        daemon.wait()


def pull(server: Server, address: str) -> None:
    """Open the link as a browser does: the page, and then what its script asks for, until it says that it is done."""
    wanted = {"repo": address, "branch": "main", "urlpath": "lab/tree/course/sheet.md"}
    _headers, page = server.ask(f"/git-pull?{urllib.parse.urlencode(wanted)}")
    assert b"nbgitpuller" in page
    asked = {"repo": address, "branch": "main", "targetpath": "course"}
    _headers, events = server.ask(f"/git-pull/api?{urllib.parse.urlencode(asked)}")
    lines = [json.loads(line[5:]) for line in events.decode().splitlines() if line.startswith("data:")]
    assert lines[-1]["phase"] == "finished", lines


def test_a_link_brings_a_course_and_its_changes(server: Server, repository: tuple[Path, str]) -> None:
    folder, address = repository
    pull(server, address)
    sheet = server.home / "course/sheet.md"
    assert sheet.read_text() == "one\n"
    server.run("echo mine > course/answer.md")
    (folder / "second.md").write_text("two\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=Second sheet")
    pull(server, address)
    assert (server.home / "course/second.md").read_text() == "two\n"
    assert (server.home / "course/answer.md").read_text() == "mine\n"
