# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.

from __future__ import annotations


class ModuleDocFragment:
    # The numbers that new accounts and groups get.
    DOCUMENTATION = r"""
options:
  uid_min:
    description: The first uid that is given to new accounts.
    type: int
    default: 20000
  uid_max:
    description: The last uid that is given to new accounts.
    type: int
    default: 29999
  gid_min:
    description: The first gid that is given to new groups.
    type: int
    default: 30000
  gid_max:
    description: The last gid that is given to new groups.
    type: int
    default: 39999
"""
