# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a notebook in the container of a scheduled run, as its person, with the image's own Python.

The hub hands over the text of this file (``run.py``) and does not run it. The notebook stays as it is: a copy is
executed in the notebook's folder and kept beside it, in ``<name>-runs``. The last line of the output says how
it went.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

MARK = "labserver-run: "
KEPT = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\.ipynb")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
LONGEST = 300


class Ended(SystemExit):
    """The time is over (``late``), or somebody stops the container (``stopped``).

    asyncio lets a SystemExit through at once, wherever it is raised.
    """


def leave(reason: str, line: str = "", cell: int = 0, output: str = "") -> NoReturn:
    """Print how it went, and end with all that the notebook started."""
    words = COLOURS.sub("", line).strip().splitlines()
    told = {"reason": reason, "line": (words or [""])[-1][:LONGEST], "cell": cell, "output": output[-LONGEST:]}
    sys.stdout.write(f"\n{MARK}{json.dumps(told)}\n")
    sys.stdout.flush()
    os._exit(0 if reason == "ok" else 1)


def ends(reason: str) -> Callable[..., None]:
    """Return a handler of signals that raises ``Ended``."""

    def end(_number: int, _frame: Any) -> None:
        calm()
        raise Ended(reason)

    return end


def calm() -> None:
    """From here on nothing keeps the copy from being written."""
    signal.alarm(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def manager(name: str) -> Any:
    """Return the manager of a kernel; in the lab's images people's environments are found as in JupyterLab."""
    from jupyter_client.manager import AsyncKernelManager  # noqa: PLC0415

    try:
        from labserver_environments.manager import EnvironmentSpecManager  # noqa: PLC0415
    except ImportError:
        return AsyncKernelManager(kernel_name=name)
    return AsyncKernelManager(kernel_name=name, kernel_spec_manager=EnvironmentSpecManager())


def execute(book: Any, folder: Path) -> tuple[str, str]:
    """Run all cells; returns reason and line of how it went. Raises Ended."""
    from jupyter_client.kernelspec import NoSuchKernel  # noqa: PLC0415
    from nbclient import NotebookClient  # noqa: PLC0415
    from nbclient.exceptions import CellExecutionError, DeadKernelError  # noqa: PLC0415

    def begun(**_more: Any) -> None:
        # nbclient's own handler would end the kernel and look as if that had died.
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, ends("stopped"))

    name = book.metadata.get("kernelspec", {}).get("name") or "python3"
    place = {"metadata": {"path": str(folder)}}
    try:
        client = NotebookClient(book, km=manager(name), timeout=None, resources=place, on_notebook_start=begun)
        asyncio.run(client.async_execute(cleanup_kc=True))
    except CellExecutionError as error:
        return "cell", f"{error.ename}: {(COLOURS.sub('', error.evalue).strip().splitlines() or [''])[0]}"
    except DeadKernelError:
        return "dead", ""
    except NoSuchKernel:
        return "kernel", name
    return "ok", ""


def failed_cell(book: Any) -> int:
    """Return the number of the first cell with an error, counted from 1 with those of text; 0 for none."""
    for number, cell in enumerate(book.cells, start=1):
        if any(one.get("output_type") == "error" for one in cell.get("outputs", ())):
            return number
    return 0


def keep(book: Any, target: Path, most: int) -> None:
    """Write the executed copy, and remove the oldest beyond ``most``."""
    import nbformat  # noqa: PLC0415

    new = target.with_name(f".{target.name}.new")
    nbformat.write(book, str(new))
    new.replace(target)
    old = sorted(one.name for one in target.parent.iterdir() if KEPT.fullmatch(one.name))
    for name in old[:-most]:
        (target.parent / name).unlink()


def main(notebook: str, stamp: str, most: str, seconds: str) -> None:
    """Run ``notebook``, a path in the home, for at most so many seconds."""
    path = Path(os.environ["HOME"], notebook)
    target = path.parent / f"{path.stem}-runs" / f"{stamp}.ipynb"
    signal.signal(signal.SIGALRM, ends("late"))
    signal.signal(signal.SIGTERM, ends("stopped"))
    signal.alarm(int(seconds))
    book, reason, line, written = None, "other", "", ""
    try:
        import nbformat  # noqa: PLC0415

        if not path.is_file():
            leave("missing")
        os.chdir(path.parent)
        target.parent.mkdir(exist_ok=True)  # hours are not spent on what could not be kept
        book = nbformat.read(str(path), as_version=4)
        reason, line = execute(book, path.parent)
    except Ended as ended:
        reason = str(ended)
    except OSError as error:
        reason, line = "files", str(error)
    except Exception as error:  # whatever a file that is called a notebook holds
        line = f"{type(error).__name__}: {error}"
    calm()
    if book is not None:
        try:
            keep(book, target, int(most))
            written = str(target)
        except OSError as error:
            reason, line = ("files", str(error)) if reason == "ok" else (reason, line)
    leave(reason, line, failed_cell(book) if reason == "cell" else 0, written)


if __name__ == "__main__":
    main(*sys.argv[1:5])
