# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter for playbooks/report.yml."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._usage import page, table


def usage_report(reports: Mapping[str, Any], lab: str = "", made: str = "") -> dict[str, Any]:
    """Turn host -> report into a CSV table, a page, and a sentence for each month."""
    usage = table.merged(reports)
    return {
        "csv": table.csv_text(usage),
        "html": page.page(usage, lab, made),
        "months": [page.sentence(usage, month) for month in usage.months],
        "silent": [f"without {host}: {reason}" for host, reason in sorted(usage.silent.items())],
    }


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"usage_report": usage_report}
