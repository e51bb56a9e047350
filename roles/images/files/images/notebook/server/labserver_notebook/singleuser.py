# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs ``jupyterhub-singleuser`` and ``jupyter-lab`` of the images: quick, and also with a full home."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import locale
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import later

ROOM_BYTES = 1 << 16
ASK_AFTER_SECONDS = 2.0
PACKS = {"de": "de_DE"}
"""Languages of the hub's pages, and what JupyterLab calls the pack of each."""


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


def ask_later(extension: Any) -> None:
    """Let the server answer before it asks its hub for its version and tells it of activity.

    The hub may be busy with the starts of others. What comes of it is done as before: a server that does not reach its
    hub ends.
    """
    check, keep_told = extension.check_hub_version, extension.keep_activity_updated

    async def check_after(app: Any) -> None:
        await asyncio.sleep(ASK_AFTER_SECONDS)
        await check(app)

    async def begin(app: Any) -> None:
        app.__dict__["_labserver_check"] = asyncio.ensure_future(check_after(app))

    async def keep_told_after(app: Any) -> None:
        await asyncio.sleep(ASK_AFTER_SECONDS)
        await keep_told(app)

    extension.check_hub_version, extension.keep_activity_updated = begin, keep_told_after


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """What is imported meanwhile stays: the collector of garbage need not look at it, now and later."""
    gc.disable()
    try:
        with later.standing_in():
            yield
    finally:
        gc.freeze()
        gc.enable()


@contextlib.contextmanager
def speaking(language: str) -> Iterator[None]:
    """Let JupyterLab speak the language of the hub's pages, until somebody chooses another in its settings.

    While it is imported, it asks for the language of the system; that of the image would need locales of Debian.
    """
    asked = locale.getlocale
    if language in PACKS:
        locale.getlocale = lambda *_category: (PACKS[language], "UTF-8")
    try:
        yield
    finally:
        locale.getlocale = asked


def prepare() -> None:
    """Change Jupyter's classes for this process."""
    from jupyter_client.kernelspec import KernelSpecManager  # noqa: PLC0415
    from jupyter_core.application import JupyterApp  # noqa: PLC0415

    from . import asked  # noqa: PLC0415

    # It copies what an IPython of 2015 left in the home, and notes there that it did.
    JupyterApp.migrate_config = forgiving(JupyterApp.migrate_config)
    KernelSpecManager._kernel_dirs_default = kernel_folders
    asked.install()


def main() -> Any:
    """Run a person's server for a hub."""
    os.environ["IPYTHONDIR"] = str(ipython_folder())
    with reading(), speaking(os.environ.get("LABSERVER_LANGUAGE", "")):
        from jupyter_server.serverapp import ServerApp  # noqa: PLC0415
        from jupyterhub.singleuser import main as run  # noqa: PLC0415
        from jupyterhub.singleuser.extension import JupyterHubSingleUser  # noqa: PLC0415
        from jupyterlab.labapp import LabApp  # noqa: F401, PLC0415 - read by the server otherwise, without the stand-ins

        prepare()
    ask_later(JupyterHubSingleUser)
    # It would tell of an address that nobody opens; there is no option for it.
    ServerApp.no_browser_open_file.default_value = True
    return run()


def lab() -> Any:
    """Run JupyterLab without a hub."""
    os.environ["IPYTHONDIR"] = str(ipython_folder())
    with reading():
        from jupyterlab.labapp import main as run  # noqa: PLC0415

        prepare()
    return run()
