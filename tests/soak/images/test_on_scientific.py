# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of the collection on the scientific image instead of the small one: ``base: scientific`` in the inventory."""

from __future__ import annotations

import json
from pathlib import Path

import image_builds
import pytest
from running import Server

# What each answers, and at which path.
ANSWERS = {"teaching": ("/assignments?course_id=none", b"success"), "vscode": ("/vscode/", b"vscode")}


@pytest.mark.parametrize("name", [pytest.param(one, marks=pytest.mark.image(one)) for one in ANSWERS])
def test_an_image_on_the_scientific_one(name: str, tmp_path: Path) -> None:
    with Server(image_builds.image(name, on="scientific"), f"on-{name}", tmp_path / "home") as server:
        assert server.run("python3 -c 'import numpy; print(numpy.arange(4).sum())'") == "6"
        path, words = ANSWERS[name]
        assert words in server.ask(path)[1]
        settings = json.loads(server.run("cat /opt/jupyter/etc/jupyter/jupyter_server_config.json"))
        assert settings["ServerApp"]["contents_manager_class"] == "labserver_notebook.contents.Contents"
