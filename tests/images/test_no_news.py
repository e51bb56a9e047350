# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JupyterLab asks nobody whether it may fetch news, and fetches nothing from outside by itself."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator

import lone_server
import pytest
from lone_server import UID, Server, docker

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("docker"), reason="needs root and a Docker engine"),
]
OUTSIDE = ("pypi.org", "jupyterlab.github.io")
LISTEN = """
import pathlib, socket
listening = socket.create_server(("127.0.0.1", 443))
pathlib.Path("/tmp/listening").touch()
listening.accept()
pathlib.Path("/tmp/asked").touch()
"""
SILENCED = "@jupyterlab/apputils-extension:announcements"
CONFIGURATION = re.compile(r'<script id="jupyter-config-data" type="application/json">(.*?)</script>', re.DOTALL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("news")
    os.chown(home, UID, UID)
    for parent in (home.parent, home.parent.parent):
        parent.chmod(0o755)
    outside = [option for name in OUTSIDE for option in ("--add-host", f"{name}:127.0.0.1")]
    with lone_server.hub() as hub, Server(lone_server.image(), home, hub, *outside) as running:
        yield running


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_page_has_no_part_that_asks(server: Server) -> None:
    page = server.ask("GET", "/lab")
    page.raise_for_status()
    (found,) = CONFIGURATION.findall(page.text)
    configuration = json.loads(html.unescape(found))
    assert configuration["news"] == {"disabled": True}
    assert SILENCED in configuration["disabledExtensions"], configuration["disabledExtensions"]


def test_the_server_asks_nobody_outside(server: Server) -> None:
    """Also when a person switches the part on again, or a page of an earlier version asks."""
    docker("exec", "--detach", server.name, "python3", "-c", LISTEN)
    until(lambda: "listening" in docker("exec", server.name, "ls", "/tmp"))
    assert server.ask("GET", "/lab/api/update").json()["notification"] is None
    assert server.ask("GET", "/lab/api/news").json() == {"news": []}
    assert "asked" not in docker("exec", server.name, "ls", "/tmp").split()
    # It would have been seen.
    docker("exec", server.name, "python3", "-c", "import socket; socket.create_connection(('pypi.org', 443))")
    until(lambda: "asked" in docker("exec", server.name, "ls", "/tmp").split())


def test_the_silenced_part_is_one_that_jupyterlab_has(server: Server) -> None:
    """A name that an update changes would silence nothing."""
    code = (
        "import pathlib, sys\n"
        "pages = pathlib.Path(sys.prefix, 'share/jupyter/lab/static').glob('*.js')\n"
        f"print(any({SILENCED!r} in page.read_text(errors='replace') for page in pages))"
    )
    assert server.run(code).strip() == "True"
