# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a registry's store straight to the disk: 20,000 pushes over HTTP would take longer than all measurements."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "registry"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))
import images

HOUR = 3600.0
NEWEST = 1767225600.0  # 2026-01-01


class StoreWriter:
    """Puts things where distribution 2.8 and 3.x look for them."""

    def __init__(self, root: Path) -> None:
        self.base = root / "docker/registry/v2"
        self.seen: set[str] = set()

    def blob(self, body: bytes) -> str:
        digest = images.sha256(body)
        if digest not in self.seen:
            self.seen.add(digest)
            value = digest.removeprefix("sha256:")
            self.write(self.base / "blobs/sha256" / value[:2] / value / "data", body)
        return digest

    def write(self, path: Path, body: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def push(self, repository: str, thing: images.Thing, tag: str, time: float) -> None:
        folder = self.base / "repositories" / repository
        for blob in thing.blobs:
            digest = self.blob(blob)
            self.write(folder / "_layers/sha256" / digest[7:] / "link", digest.encode())
        digest = self.blob(thing.body)
        self.write(folder / "_manifests/revisions/sha256" / digest[7:] / "link", digest.encode())
        current = folder / "_manifests/tags" / tag / "current/link"
        self.write(current, digest.encode())
        self.write(folder / "_manifests/tags" / tag / "index/sha256" / digest[7:] / "link", digest.encode())
        os.utime(current, (time, time))


def fill(root: Path, repository: str, tags: int) -> None:
    """One repository: 93 % builds, and nightly and stable tags on images of old builds."""
    writer = StoreWriter(root)
    builds = max(tags * 93 // 100, 1)
    nightly = tags * 6 // 100
    made = []
    for number in range(builds):
        time = NEWEST - (builds - number) * HOUR
        layers = ("base", "python", f"app {repository} {number}")
        made.append(images.image(f"{repository} {number}", created=images.iso(time), layers=layers, docker=True))
        writer.push(repository, made[-1], f"b{number}", time)
    for number in range(tags - builds):
        kind = "nightly" if number < nightly else "stable"
        old = made[(number * 7) % max(builds // 2, 1)]
        writer.push(repository, old, f"{kind}-{number}", NEWEST - (builds - (number * 7) % max(builds // 2, 1)) * HOUR)
