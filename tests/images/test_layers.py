# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role builds images on each other, says before what it will build, and builds again what the one below decides."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import image_builds as builds
import pytest
from long_tests import long
from role_run import run_playbook

ENTRIES = [
    {"repository": "test-above", "tag": "1", "context": "{0}/above", "base": "test-below"},
    {"repository": "test-below", "tag": "1", "context": "{0}/below"},
]
PLAY = [
    {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "roles": ["labserver.jupyter.image_build"],
    }
]
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Run the role on this machine for the two images, on the base image that the tests have made."""
    for name in ("below", "above"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text(f"ARG BASE\nFROM ${{BASE}}\nRUN echo {name} > /{name}\n")
    (tmp_path / "play.yml").write_text(json.dumps(PLAY))
    (tmp_path / "hosts").write_text("localhost\n")
    entries = json.loads(json.dumps(ENTRIES).replace("{0}", str(tmp_path)))
    variables = {
        "image_build_images": "{{ entries | labserver.jupyter.image_layers }}",
        "entries": entries,
        "image_build_base_reference": builds.base(),
        "__image_build_folder": str(tmp_path / "contexts"),
    }
    yield lambda *options: run_playbook(tmp_path / "play.yml", variables, options, tmp_path / "hosts")
    for name in ("above", "below"):
        for reference in references(name):
            builds.docker("image", "rm", "--force", reference, check=False)


def references(name: str) -> list[str]:
    return builds.docker("images", "--format", "{{.Repository}}:{{.Tag}}", f"labserver/test-{name}/1").split()


def layers_of(reference: str) -> list[str]:
    return list(json.loads(builds.docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", reference)))


def changed(output: str) -> int:
    return int(re.findall(r"changed=(\d+)", output)[-1])


@long("soak-long")
def test_images_are_built_on_each_other_and_again_when_the_one_below_changed(run: Run, tmp_path: Path) -> None:
    status, said = run("--check")
    assert (status, changed(said) > 0) == (0, True), said
    assert said.index("Would build labserver/test-below/1") < said.index("Would build labserver/test-above/1")
    assert references("below") == [], "check mode built something"

    status, said = run()
    assert status == 0, said
    (below,), (above,) = references("below"), references("above")
    assert layers_of(above)[: len(layers_of(below))] == layers_of(below)
    assert builds.docker("run", "--rm", above, "cat", "/below", "/above") == "below\nabove"

    status, said = run()
    assert (status, changed(said)) == (0, 0), said

    (tmp_path / "below/Dockerfile").write_text("ARG BASE\nFROM ${BASE}\nRUN echo anew > /below\n")
    status, said = run("--check")
    assert "Would build labserver/test-below/1" in said and "Would build labserver/test-above/1" in said
    status, said = run()
    assert status == 0, said
    (newer,) = set(references("above")) - {above}
    assert builds.docker("run", "--rm", newer, "cat", "/below", "/above") == "anew\nabove"


def test_a_dockerfile_that_does_not_build_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "below/Dockerfile").write_text("ARG BASE\nFROM ${BASE}\nRUN echo doing; cat /nowhere\n")
    status, said = run()
    assert status != 0
    for words in (
        f"The image labserver/test-below/1 does not build; its Dockerfile is in {tmp_path}/below.",
        "It stopped at Step 3/",
        "cat: /nowhere: No such file or directory",
    ):
        assert words in said, said
    assert "The image labserver/test-above/1" not in said, "it failed only because of the one below"
