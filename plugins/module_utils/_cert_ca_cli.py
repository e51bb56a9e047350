# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""``labserver ca``: a command of its own, because the program calls ``main`` of a core."""

from __future__ import annotations

from ._cert_cli import ca_main as main

__all__ = ["main"]
