#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: build_contexts
short_description: Bring the folders that images are built from to the host
version_added: 0.2.0
description:
  - Packs all folders into one archive and unpacks it on the host, so that the number of files does not matter.
  - Owner of everything is root. Of a file's mode only the executable bit counts. Python's byte code stays behind.
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: none
    details: In check mode no image is built, so that nothing has to be there for it.
  diff_mode:
    support: none
    details: What is unpacked is removed after the build.
  idempotent:
    support: full
options:
  dest:
    description: Folder on the host below which the contexts are put. It must exist.
    type: path
    required: true
  contexts:
    description: The folders.
    type: list
    elements: dict
    required: true
    suboptions:
      source:
        description: The folder on the controller.
        type: path
        required: true
      place:
        description: Where it is put, relative to O(dest).
        type: str
        required: true
      shared_files:
        description: Files of the controller that are added. Maps the path in the folder to that of the file.
        type: dict
        default: {}
requirements:
  - tar and gzip on the host
seealso:
  - module: ansible.builtin.unarchive
"""

EXAMPLES = r"""
- name: Copy what the hub's image is built from
  labserver.jupyter.build_contexts:
    dest: /var/lib/labserver/image_build
    contexts:
      - source: "{{ role_path }}/files/images/hub"
        place: labserver/hub
"""

RETURN = r"""
dest:
  description: Folder below which the contexts are.
  type: str
  returned: success
  sample: /var/lib/labserver/image_build
"""
