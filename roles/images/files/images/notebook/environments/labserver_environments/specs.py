# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel specs of environments: those that they bring themselves, made to run in their environment."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .find import Environment, fault

KERNELS = "share/jupyter/kernels"
LOST = "LABSERVER_LOST_ENVIRONMENT"
"""Environment variable of the kernel that stands in for one that cannot run: the sentences that it answers."""
ACTIVATE = 'for f in "$CONDA_PREFIX"/etc/conda/activate.d/*.sh; do [ -r "$f" ] && . "$f"; done; exec "$@"'


@dataclass(frozen=True)
class Kernel:
    """A kernel of an environment: the folder of its spec and what ``kernel.json`` is to be."""

    folder: str
    spec: dict[str, Any]


def kernels(environments: Iterable[Environment]) -> dict[str, Kernel]:
    """Return the kernels of environments by their id. An id is the same in the next server, as notebooks keep it."""
    found: dict[str, Kernel] = {}
    for environment in environments:
        for folder, spec in _specs(environment.path):
            kernel = Kernel(str(folder), adapted(environment, spec))
            name = _identity(environment, folder.name)
            if name in found:
                name += "-" + hashlib.sha256(str(environment.path).encode()).hexdigest()[:6]
            found[name] = kernel
    return found


def _specs(prefix: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for file in sorted((prefix / KERNELS).glob("*/kernel.json")):
        try:
            spec = json.loads(file.read_text())
            if isinstance(spec, dict) and isinstance(spec["argv"], list) and spec["argv"]:
                yield file.parent, spec
        except (OSError, ValueError, KeyError):
            continue


def _identity(environment: Environment, kernel: str) -> str:
    parts = ["env", environment.place, environment.name, "" if kernel == "python3" else kernel]
    return re.sub(r"[^a-z0-9._-]", "-", "-".join(part for part in parts if part).lower())


def adapted(environment: Environment, spec: dict[str, Any]) -> dict[str, Any]:
    """Return a spec that runs in its environment, or tells why that cannot run."""
    language = str(spec.get("display_name") or spec.get("language") or "Kernel")
    python = str(spec.get("language", "")).lower() == "python"
    name = f"{'Python' if python else language} ({environment.label})"
    wrong = fault(environment.path) if python else ""
    if wrong:
        return lost(name, environment.path, wrong)
    prefix, argv = str(environment.path), [str(one) for one in spec["argv"]]
    if argv[0] in ("python", "python3"):
        argv[0] = f"{prefix}/bin/python"
    variables = {**(spec.get("env") or {}), "PATH": f"{prefix}/bin:${{PATH}}"}
    if (environment.path / "conda-meta").is_dir():
        variables["CONDA_PREFIX"] = prefix
        if (environment.path / "etc/conda/activate.d").is_dir():
            argv = ["/bin/sh", "-c", ACTIVATE, "sh", *argv]
    else:
        variables["VIRTUAL_ENV"] = prefix
    return {**spec, "argv": argv, "env": variables, "display_name": name}


def lost(name: str, prefix: Path, wrong: str) -> dict[str, Any]:
    """Return the spec of a kernel that answers every cell with what happened to an environment and what to do."""
    command = f"labserver-environments repair {shlex.quote(str(prefix))}"
    words = (
        f"The environment {prefix} cannot run: it was {wrong}.\n"
        "Nothing of it is lost. Make it again for this image's Python, with the same packages, in a terminal:\n"
        f"    {command}\n"
        "then restart this kernel."
    )
    return {
        "argv": [sys.executable, "-m", "labserver_environments.lost", "-f", "{connection_file}"],
        "env": {LOST: words},
        "display_name": f"{name}: to be repaired",
        "language": "python",
        "metadata": {},
    }
