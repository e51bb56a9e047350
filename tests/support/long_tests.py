# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mark of tests that take too long for `make test`; a target of the Makefile runs them with LABSERVER_LONG=1."""

from __future__ import annotations

import os

import pytest


def long(target: str) -> pytest.MarkDecorator:
    """Return the mark of a test that ``make <target>`` runs."""
    return pytest.mark.skipif(os.environ.get("LABSERVER_LONG") != "1", reason=f"takes long: make {target}")
