# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets the tests import the hub's package, and the small lab of its other tests."""

from __future__ import annotations

import sys

from hub_package import make_importable
from paths import ROOT

make_importable()
sys.path.append(str(ROOT / "tests" / "hub"))
