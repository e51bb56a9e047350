# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  name:
    description: Name of the server in the inventory.
    type: str
    required: true
  day:
    description: ISO date from which on the server is out of service; empty means today.
    type: str
    default: ""
  contact:
    description: Whom people ask. They read it on the hub's pages.
    type: str
    default: ""
  stop_servers:
    description: Whether people's running servers may be stopped. While one runs and this is not said, it is refused.
    type: bool
    default: false
  wipe:
    description: Whether the data are deleted at the end.
    type: bool
    default: false
  unsaved:
    description: Whether data that are not in the backup may be deleted as well.
    type: bool
    default: false
"""
