# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image with STEPS is the notebook image with something on top: the same JupyterLab, the same user."""

from __future__ import annotations

from paths import ROOT

IMAGES = ROOT / "roles" / "images" / "files"


def test_same_jupyterlab_as_the_notebook_image() -> None:
    assert (IMAGES / "steps/requirements.txt").read_bytes() == (IMAGES / "notebook/requirements.txt").read_bytes()


def test_same_way_to_start() -> None:
    endings = [
        [
            line
            for line in (IMAGES / name / "Dockerfile").read_text().splitlines()
            if line.startswith(("USER", "CMD", "ENV PATH"))
        ]
        for name in ("notebook", "steps")
    ]
    assert endings[0] == endings[1] and len(endings[0]) == 3
