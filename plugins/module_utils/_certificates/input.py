# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules between the inputs of the role certificates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import model


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Every problem of the role's variables."""
    found = model.problems(inputs.get("certificates_list") or [], "certificates_list")
    for index, registry in enumerate(inputs.get("certificates_ca_registries") or []):
        host, colon, port = str(registry).rpartition(":")
        if not (colon and host and port.isdigit() if ":" in str(registry) else "." in str(registry)):
            found.append(
                f'certificates_ca_registries[{index}]: "{registry}" is not how an image begins; give host:port, or a'
                " host with a dot in it, exactly as in the names of images (Docker looks for a folder of that name)"
            )
    sources = {item.get("source") for item in inputs.get("certificates_list") or []}
    if "internal_ca" in sources and not inputs.get("certificates_ca_keeper"):
        found.append("certificates_ca_keeper is empty, but a certificate has source internal_ca; name one host")
    return found
