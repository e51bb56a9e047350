# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the hub's package and the collection importable, so that writers and readers of one file meet in one test."""

from __future__ import annotations

import collection  # noqa: F401 - makes the checkout importable as the collection
from hub_package import make_importable

make_importable()
