# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hub's package ``labhub`` outside of its image, with the files that the image gets from elsewhere.

``make_importable`` is for tests in this process, ``assemble`` for other programs: it writes the folder that the image's
build sees. From a shell: ``python3 tests/support/hub_package.py FOLDER``.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import shutil
import sys
from pathlib import Path

import yaml
from babel.messages import mofile, pofile
from paths import ROOT

CONTEXT = ROOT / "roles" / "hub" / "files" / "images" / "hub"


def shared_files() -> dict[str, Path]:
    """Return the shared files of the hub's image: path in the build's context -> file of the collection."""
    variables = yaml.safe_load((ROOT / "roles" / "hub" / "vars" / "main.yml").read_text())
    return {place: ROOT / file for place, file in variables["__hub_shared_files"].items()}


def compile_words(folder: Path, target: Path) -> None:
    """Compile the catalogues of languages below ``folder``, as the image's build does, to the same places."""
    for source in folder.rglob("*.po"):
        place = target / source.relative_to(folder).with_suffix(".mo")
        place.parent.mkdir(parents=True, exist_ok=True)
        compiled = io.BytesIO()
        with source.open("rb") as file:
            mofile.write_mo(compiled, pofile.read_po(file))
        if not place.exists() or place.read_bytes() != compiled.getvalue():
            place.write_bytes(compiled.getvalue())


def make_importable() -> None:
    """Let this process import ``labhub`` from the source tree, and each shared file under its name in the image."""
    sys.path.insert(0, str(CONTEXT))
    for place, file in shared_files().items():
        name = place.removesuffix(".py").replace("/", ".")
        if name in sys.modules:
            continue
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None and spec.loader is not None, file
        module = importlib.util.module_from_spec(spec)
        parent, _dot, child = name.rpartition(".")
        setattr(importlib.import_module(parent), child, module)
        sys.modules[name] = module
        spec.loader.exec_module(module)


def assemble(folder: Path) -> None:
    """Write the context of the hub's image to ``folder``. What is right stays: a guest may have it mounted."""
    wanted = {str(path.relative_to(CONTEXT)): path for path in CONTEXT.rglob("*") if path.is_file()}
    wanted = {place: path for place, path in wanted.items() if "__pycache__" not in place} | shared_files()
    wanted = {place: path for place, path in wanted.items() if not place.endswith(".mo")}
    compile_words(CONTEXT, folder)
    for path in folder.rglob("*"):
        if path.is_file() and str(path.relative_to(folder)) not in wanted and path.suffix != ".mo":
            path.unlink()
    for place, path in wanted.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != path.read_bytes():
            shutil.copy2(path, target)


if __name__ == "__main__":
    assemble(Path(sys.argv[1]))
