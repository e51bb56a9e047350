# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are in this checkout, for all tests but the unit tests (ansible-test runs those on a copy)."""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"  # what tests build once and keep; git ignores it
SCENARIOS = ROOT / "molecule"
SUPPORT = ROOT / "tests" / "support"

# Tells the containers and networks of two checkouts apart; the same as LABSERVER_ID of ./activate but for the hyphen.
CHECKOUT = hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]
