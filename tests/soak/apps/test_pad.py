# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""examples/pad with the real Etherpad of npm: its image builds, and what people wrote outlives the container."""

from __future__ import annotations

import json
import typing as t
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest
from containers import App
from image_builds import docker


@pytest.fixture
def pad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    app = App("pad", tmp_path_factory.mktemp("pad"))
    app.clean()
    app.start("pad")
    yield app
    app.clean()


def ask(pad: App, call: str, **arguments: str) -> dict[str, t.Any]:
    """Call Etherpad's own interface at the address of the container."""
    arguments["apikey"] = docker("exec", pad.container("pad"), "cat", "/opt/etherpad/APIKEY.txt")
    url = f"http://{pad.address('pad')}:9001/api/1/{call}?{urllib.parse.urlencode(arguments)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return dict(json.load(answer))


def test_what_people_wrote_outlives_the_container(pad: App) -> None:
    assert ask(pad, "createPad", padID="meeting", text="who brings the cake?")["code"] == 0
    assert docker("exec", pad.container("pad"), "id", "--user", "--name") == "www-data"
    pad.remove("pad")
    pad.start("pad")
    assert ask(pad, "getText", padID="meeting")["data"]["text"] == "who brings the cake?\n"
