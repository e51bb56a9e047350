# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apps of examples/ with real software; `make soak-apps` runs these tests."""

from __future__ import annotations

import sys

from paths import ROOT

sys.path.append(str(ROOT / "tests" / "images"))

import collection  # noqa: F401 - image_builds needs it
