# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that run and images that do not, on a real engine: what whoever pushes them is told."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import image_builds as builds
import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import DockerEngine
from ansible_collections.labserver.jupyter.plugins.module_utils._images import fitness
from paths import ROOT

Make = Callable[[str, str], str]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Build an image on another by a few instructions; it is removed afterwards."""
    made = []

    def one(below: str, instructions: str) -> str:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        (folder / "Dockerfile").write_text(f"ARG BASE\nFROM ${{BASE}}\n{instructions}\n")
        made.append(builds.build(folder, below, "unfit"))
        return made[-1]

    yield one
    for reference in made:
        builds.docker("image", "rm", "--force", reference, check=False)


def judged(reference: str) -> fitness.Fitness:
    return fitness.try_out(DockerEngine(), reference)


def test_the_images_of_the_collection_run(notebook_image: str, scientific: str) -> None:
    assert judged(notebook_image) == fitness.Fitness()
    assert judged(scientific) == fitness.Fitness()


def test_an_image_without_a_server(make: Make) -> None:
    assert judged(make(builds.base(), "")).problem.startswith(
        "it has no jupyterhub-singleuser; build it on an image of"
    )


def test_an_entry_point_that_wants_to_be_root(make: Make, notebook_image: str) -> None:
    entry = r'ENTRYPOINT ["sh", "-ec", "chown 0 /home; exec \"$@\"", "--"]'
    assert judged(make(notebook_image, entry)).problem.startswith(
        "it wants rights that a person's server does not have"
    )


def test_files_that_only_root_may_read(make: Make, notebook_image: str) -> None:
    image = make(notebook_image, "USER root\nRUN chmod 700 /opt/jupyter")
    assert judged(image).problem.startswith("it wants rights that a person's server does not have")


def test_an_entry_point_that_swallows_the_command(make: Make, notebook_image: str) -> None:
    assert "let it end with: exec" in judged(make(notebook_image, 'ENTRYPOINT ["/bin/true"]')).problem


def test_an_image_for_another_processor(tmp_path: Path) -> None:
    archive = tmp_path / "other.tar"
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w"):
        pass
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    config = {
        "architecture": "s390x", "os": "linux", "config": {"Cmd": ["x"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }  # fmt: skip
    name = "labserver-test/other:1"
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    parts = {"config.json": json.dumps(config).encode(), "layer.tar": layer.getvalue()}
    parts["manifest.json"] = json.dumps(manifest).encode()
    with tarfile.open(archive, "w") as file:
        for place, content in parts.items():
            entry = tarfile.TarInfo(place)
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    builds.docker("load", "--input", archive)
    try:
        assert judged(name).problem.startswith("it is made for s390x processors and this server has ")
    finally:
        builds.docker("image", "rm", "--force", name)


def test_the_template_of_an_own_image_builds_and_runs(tmp_path: Path, scientific: str) -> None:
    """`make new-image`, the few lines of the example, on the scientific image."""
    command = [ROOT / "tools/new-image.sh", "leem/analysis", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert '{repository: leem/analysis, tag: "1"' in done.stdout
    image = builds.build(tmp_path / "images/leem/analysis", scientific, "own")
    try:
        assert judged(image) == fitness.Fitness()
        run = ["run", "--rm", "--user", "20001:20001", "--cap-drop", "ALL", image]
        assert builds.docker(*run, "python3", "-c", "import lmfit; print(lmfit.__name__)") == "lmfit"
    finally:
        builds.docker("image", "rm", "--force", image)
