# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of the collection, built once, and a lab around them; `make soak-images` runs these tests.

SOAK_IMAGES="r octave" in the environment leaves the tests of other images out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_package import make_importable
from paths import ROOT

make_importable()
sys.path += [str(ROOT / "tests" / folder) for folder in ("hub", "hub_process", "images")] + [str(ROOT / "plugins")]

import collection  # noqa: E402, F401 - needs the paths above, and image_builds needs it
import image_builds  # noqa: E402 - the same
from stack import Stack  # noqa: E402 - the same

TESTED = ("r", "octave", "desktop", "vscode", "teaching")


@pytest.fixture(scope="session")
def wanted() -> list[str]:
    return os.environ.get("SOAK_IMAGES", " ".join(TESTED)).split()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, wanted: list[str]) -> Iterator[Stack]:
    """The lab with all images."""
    folder = Path(tmp_path_factory.mktemp("lab"))
    folder.chmod(0o755)
    lab = Stack(folder, {name: image_builds.image(name) for name in wanted}, image_builds.proxy())
    try:
        lab.begin()
        yield lab
    finally:
        lab.close()


@pytest.fixture(autouse=True)
def _of_this_image(request: pytest.FixtureRequest, wanted: list[str]) -> None:
    marker = request.node.get_closest_marker("image")
    if marker is not None and marker.args[0] not in wanted:
        pytest.skip(f"the image {marker.args[0]} is not among SOAK_IMAGES")
