# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command ``labserver-environments``: lists people's environments, and makes them again when Python changed."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

from .find import HERE, Environment, fault, own, shared, shared_folders
from .packages import Package, former
from .repair import RepairError, repair
from .specs import KERNELS


def state(environment: Environment) -> str:
    """Return in words how an environment is."""
    path = environment.path
    wrong = fault(path)
    if wrong:
        return f"cannot run: {wrong}\n    labserver-environments repair {shlex.quote(str(path))}"
    if not any((path / KERNELS).glob("*/kernel.json")):
        if (path / "conda-meta").is_dir():
            return "is no kernel, as ipykernel is not in it: install it there with conda, mamba or micromamba"
        python = shlex.quote(str(path / "bin" / "python"))
        command = f"{python} -m pip install" if (path / "bin" / "pip").exists() else f"uv pip install --python {python}"
        return f"is no kernel, as ipykernel is not in it\n    {command} ipykernel"
    return "is a kernel"


def table(environments: Iterable[Environment]) -> str:
    """Return the list of environments."""
    lines = [f"{one.label}  {one.path}\n  {state(one)}" for one in environments]
    return "\n".join(lines) or "no environments; make one with:  python3 -m venv ~/envs/NAME"


def left_behind(found: dict[int, list[Package]]) -> str:
    """Return what ``pip install --user`` put there for another Python, and the command that installs it again."""
    parts = []
    for minor, packages in sorted(found.items()):
        names = " ".join(shlex.quote(one.line(pinned=False)) for one in packages)
        parts.append(
            f"installed with `pip install --user` for Python 3.{minor}, not seen by this image's Python 3.{HERE}:"
            f"\n    pip install --user {names}"
            f"\n  and then, for the room:  rm -r ~/.local/lib/python3.{minor}"
        )
    return "\n".join(parts)


def main(argv: list[str] | None = None) -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(prog="labserver-environments", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("list", help="list environments and how they are (the default)")
    one = commands.add_parser("repair", help="make an environment again for this image's Python, with its packages")
    one.add_argument("environment", help="its folder, or its name in your home")
    given = parser.parse_args(argv)
    home = Path.home()
    if given.command != "repair":
        print(table([*own(home), *shared(shared_folders())]))
        left = left_behind(former(home))
        if left:
            print(left)
        return 0
    named = [found.path for found in own(home) if found.name == given.environment]
    try:
        print(repair(named[0] if len(named) == 1 else Path(given.environment).absolute()))
    except (RepairError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
