# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where environments are looked for, and which Python each was made with. Nothing here is written."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

OWN = ("envs", ".venvs", ".virtualenvs", ".conda/envs", "micromamba/envs", "miniforge3/envs", "miniconda3/envs")
"""Folders of the home that hold environments."""
CONDA_LIST = ".conda/environments.txt"
"""What conda and micromamba write down: one path a line, also of environments that are gone."""
SHARED = "envs"
"""The folder of a group's or a share's folder that holds environments."""
FOLDERS = "LABSERVER_FOLDERS"
"""Environment variable: the shared folders in this server, separated by colons."""
MINOR = re.compile(r"python3\.(\d+)t?")
HERE = sys.version_info[1]
"""The minor version of the image's Python."""


@dataclass(frozen=True)
class Environment:
    """One environment. ``place``: the name of the shared folder that it lies in, empty for a person's own."""

    path: Path
    name: str
    place: str = ""

    @property
    def label(self) -> str:
        """What people call it."""
        return f"{self.place}: {self.name}" if self.place else self.name


def own(home: Path) -> Iterator[Environment]:
    """Yield the environments of a person's home, each once."""
    seen: set[Path] = set()
    for path in _candidates(home):
        if path not in seen and is_environment(path):
            seen.add(path)
            yield Environment(path, path.parent.name if path.name == ".venv" else path.name)


def _candidates(home: Path) -> Iterator[Path]:
    for folder in OWN:
        yield from folders_in(home / folder)
    for project in folders_in(home):
        yield project / ".venv"
    try:
        lines = (home / CONDA_LIST).read_text(errors="replace").splitlines()
    except OSError:
        return
    # What conda lists elsewhere may lie on a share that does not answer.
    yield from (Path(line.strip()) for line in lines if Path(line.strip()).is_relative_to(home))


def shared(folders: Iterable[Path]) -> Iterator[Environment]:
    """Yield the environments of shared folders. May wait for ever when a folder's file server does not answer."""
    for folder in folders:
        for path in folders_in(folder / SHARED):
            if is_environment(path):
                yield Environment(path, path.name, folder.name)


def shared_folders() -> list[Path]:
    """Return the shared folders in this server."""
    return [Path(one) for one in os.environ.get(FOLDERS, "").split(":") if one]


def folders_in(folder: Path) -> list[Path]:
    """Return the folders of a folder by name, but no hidden ones and no links: these may lead to a dead file server."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(one.path) for one in entries if one.name[0] != "." and one.is_dir(follow_symlinks=False))
    except OSError:
        return []


def is_environment(path: Path) -> bool:
    """Tell whether a folder holds an environment; one that is closed to this person does not count."""
    try:
        return (path / "pyvenv.cfg").is_file() or (path / "conda-meta").is_dir()
    except OSError:
        return False


def minors(prefix: Path) -> list[int]:
    """Return the minor versions of the Pythons for which a folder (such as ``~/.local``) holds packages, ascending."""
    found = [MINOR.fullmatch(path.name) for path in folders_in(prefix / "lib") if (path / "site-packages").is_dir()]
    return sorted(int(match.group(1)) for match in found if match)


def fault(prefix: Path) -> str:
    """Return what is wrong with an environment's Python; empty when nothing is, or when it has no Python at all."""
    there = minors(prefix)
    if not there:
        return ""
    made = f"made with Python 3.{there[-1]}"
    interpreter = (prefix / "bin" / "python").resolve()
    if not interpreter.exists():
        return f"{made}, which is not in this image (it has Python 3.{HERE})"
    match = MINOR.fullmatch(interpreter.name)
    if match and int(match.group(1)) not in there:
        return f"{made}, and its interpreter is Python 3.{match.group(1)} now, which does not see its packages"
    return ""
