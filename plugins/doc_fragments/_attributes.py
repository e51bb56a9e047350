# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.

from __future__ import annotations


class ModuleDocFragment:
    # Each module says in its own attributes block how far it supports these, and why not further.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return what it would change without changing the target.
  diff_mode:
    description: Returns what has changed, or would change in check mode, when run with C(--diff).
  idempotent:
    description: When run twice in a row outside check mode with the same arguments, the second call changes nothing.
"""
