# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images out of an engine and into one, as `docker save` and `docker load` exchange them.

In a bundle each configuration and each layer is a file named by its SHA-256, whatever form the engine saves in: equal
images give equal files, and a layer that several images have lies there once.
"""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from .._common import files, process
from .._common.docker_api import DockerEngine, EngineError
from .model import IMAGES, BundleError, Image

BLOCK = 1 << 20
LOAD_SECONDS = 1800.0


def save(references: Sequence[str], folder: Path) -> tuple[Image, ...]:
    """Save images of this host's engine below ``folder`` and return them by name; raises BundleError."""
    if not references:
        return ()
    folder.mkdir()
    with process.started(["docker", "save", *references], stdout=process.PIPE) as command:
        if command.stdout is None:
            raise BundleError("docker save has no output")
        try:
            images = sort_out(command.stdout, folder)
        except tarfile.TarError as error:
            raise BundleError(f"docker save ended early ({error}); its own words are above") from None
        if command.wait(LOAD_SECONDS) != 0:
            raise BundleError(f"docker save failed for {', '.join(references)}; its own words are above")
    there = {image.reference for image in images}
    if missing := sorted(set(references) - there):
        raise BundleError(f"docker save left out {', '.join(missing)}; name each image with its tag")
    return images


def sort_out(stream: IO[bytes], folder: Path) -> tuple[Image, ...]:
    """Write what `docker save` says below ``folder``, each file under its SHA-256, and return the images by name."""
    hashes: dict[str, str] = {}
    links: dict[str, str] = {}
    contents: list[dict[str, object]] = []
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            # Older engines save a layer of several images as a link to the first.
            if member.issym() or member.islnk():
                base = posixpath.dirname(member.name) if member.issym() else ""
                links[member.name] = posixpath.normpath(posixpath.join(base, member.linkname))
                continue
            file = archive.extractfile(member) if member.isreg() else None
            if file is None:
                continue
            if member.name == "manifest.json":
                contents = json.loads(file.read())
            else:
                hashes[member.name] = _kept(file, folder)

    def name(path: object) -> str:
        return hashes[links.get(str(path), str(path))]

    images: list[Image] = []
    for content in contents:
        layers = content["Layers"]
        tags = content.get("RepoTags") or []
        if not isinstance(layers, list) or not isinstance(tags, list):
            raise BundleError("docker save wrote a manifest of another form; update the collection")
        found = tuple(name(layer) for layer in layers)
        images += [Image(str(tag), name(content["Config"]), found) for tag in tags]
    wanted = {one for image in images for one in (image.config, *image.layers)}
    for path in folder.iterdir():
        if path.name not in wanted:
            path.unlink()
    return tuple(sorted(images, key=lambda image: image.reference))


def _kept(file: IO[bytes], folder: Path) -> str:
    """Write a file under its SHA-256 and return that."""
    digest = hashlib.sha256()
    incoming = folder / ".incoming"
    with files.creating(incoming, 0o644) as target:
        while block := file.read(BLOCK):
            digest.update(block)
            target.write(block)
    incoming.replace(folder / digest.hexdigest())
    return digest.hexdigest()


def present(engine: DockerEngine, references: Sequence[str]) -> Mapping[str, str]:
    """Return those of the images that the engine has, and their ids; raises EngineError."""
    found = {}
    for reference in references:
        try:
            found[reference] = str(engine.get(f"/images/{reference}/json")["Id"])
        except EngineError as error:
            if error.status != 404:
                raise
    return found


def compare(images: Sequence[Image], there: Mapping[str, str]) -> tuple[Image, ...]:
    """Return the images that the engine lacks, or has another one under the name of."""
    return tuple(image for image in images if there.get(image.reference) != image.id)


def load(images: Sequence[Image], bundle: Path) -> None:
    """Load images of an unpacked bundle into this host's engine; raises BundleError."""
    if not images:
        return
    with process.started(
        ["docker", "load", "--quiet"], stdin=process.PIPE, stdout=process.PIPE, merged=True
    ) as command:
        if command.stdin is None or command.stdout is None:
            raise BundleError("docker load has no input")
        broken = ""
        try:
            write(command.stdin, images, bundle / IMAGES)
            command.stdin.close()
        except BrokenPipeError:
            broken = "it stopped reading"
        said = command.stdout.read().decode(errors="replace").strip()
        if command.wait(LOAD_SECONDS) != 0 or broken:
            raise BundleError(f"docker load failed: {said or broken}; the images that it had loaded stay")


def write(stream: IO[bytes], images: Sequence[Image], folder: Path) -> None:
    """Write images as `docker load` reads them."""
    contents = [
        {"Config": image.config, "RepoTags": [image.reference], "Layers": list(image.layers)} for image in images
    ]
    manifest = json.dumps(contents).encode()
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        for name in sorted({one for image in images for one in (image.config, *image.layers)}):
            archive.add(folder / name, name)
        member = tarfile.TarInfo("manifest.json")
        member.size = len(manifest)
        archive.addfile(member, io.BytesIO(manifest))
