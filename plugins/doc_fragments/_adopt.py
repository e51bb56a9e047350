# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  without:
    description: Login names of the old hub that are left out.
    type: list
    elements: str
    default: []
  stop_servers:
    description: Whether people's running servers may be stopped. While one runs and this is not said, it is refused.
    type: bool
    default: false
  new_passwords:
    description:
      - Whether everybody may get a one-time password where the old hub has none that can be taken over, as with OAuth,
        LDAP or PAM.
    type: bool
    default: false
"""
