# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for playbooks/status.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._status import table, view


def status_table(reports: dict[str, Any]) -> list[str]:
    """Turn host -> report into the lines of one table."""
    return table.table(reports).splitlines()


def status_page(reports: dict[str, Any], when: str) -> str:
    """Turn host -> report into one self-contained page."""
    return view.document(reports, when)


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"status_table": status_table, "status_page": status_page}
