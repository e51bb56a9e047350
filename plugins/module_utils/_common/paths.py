# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a lab server keeps what it has. What lies below is each room's own business."""

from __future__ import annotations

CONFIGURATION = "/etc/labserver"
DATA = "/srv/labserver"
STATE = "/var/lib/labserver"
"""What can be made again."""
BUNDLE = f"{STATE}/bundle/current"
"""The bundle that was installed last, unpacked; a host with a way out has none."""
SHARES = f"{DATA}/shares"
"""Where shares are mounted unless the inventory says another place."""
