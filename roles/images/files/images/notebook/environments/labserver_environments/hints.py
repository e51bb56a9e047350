# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IPython extension: says why a package is missing that ``pip install --user`` put there for another Python."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from .find import HERE


def words(error: ModuleNotFoundError, home: Path) -> str:
    """Return what to tell about a missing module; empty when it was never there."""
    from .packages import provider  # noqa: PLC0415  # kernels start without it

    module = (error.name or "").split(".")[0]
    found = provider(home, module) if module else None
    if found is None:
        return ""
    package, minor = found
    return (
        f"{package} was installed with `pip install --user` for Python 3.{minor}; this image has Python 3.{HERE}, "
        f"which does not see it. Install it again:  %pip install --user {package}\n"
        "All such packages:  !labserver-environments"
    )


def load_ipython_extension(shell: Any) -> None:
    """Called by IPython."""

    def handler(shell: Any, kind: type, error: ModuleNotFoundError, trace: Any, tb_offset: int | None = None) -> None:
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
        try:
            told = words(error, Path.home())
        except (OSError, RuntimeError):
            return
        if told:
            print(told, file=sys.stderr)

    shell.set_custom_exc((ModuleNotFoundError,), handler)
