# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the images of the collection on the engine of this machine, each once and on the one it is made for."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ansible_collections.labserver.jupyter.plugins.filter.context_hash import context_hash
from ansible_collections.labserver.jupyter.plugins.module_utils._images import layers
from paths import ROOT

IMAGES = ROOT / "roles/images/files/images"
BASE = ROOT / "roles/image_build/files/images/base"
SUITE = "trixie"
PREFIX = "labserver-test"


def docker(*arguments: str | Path, check: bool = True, text: str | None = None, stderr: bool = False) -> str:
    """Run ``docker``; returns its output, with ``stderr`` its errors too. Raises AssertionError with both."""
    done = subprocess.run(
        ["docker", *map(str, arguments)], capture_output=True, text=True, check=False, input=text, errors="replace"
    )
    assert done.returncode == 0 or not check, (done.stdout + done.stderr)[-3000:]
    return (done.stdout + (done.stderr if stderr else "")).strip()


def there(reference: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", reference], capture_output=True, check=False).returncode == 0


def base() -> str:
    """Return the lab's base image, made from this machine's package sources unless it is here."""
    reference = f"{PREFIX}/base:{context_hash(str(BASE), extra=SUITE)}"
    if not there(reference):
        done = subprocess.run([BASE / "build.sh", SUITE, reference], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return reference


def build(folder: Path, below: str, name: str) -> str:
    """Return the image of a folder with a Dockerfile on the image ``below``."""
    reference = f"{PREFIX}/{name}:{context_hash(str(folder), extra=below)}"
    if not there(reference):
        bases = ("--build-arg", f"BASE={below}", "--build-arg", f"PLAIN_BASE={base()}")
        docker("build", "--quiet", *bases, "--tag", reference, folder)
    return reference


def image(context: str, on: str = "") -> str:
    """Return an image of the collection, with those that it is built on; ``on`` is another image to build it on."""
    below = on or layers.CONTEXTS[context]
    return build(IMAGES / context, image(below) if below else base(), context)


def proxy() -> str:
    """Return the image of the hub's proxy."""
    return build(ROOT / "roles/hub/files/images/proxy", base(), "proxy")
