# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of ``images_notebooks``: what is built, in which order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..module_utils._images import layers

DOCUMENTATION = r"""
name: image_layers
short_description: What has to be built for a list of images, each after the one that it is built on
version_added: 0.1.0
description:
  - Returns the builds for the entries of C(images_notebooks), in order. Images of the collection that others are built
    on are among them, also when the list does not name them.
positional: _input
options:
  _input:
    description: The entries of C(images_notebooks), checked before.
    type: list
    elements: dict
    required: true
author:
  - The labserver.jupyter authors (@labserver)
"""

EXAMPLES = r"""
# Produces the builds of notebook and of scientific, which is built on it
builds: "{{ [{'repository': 'mine', 'tag': '1', 'context': 'scientific'}] | labserver.jupyter.image_layers }}"
"""

RETURN = r"""
_value:
  description: Each with C(name), C(context), C(args), C(base) (the name of a build before it) and C(base_reference).
  type: list
  elements: dict
"""


def image_layers(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what has to be built for ``entries``, as mappings for the role ``image_build``."""
    return [dataclasses.asdict(build) for build in layers.order(entries)]


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"image_layers": image_layers}
