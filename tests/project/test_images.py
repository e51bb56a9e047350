# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images that the collection builds: where their contexts are, and what some of them have in common."""

from __future__ import annotations

from pathlib import Path

import collection  # noqa: F401
from ansible_collections.labserver.jupyter.plugins.module_utils._images.layers import CONTEXTS
from paths import ROOT

ROLES = ROOT / "roles"
IMAGES = ROLES / "images" / "files" / "images"


def test_contexts_follow_one_convention() -> None:
    """``roles/<role>/files/images/<name>/Dockerfile``; the base image is made by mmdebstrap instead."""
    found = sorted(path.relative_to(ROLES).as_posix() for path in ROLES.rglob("Dockerfile*"))
    assert found == [
        "hub/files/images/box/Dockerfile",
        "hub/files/images/hub/Dockerfile",
        "hub/files/images/proxy/Dockerfile",
        "images/files/images/desktop/Dockerfile",
        "images/files/images/notebook/Dockerfile",
        "images/files/images/octave/Dockerfile",
        "images/files/images/r/Dockerfile",
        "images/files/images/scientific-gpu/Dockerfile",
        "images/files/images/scientific/Dockerfile",
        "images/files/images/steps/Dockerfile",
        "images/files/images/teaching/Dockerfile",
        "images/files/images/vscode/Dockerfile",
        "registry/files/images/registry/Dockerfile",
        "sandbox/files/images/sandbox/Dockerfile",
    ]
    assert (ROLES / "image_build/files/images/base/build.sh").exists()


def test_the_table_of_the_images_has_every_folder() -> None:
    """A folder that is not in the table would be refused, and one that is built on nothing could not be built."""
    assert sorted(CONTEXTS) == sorted(path.parent.name for path in IMAGES.glob("*/Dockerfile"))
    assert {base for base in CONTEXTS.values() if base} <= set(CONTEXTS)


def test_images_on_another_bring_only_what_that_one_does_not_have() -> None:
    """Installing a package again would store it twice, and another version would not be the tested one."""

    def packages(context: str) -> list[str]:
        locked = IMAGES / context / "requirements.txt"
        lines = locked.read_text().split() if locked.exists() else []
        return [line.split("==")[0] for line in lines]

    def below(context: str) -> list[str]:
        base = CONTEXTS[context]
        return packages(base) + below(base) if base else []

    assert [(context, name) for context in CONTEXTS for name in packages(context) if name in below(context)] == []


def builder(dockerfile: Path) -> list[str]:
    """Return the instructions of the build stage until files of the context are copied, without comments."""
    lines = dockerfile.read_text().split("FROM ${BASE} AS build\n", 1)[1].split("\nCOPY ", 1)[0].splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_builds_of_hub_and_notebook_share_the_engines_cache() -> None:
    """Equal instructions on an equal base are run once, so the packages of the build stage are installed once."""
    assert builder(ROLES / "hub/files/images/hub/Dockerfile") == builder(IMAGES / "notebook/Dockerfile")


def test_steps_image_has_the_jupyterlab_of_the_notebook_image() -> None:
    assert (IMAGES / "steps/requirements.txt").read_bytes() == (IMAGES / "notebook/requirements.txt").read_bytes()


def test_images_with_a_jupyterlab_of_their_own_ask_nobody_for_news() -> None:
    """tests/images/test_no_news.py uses it; an image on the notebook image has it from there."""

    def quiet(context: str) -> dict[str, str]:
        folder = IMAGES / context / "quiet"
        return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.json")}

    own = [path.parent.name for path in IMAGES.glob("*/requirements.txt") if "\njupyterlab==" in path.read_text()]
    assert sorted(own) == ["notebook", "steps"]
    assert sorted(quiet("notebook")) == ["jupyter_lab_config.json", "labconfig/page_config.json"]
    for context in own:
        assert quiet(context) == quiet("notebook"), context
        assert "COPY quiet /opt/jupyter/etc/jupyter\n" in (IMAGES / context / "Dockerfile").read_text()


def test_steps_image_starts_like_the_notebook_image() -> None:
    endings = [
        [
            line
            for line in (IMAGES / name / "Dockerfile").read_text().splitlines()
            if line.startswith(("USER", "CMD", "ENV PATH"))
        ]
        for name in ("notebook", "steps")
    ]
    assert endings[0] == endings[1] and len(endings[0]) == 3


def test_no_image_has_what_a_start_waits_for() -> None:
    """``requirements.in`` says what each of these costs; locking anew brings them back."""
    unwanted = {"aiodns", "pycares", "rfc3987-syntax", "lark"}
    for path in sorted(IMAGES.glob("*/requirements*.txt")):
        names = {line.partition("==")[0] for line in path.read_text().splitlines()}
        assert not names & unwanted, path
