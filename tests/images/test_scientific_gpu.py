# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of the image for graphics cards: every package is there for the image's Python, and all fit each other.

The image itself is several gigabytes and is not built here; nor is there a card on which it could run.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from long_tests import long
from paths import ROOT

IMAGES = ROOT / "roles/images/files/images"
LAYERS = [IMAGES / name / "requirements.txt" for name in ("notebook", "scientific", "scientific-gpu")]
LEFT_OUT = {"aiodns", "pycares", "rfc3987-syntax", "lark"}
"""What the images below leave out knowingly (their requirements.in say why), so that a resolver adds it again."""


def pins(text: str) -> dict[str, str]:
    """Return the pinned packages of a requirements file by their normal name."""
    found = (re.match(r"([A-Za-z0-9._-]+)==(\S+)", line) for line in text.splitlines())
    return {re.sub(r"[-_.]+", "-", match.group(1)).lower(): match.group(2) for match in found if match}


@long("soak-long")
def test_the_lock_resolves_with_the_images_below() -> None:
    command = [
        Path(sys.executable).with_name("uv"), "pip", "compile", "--quiet", "--no-header", "--no-annotate",
        "--only-binary", ":all:", "--python-version", "3.13", "--python-platform", "x86_64-manylinux_2_40", *LAYERS,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    resolved, below = pins(done.stdout), pins(LAYERS[0].read_text()) | pins(LAYERS[1].read_text())
    ours = pins(LAYERS[2].read_text())
    assert not ours.keys() & below.keys(), "what the images below have is not installed again"
    assert {name: resolved.get(name) for name in ours} == ours
    needed = subprocess.run(
        command[:-1], capture_output=True, text=True, check=True
    )  # what those below need by themselves
    assert resolved.keys() - ours.keys() - below.keys() - pins(needed.stdout).keys() - LEFT_OUT == set()


def test_the_user_side_of_cuda_is_one_release() -> None:
    """cuda-toolkit pins what belongs together; the driver needs to be as new as its major version asks."""
    ours = pins(LAYERS[2].read_text())
    assert ours["cuda-toolkit"].startswith("13.")
    assert {ours[f"nvidia-cuda-{part}"].rsplit(".", 1)[0] for part in ("runtime", "nvrtc", "cupti")} == {"13.2"}
    assert not [name for name in ours if name.endswith("-cu12")]
