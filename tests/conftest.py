# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that tests read print no colours, whoever starts the tests: `make` forces them on for those who watch."""

from __future__ import annotations

import os

for forced in ("ANSIBLE_FORCE_COLOR", "FORCE_COLOR", "PY_COLORS"):
    os.environ.pop(forced, None)
