# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host or an image is made of: read from the files that dpkg, pip and npm leave. Nothing in an image is run."""

from __future__ import annotations

import email.parser
import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .._common import words

DPKG = "var/lib/dpkg/status"
RELEASE = ("etc/os-release", "usr/lib/os-release")
DISTRIBUTION = re.compile(r"(?:^|/)[^/]+\.(?:dist-info/METADATA|egg-info/PKG-INFO)$")
NPM = re.compile(r"(?:^|/)node_modules/(?:@[^/]+/)?[^/@][^/]*/package\.json$")
MOST_BYTES = 64 * 1024 * 1024
"""No such file is larger; dpkg's own has about 1 KiB a package."""
# Where packages lie on a host. People's homes are theirs.
HOST = ("usr/lib/python3", "usr/lib/python3*", "usr/local/lib", "usr/lib/node_modules", "usr/share/nodejs", "opt")


@dataclass(frozen=True, order=True)
class Package:
    """A package that is installed. ``kind`` is ``deb``, ``pypi`` or ``npm``; ``source``: its source in Debian."""

    kind: str
    name: str
    version: str
    source: str = ""
    architecture: str = ""


@dataclass(frozen=True)
class Contents:
    """All packages, in order and once, and the distribution as ``debian`` and ``13``."""

    packages: tuple[Package, ...] = ()
    system: str = ""
    release: str = ""


def wanted(path: str) -> bool:
    """Whether a file, named from the root without a slash, tells of packages."""
    return path == DPKG or path in RELEASE or bool(DISTRIBUTION.search(path) or NPM.search(path))


def collect(files: Iterable[tuple[str, bytes]]) -> Contents:
    """Return what files tell that are ``wanted``; those that are damaged tell nothing."""
    found: set[Package] = set()
    release: dict[str, str] = {}
    for path, content in files:
        text = content.decode("utf-8", "replace")
        if path == DPKG:
            found.update(_dpkg(text))
        elif path in RELEASE:
            release = {**dict(re.findall(r"^(\w+)=[\"']?([^\"'\n]*)", text, re.MULTILINE)), **release}
        elif DISTRIBUTION.search(path):
            headers = email.parser.HeaderParser().parsestr(text)
            found.update(_package("pypi", _normal(str(headers["Name"] or "")), str(headers["Version"] or "")))
        else:
            found.update(_npm(text))
    return Contents(tuple(sorted(found)), release.get("ID", ""), release.get("VERSION_ID", ""))


def from_archive(stream: IO[bytes]) -> Contents:
    """Return what the files of a container tell, from a tar archive that is read once. Raises tarfile.TarError."""

    def files() -> Iterator[tuple[str, bytes]]:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                path = member.name.removeprefix("./").lstrip("/")
                if member.isfile() and member.size <= MOST_BYTES and wanted(path):
                    opened = archive.extractfile(member)
                    if opened is not None:
                        yield path, opened.read()

    return collect(files())


def from_root(root: Path) -> Contents:
    """Return what the files of a host tell."""

    def files() -> Iterator[tuple[str, bytes]]:
        for name in (DPKG, *RELEASE):
            if (root / name).is_file():
                yield name, (root / name).read_bytes()
        for folder in sorted({path for pattern in HOST for path in root.glob(pattern) if path.is_dir()}):
            for pattern in ("*-info/METADATA", "*-info/PKG-INFO", "package.json"):
                for path in sorted(folder.rglob(pattern)):
                    name = path.relative_to(root).as_posix()
                    if wanted(name) and path.is_file() and path.stat().st_size <= MOST_BYTES:
                        yield name, path.read_bytes()

    return collect(files())


def _dpkg(text: str) -> Iterator[Package]:
    for block in text.split("\n\n"):
        lines = (line.partition(": ") for line in block.splitlines() if line[:1] not in (" ", "\t"))
        fields = {name: value for name, colon, value in lines if colon}
        if fields.get("Status", "").endswith(" installed"):
            source = fields.get("Source", "").partition(" ")[0] or fields.get("Package", "")
            architecture = fields.get("Architecture", "")
            yield from _package("deb", fields.get("Package", ""), fields.get("Version", ""), source, architecture)


def _npm(text: str) -> Iterator[Package]:
    try:
        found = json.loads(text)
        name, version = found["name"], found["version"]
    except (ValueError, KeyError, TypeError):
        return  # a folder within a package has such a file too, without a name
    if isinstance(name, str) and isinstance(version, str):
        yield from _package("npm", name, version)


def _package(kind: str, name: str, version: str, *more: str) -> Iterator[Package]:
    if name and version:
        yield Package(kind, words.clean(name, 214), words.clean(version, 100), *(words.clean(one, 100) for one in more))


def _normal(name: str) -> str:
    """The name of a Python package as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
