# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes a bundle of what a connected machine has: images of its engine, packages from its sources, the collection."""

from __future__ import annotations

import glob
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .._common import files
from . import archive, collection, images, model, packages, signature
from .model import BundleError, Manifest, Part

Run = packages.Run


@dataclass(frozen=True)
class Desired:
    """What belongs into the bundle ``output``, and who signs it (None: nobody).

    ``collection`` is the archive that ``ansible-galaxy collection build`` made, ``epoch`` a time in seconds since 1970
    that the bundle gets (SOURCE_DATE_EPOCH); None: now, or that of the bundle which is there where it has the same
    content.
    """

    output: Path
    images: tuple[str, ...]
    packages: tuple[str, ...]
    collection: Path
    collection_version: str
    signing_key: Path | None = None
    epoch: int | None = None


@dataclass(frozen=True)
class World:
    """``run`` returns exit status, output and errors of a command; ``now`` is in seconds since 1970."""

    run: Run
    now: Callable[[], float]
    system: str
    architecture: str


@dataclass(frozen=True)
class Outcome:
    changed: bool
    manifest: Manifest


def converge(desired: Desired, world: World) -> Outcome:
    """Make the bundle, or find that the one that is there is the same. Raises BundleError and OSError."""
    if digests := [one for one in desired.images if "@" in one]:
        raise BundleError(f"{', '.join(digests)}: an engine cannot save an image by its digest; name a tag")
    desired.output.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{desired.output.name}."
    for left in desired.output.parent.glob(f"{glob.escape(prefix)}*"):  # by a run that was killed
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    with files.scratch(desired.output.parent, prefix) as folder, files.scratch(folder, ".work-") as work:
        saved = images.save(desired.images, folder / model.IMAGES)
        versions = packages.download(desired.packages, folder / model.PACKAGES, work, world.run)
        (folder / model.COLLECTION).mkdir()
        name = f"labserver-jupyter-{desired.collection_version}.tar.gz"
        files.create(folder / model.COLLECTION / name, collection.repacked(desired.collection.read_bytes()), 0o644)
        manifest = Manifest(
            model.stamp(int(world.now()) if desired.epoch is None else desired.epoch),
            world.system,
            world.architecture,
            desired.collection_version,
            saved,
            versions,
            parts(folder),
        )
        before = _before(desired.output)
        if before is not None and desired.epoch is None and before[0].made(manifest.created) == manifest:
            manifest = before[0]
        content = model.render(manifest)
        signed = b"" if desired.signing_key is None else signature.sign(content, desired.signing_key)
        if before is not None and before[1:] == (content, signed):
            return Outcome(False, manifest)
        with files.replacing(desired.output) as file:
            archive.write(file, manifest, signed, folder)
        return Outcome(True, manifest)


def parts(folder: Path) -> tuple[Part, ...]:
    """Return every file of the collected folders, by path."""
    found = []
    for kind in (model.COLLECTION, model.IMAGES, model.PACKAGES):
        for path in sorted((folder / kind).glob("*")):
            # The name of a file of an image is its hash, taken when it was written.
            digest = path.name if kind == model.IMAGES else archive.checksum(path).sha256
            found.append(Part(f"{kind}/{path.name}", path.stat().st_size, digest))
    return tuple(found)


def _before(output: Path) -> tuple[Manifest, bytes, bytes] | None:
    """Return manifest, its bytes and signature of the bundle that is there; None where there is no whole one."""
    try:
        archive.verify(output, lambda _content, _signature: None)
        return archive.head(output)
    except (BundleError, OSError):
        return None
