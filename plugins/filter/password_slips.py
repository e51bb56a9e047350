# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter for the slips of one-time passwords."""

from __future__ import annotations

from collections.abc import Callable

from ..plugin_utils import _password_slips


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., str]]:
        return {"password_slips": _password_slips.page}
