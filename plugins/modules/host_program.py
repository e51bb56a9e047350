#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_program
short_description: Install the program that a lab server runs without Ansible
version_added: 0.1.0
description:
  - Packs the cores of this collection into one executable file and copies it to the host, so that the jobs of host cron
    use the very code that the modules use.
  - With the default O(path) it also installs the completion of its commands for bash.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: The program is a zip file.
  idempotent:
    support: full
options:
  path:
    description: Where the program is installed on the host.
    type: path
    default: /usr/local/sbin/labserver
requirements:
  - Python 3.11 or newer on the host
seealso:
  - module: ansible.builtin.copy
"""

EXAMPLES = r"""
- name: Install the program of the lab server's jobs
  labserver.jupyter.host_program:
"""

RETURN = r"""
dest:
  description: Where the program is.
  type: str
  returned: success
  sample: /usr/local/sbin/labserver
"""
