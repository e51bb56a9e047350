# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for playbooks/doctor.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._doctor import show


def doctor_table(reports: dict[str, Any]) -> list[str]:
    """Turn host -> report into the lines of one table."""
    return show.table(reports).splitlines()


def doctor_page(reports: dict[str, Any], when: str) -> str:
    """Turn host -> report into one self-contained page."""
    return show.document(reports, when)


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"doctor_table": doctor_table, "doctor_page": doctor_page}
