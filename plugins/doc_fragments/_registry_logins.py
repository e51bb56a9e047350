# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.
"""How modules that pull images are told who they are to a registry."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  registry_logins:
    description:
      - Who pulls from which registry, for this run alone; nothing is left in C(/root/.docker). Logins that root has
        there count besides.
    type: list
    elements: dict
    default: []
    suboptions:
      registry:
        description: Host name or address and port, as images are named, for example V(127.0.0.1:5000).
        type: str
        required: true
      username:
        description: Name of the user.
        type: str
        required: true
      password_file:
        description: File of the host that holds the password alone. Without the file it is pulled without a login.
        type: path
        required: true
"""
