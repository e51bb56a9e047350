# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``jupyterhub-singleuser`` of the images: JupyterHub's own, quick, and also with a full home."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import later

ROOM_BYTES = 1 << 16


def forgiving(step: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return a step of a start that is left out when there is no room in the home."""

    def tried(app: Any) -> None:
        try:
            step(app)
        except OSError as error:
            app.log.warning("this step of the start was left out: %s", error)

    return tried


def room(folder: Path) -> bool:
    """Tell whether a small file can be written."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(ROOM_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return False
    return True


def ipython_folder() -> Path:
    """Return where IPython keeps its settings and history.

    A kernel does not start when it cannot make this folder, so in a home that was full before its first kernel the
    folder is in memory, until the server stops.
    """
    folder = Path(os.environ.get("IPYTHONDIR") or "~/.ipython").expanduser()
    runtime = os.environ.get("JUPYTER_RUNTIME_DIR")
    if not runtime or (folder / "profile_default" / "pid").is_dir() or room(Path.home()):
        return folder
    return Path(runtime) / "ipython"


def kernel_folders(_manager: Any) -> list[str]:
    """Return where kernels are looked for: jupyter_client's list, without IPython, which makes a folder."""
    from jupyter_core.paths import jupyter_path  # noqa: PLC0415

    ipython = Path(os.environ.get("IPYTHONDIR") or "~/.ipython").expanduser()
    return [*jupyter_path("kernels"), str(ipython / "kernels")]


def main() -> Any:
    """Run the server."""
    os.environ["IPYTHONDIR"] = str(ipython_folder())
    with later.standing_in():
        from jupyter_client.kernelspec import KernelSpecManager  # noqa: PLC0415
        from jupyter_core.application import JupyterApp  # noqa: PLC0415
        from jupyterhub.singleuser import main as run  # noqa: PLC0415

    # It copies what an IPython of 2015 left in the home, and notes there that it did.
    JupyterApp.migrate_config = forgiving(JupyterApp.migrate_config)
    KernelSpecManager._kernel_dirs_default = kernel_folders
    return run()
