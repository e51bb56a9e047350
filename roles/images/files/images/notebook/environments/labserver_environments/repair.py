# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes an environment again for the image's Python, with the packages that somebody had asked for."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from .find import HERE, is_environment, minors
from .packages import Package, packages, site_packages, wanted

Run = Callable[[Sequence[str]], int]


class RepairError(Exception):
    """Why an environment is as it was before."""


def former_place(prefix: Path) -> Path:
    """Return where the former environment is kept: hidden, beside the new one."""
    return prefix.with_name(f".former-{prefix.name.lstrip('.')}")


def run(command: Sequence[str]) -> int:
    """Run a command that people watch; returns its status."""
    print("+", *command, flush=True)
    return subprocess.run(command, check=False).returncode


def repair(prefix: Path, run: Run = run) -> str:
    """Make an environment again at its place; returns what was done. Raises RepairError, then it is as it was."""
    if (prefix / "conda-meta").is_dir():
        raise RepairError(f"{prefix} has a Python of its own, from conda; repair it with conda, mamba or micromamba.")
    if not is_environment(prefix):
        raise RepairError(f"{prefix} is no environment: it has no pyvenv.cfg.")
    there = minors(prefix)
    if not there:
        raise RepairError(f"{prefix} has no packages of any Python: remove it and make a new one.")
    kept = former_place(prefix)
    if kept.exists():
        raise RepairError(f"{kept} is left from a former repair: look whether you need it, and remove it first.")
    found = wanted(packages(site_packages(prefix, there[-1])))
    prefix.rename(kept)
    try:
        _make(prefix, run)
        loose = _install(prefix, found, run)
    except BaseException:
        shutil.rmtree(prefix, ignore_errors=True)
        kept.rename(prefix)
        raise
    words = f"{prefix} has Python 3.{HERE} now and {len(found)} package(s) that were asked for, with what they need."
    if loose:
        words += " Not every version of before is there for it, so some are newer."
    return f"{words}\nThe former one is in {kept}; when all works: rm -r {kept}"


def _make(prefix: Path, run: Run) -> None:
    uv = shutil.which("uv")
    python = f"{sys.base_prefix}/bin/python3.{HERE}"
    command = [uv, "venv", "--python", python, str(prefix)] if uv else [python, "-m", "venv", str(prefix)]
    if run(command):
        raise RepairError(f"No new environment could be made in {prefix}, see above; it is as it was.")


def _install(prefix: Path, found: Sequence[Package], run: Run) -> bool:
    """Install packages, with their versions when that is possible; tells whether it was not."""
    if not found:
        return False
    uv = shutil.which("uv")
    python = str(prefix / "bin" / "python")
    command = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    with tempfile.TemporaryDirectory() as folder:
        for pinned in (True, False):
            file = Path(folder, f"requirements-{pinned}.txt")
            file.write_text("".join(f"{one.line(pinned)}\n" for one in found))
            if not run([*command, "-r", str(file)]):
                return not pinned
    names = " ".join(one.name for one in found)
    raise RepairError(f"{names}: not all of them can be installed for Python 3.{HERE}, see above; all is as it was.")
