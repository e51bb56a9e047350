# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bundle on a host: judged against what is there, unpacked beside the one before, put in its place in one step."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._common import files
from . import archive, model, packages
from .model import BundleError, Manifest

MIB = 1 << 20
SPARE_BYTES = 256 * MIB
"""What has to stay free besides."""


@dataclass(frozen=True)
class Desired:
    """The bundle's manifest, and what the inventory asks of it.

    ``images`` are the names of the images that the roles build or pull; ``held`` are those that the engine has already.
    """

    content: bytes
    images: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    accept_older: bool = False

    @property
    def manifest(self) -> Manifest:
        return model.read(self.content)

    @property
    def name(self) -> str:
        """The name of its folder."""
        return hashlib.sha256(self.content).hexdigest()[:16]


@dataclass(frozen=True)
class Current:
    """The host. ``system`` as in the manifest, ``content`` the manifest of the bundle that is installed.

    ``free`` maps each file system that will be written to the bytes that are free there and those that are needed.
    """

    system: str
    architecture: str
    content: bytes | None
    free: Mapping[str, tuple[int, int]]


def missing(desired: Desired) -> list[str]:
    """Return what the inventory asks for and neither the bundle nor the engine has, as one sentence or none."""
    manifest = desired.manifest
    lacking = sorted(set(desired.images) - {image.reference for image in manifest.images} - set(desired.held))
    return [
        f"the bundle lacks {', '.join(lacking)}, which the inventory asks for; make it from this inventory with this "
        f"version of the collection (the bundle was made with {manifest.collection}, and has it)"
    ] * bool(lacking)


def compare(desired: Desired, current: Current) -> list[str]:
    """Return every reason why the bundle cannot be installed on this host, one sentence each."""
    manifest = desired.manifest
    found = []
    if manifest.system != current.system:
        found.append(
            f"the bundle is made for {manifest.system} and this host has {current.system}; make one on a machine with "
            f"{current.system}"
        )
    if manifest.architecture != current.architecture:
        found.append(
            f"the bundle is made for {manifest.architecture} processors and this host has {current.architecture}; make "
            "one on a machine of the same kind"
        )
    if current.content is not None and not desired.accept_older:
        try:
            before = model.read(current.content).created
        except BundleError:
            before = ""  # of a release that wrote another version; it is replaced
        if manifest.created < before:
            found.append(
                f"the bundle was made at {manifest.created} and the one that is installed at {before}; use a newer "
                "one, or go back with bundle_accept_older: true"
            )
    found += missing(desired)
    found += [
        f"{place} has {free // MIB} MiB free and the bundle needs {(need + SPARE_BYTES) // MIB + 1} MiB; make room"
        for place, (free, need) in sorted(current.free.items())
        if free < need + SPARE_BYTES
    ]
    return found


def needs(manifest: Manifest, installed: Path | None) -> tuple[int, int]:
    """Return the bytes that unpacking writes, and those that the engine then writes for images, at most."""
    new = [part for part in manifest.parts if installed is None or not _there(installed / part.path, part.size)]
    return sum(part.size for part in new), sum(part.size for part in new if part.path.startswith(f"{model.IMAGES}/"))


def free(written: Sequence[tuple[Path, int]]) -> Mapping[str, tuple[int, int]]:
    """Return for each file system, under the first path on it, its free bytes and how many will be written."""
    places: dict[int, tuple[Path, int]] = {}
    for path, size in written:
        there = next(_existing(path))
        first, sum_ = places.get(there.stat().st_dev, (there, 0))
        places[there.stat().st_dev] = (first, sum_ + size)
    return {str(path): (shutil.disk_usage(path).free, need) for path, need in places.values()}


def installed(current: Path) -> bytes | None:
    """Return the manifest of the bundle that is installed; None where there is none."""
    try:
        return (current / model.MANIFEST).read_bytes()
    except FileNotFoundError:
        return None


def apply(desired: Desired, bundle: Path, current: Path) -> None:
    """Unpack the bundle, put it in the place of the one before, and forget that one. Raises BundleError.

    ``current`` is a symbolic link to the folder of the bundle that is installed, replaced when the new one is whole.
    """
    before = current.resolve() if current.is_dir() else None
    folder = current.parent / desired.name
    coming = current.parent / f"{desired.name}.new"
    current.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    for left in (coming, folder):  # by a run that was cut off
        if left != before:
            shutil.rmtree(left, ignore_errors=True)
    archive.unpack(bundle, desired.manifest, coming, before)
    for name, text in packages.settings(str(current)).items():
        files.create(coming / name, text.encode(), 0o644)
    (coming / "lists" / "partial").mkdir(parents=True)
    files.create(coming / model.MANIFEST, desired.content, 0o644)
    coming.rename(folder)
    link = current.with_name(f"{current.name}.new")
    link.unlink(missing_ok=True)
    link.symlink_to(desired.name)
    link.replace(current)
    files.sync_folder(current.parent)
    for other in current.parent.iterdir():
        if other not in (folder, current):
            shutil.rmtree(other, ignore_errors=True)


def _there(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _existing(path: Path) -> Iterator[Path]:
    return (one for one in (path, *path.parents) if one.exists())
