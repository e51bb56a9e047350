# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab server with a kernel of its own, its hub and the scenario's variables."""

from __future__ import annotations

from lab_guest.fixtures import guest, hub, settings

__all__ = ["guest", "hub", "settings"]
