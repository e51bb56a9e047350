# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes in variables of the roles."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.labserver.jupyter.plugins.filter.size_bytes import size_bytes


def test_the_grammar_is_that_of_the_inputs() -> None:
    assert size_bytes("4GiB") == size_bytes("4G") == 4 << 30
    with pytest.raises(AnsibleFilterError, match="is not a size"):
        size_bytes("much")
