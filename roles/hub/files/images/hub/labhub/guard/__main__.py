# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the guard: ``python -m labhub.guard``."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys

from ..exchange.settings import load
from ..exchange.text import CleanRecords
from .service import serve


def log() -> logging.Handler:
    """Return where the guard's messages go, each on one line: what the hub sent stands in some of them."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(CleanRecords())
    return handler


def main() -> int:
    """Run the guard."""
    logging.basicConfig(level=logging.INFO, handlers=[log()])
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(load()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
