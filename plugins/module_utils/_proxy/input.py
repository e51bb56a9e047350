# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules between the inputs of the role proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import model


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Every problem of the role's variables."""
    port = inputs.get("proxy_http_port")
    http_port = 80 if port is None else int(port)
    found = model.problems(inputs.get("proxy_sites") or [], "proxy_sites", http_port)
    if not 0 <= http_port < 65536:
        found.append(f"proxy_http_port is {http_port}; give a port, or 0 for no plain HTTP at all")
    connections = inputs.get("proxy_connections_per_address")
    if connections is not None and int(connections) < 0:
        found.append(f"proxy_connections_per_address is {connections}; give a number, or 0 for no limit")
    return found
