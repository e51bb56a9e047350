# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the network of the hub can be changed: Docker changes none, it makes another one without anybody in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ICC = "com.docker.network.bridge.enable_icc"


def objection(found: Mapping[str, Any] | None, wanted: Mapping[str, str], people: Sequence[str]) -> str:
    """Return why the network must stay as it is for now, empty when nothing speaks against the run.

    Args:
        found: the network as Docker shows it, None when there is none.
        wanted: ``name``, ``subnet`` and ``ip_range``.
        people: whose servers run in it.
    """
    if found is None or not people:
        return ""
    now = (found.get("IPAM") or {}).get("Config") or [{}]
    differences = [
        f"{what} is {is_now or 'not set'}, wanted is {is_wanted}"
        for what, is_now, is_wanted in (
            ("its subnet", now[0].get("Subnet"), wanted["subnet"]),
            ("the people's range", now[0].get("IPRange"), wanted["ip_range"]),
            ("traffic between containers", (found.get("Options") or {}).get(ICC), "false"),
        )
        if is_now != is_wanted
    ]
    if not differences:
        return ""
    return (
        f"The network {wanted['name']} would have to be made anew ({'; '.join(differences)}), and that cuts off the"
        f" servers that run: {', '.join(people)}. Nothing was changed. Have them stopped first, or leave hub_subnet and"
        " hub_people_range as they are."
    )
