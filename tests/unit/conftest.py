# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets plain pytest import the checkout as ``ansible_collections.labserver.jupyter``, as ansible-test does."""

from __future__ import annotations

import sys
from pathlib import Path


def _install_collection_loader() -> None:
    from ansible.utils.collection_loader import _collection_finder  # noqa: PLC0415

    if any(isinstance(finder, _collection_finder._AnsibleCollectionFinder) for finder in sys.meta_path):
        return  # ansible-test did it already
    collections = Path(__file__).resolve().parents[2] / "collections"
    _collection_finder._AnsibleCollectionFinder(paths=[str(collections)])._install()


_install_collection_loader()


def _relax_hypothesis() -> None:
    """A busy machine is not an error: examples have no time limit."""
    try:
        from hypothesis import settings  # noqa: PLC0415
    except ImportError:
        return  # a tool of a controller, which has what requirements.txt names and no more

    settings.register_profile("labserver", deadline=None)
    settings.load_profile("labserver")


_relax_hypothesis()
