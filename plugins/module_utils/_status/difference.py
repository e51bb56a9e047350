# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A thing of the host that is not as the last whole run of ``playbooks/site.yml`` left it."""

from __future__ import annotations

from dataclasses import dataclass

CHANGED, RIGHTS, GONE, NEW = "changed", "rights", "gone", "new"
NEWER, OLDER, HELD, PARTIAL = "newer", "older", "held", "partial"
"""Only of packages; NEWER is wanted, since updates for security come by themselves."""


@dataclass(frozen=True)
class Difference:
    """``name`` is a path relative to the root, a container's or a package's name; ``what`` one of the words above."""

    name: str
    what: str
    message: str
