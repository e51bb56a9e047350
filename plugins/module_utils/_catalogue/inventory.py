# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver inventory``: what this host and its images are made of, and which known holes that has."""

from __future__ import annotations

import argparse
import os
import re
import sys
import tarfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common import files
from .._common.docker_api import SOCKET, DockerEngine, EngineError
from . import bom, contents, osv

DATABASE = Path("/etc/labserver/osv")
"""Where files of osv.dev are looked for, when there is this folder."""
SHOWN = 40
KINDS = (("deb", "of the distribution"), ("pypi", "of Python"), ("npm", "of npm"))


@dataclass(frozen=True)
class Subject:
    """A host or an image, and what is in it. ``version``: the release of a host, the id of an image."""

    name: str
    version: str
    contents: contents.Contents


def of_image(engine: DockerEngine, reference: str) -> Subject:
    """Read an image that the engine has. A container is made of it and never started. Raises EngineError."""
    identity = engine.get(f"/images/{reference}/json")["Id"]
    made = engine.request("POST", "/containers/create", {"Image": identity, "Cmd": ["/inventory"]})["Id"]
    try:
        with engine.opened(f"/containers/{made}/export") as stream:
            try:
                return Subject(reference, identity, contents.from_archive(stream))
            except tarfile.TarError as error:
                raise EngineError(f"the files of {reference} cannot be read: {error}") from error
    finally:
        engine.request("DELETE", f"/containers/{made}", query={"force": "1", "v": "1"})


def of_host(root: Path = Path("/")) -> Subject:
    """Read this host."""
    found = contents.from_root(root)
    return Subject(os.uname().nodename, f"{found.system} {found.release}".strip(), found)


def images(engine: DockerEngine) -> list[str]:
    """Return a name of every image that the engine has, the same image once."""
    listed = sorted(engine.get("/images/json"), key=lambda one: str((one.get("RepoTags") or [""])[0]))
    return [one["RepoTags"][0] for one in listed if one.get("RepoTags") and "<none>" not in one["RepoTags"][0]]


def text(subject: Subject, findings: Sequence[osv.Finding] | None) -> str:
    """Return an inventory for people."""
    counts = Counter(package.kind for package in subject.contents.packages)
    told = ", ".join(f"{counts[kind]} {words}" for kind, words in KINDS if counts[kind]) or "none that it tells"
    lines = [f"{subject.name} ({subject.version[:19]}): packages: {told}"]
    if findings is not None:
        holes = len({one.hole for one in findings})
        lines.append(
            f"  known holes: {holes} in {len({one.package for one in findings})} packages"
            if holes
            else "  known holes: none"
        )
        for one in findings[:SHOWN]:
            mend = f"mended in {one.fixed}" if one.fixed else "no version mends it"
            lines.append(
                f"    {one.package.name} {one.package.version}: {one.hole} ({mend}) {one.summary[:80]}".rstrip()
            )
        lines += [f"    ... and {len(findings) - SHOWN} more; --json has all"] if len(findings) > SHOWN else []
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str]) -> int:
    """Print or write the inventories; 1 when there are known holes, 2 when something cannot be read."""
    parser = argparse.ArgumentParser(
        prog="labserver inventory", description="What this host and its images are made of."
    )
    parser.add_argument("image", nargs="*", help="images that the engine has; the host itself when none is named")
    parser.add_argument("--all", action="store_true", help="the host and all images that the engine has")
    parser.add_argument(
        "--osv", type=Path, help=f"file or folder of known holes of osv.dev (default: {DATABASE}, if there)"
    )
    parser.add_argument("--json", action="store_true", help="print CycloneDX documents, one after the other")
    parser.add_argument("--output", type=Path, help="write one CycloneDX document each into this folder")
    arguments = parser.parse_args(argv)
    database = arguments.osv or (DATABASE if DATABASE.is_dir() else None)
    engine = DockerEngine(SOCKET, timeout=600)
    try:
        names = [*arguments.image, *(images(engine) if arguments.all else [])]
        subjects = [of_host()] if arguments.all or not names else []
        subjects += [of_image(engine, name) for name in names]
        found: list[Any] = [None] * len(subjects)
        if database is not None:
            found = osv.find(osv.records(database), [one.contents for one in subjects])
        for subject, findings in zip(subjects, found, strict=True):
            document = bom.render(bom.document(subject.name, subject.version, subject.contents, findings))
            if arguments.output:
                arguments.output.mkdir(mode=0o755, parents=True, exist_ok=True)
                name = re.sub(r"[^A-Za-z0-9._-]+", "_", subject.name)
                files.replace(arguments.output / f"{name}.cdx.json", document.encode())
            sys.stdout.write(document if arguments.json else text(subject, findings))
    except (EngineError, osv.DatabaseError, OSError) as error:
        sys.stderr.write(f"labserver inventory: {error}\n")
        return 2
    return 1 if any(found) else 0
