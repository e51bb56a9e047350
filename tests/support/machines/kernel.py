# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of user-mode Linux on this processor: one with AMX needs a library beside it (see xstate.c)."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .places import CACHE
from .process import sh

SOURCE = Path(__file__).resolve().parent / "xstate.c"


def needs_library() -> bool:
    """Tell whether the registers of this processor are too long for user-mode Linux."""
    return "amx_tile" in Path("/proc/cpuinfo").read_text()


def command() -> list[str]:
    """Return the command that starts the kernel, without its arguments; the library is compiled once."""
    if not needs_library():
        return ["linux.uml"]
    library = CACHE / f"xstate-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]}.so"
    if not library.exists():
        part = library.with_suffix(".part")
        sh("cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", part, SOURCE)
        part.rename(library)
    return ["env", f"LD_PRELOAD={library}", "linux.uml"]
