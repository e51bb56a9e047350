# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A site of the front door: what may be wrong with it, and what the certificates have to know of it. All pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._certificates.model import NAME
from .._certificates.names import HOST_NAME

UPSTREAM = re.compile(r"https?://(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?")
HSTS = ("auto", "always", "never")

HUB_PATH = re.compile(r"/(?:[A-Za-z0-9._~-]+/)*")
ANY_PATH = "any"


@dataclass(frozen=True)
class Site:
    """One thing behind the front door. No ``server_names`` means any name; 0 ``max_body_bytes`` means no limit.

    ``hub_path`` is the path of a JupyterHub there, with a slash at both ends, ANY_PATH when nobody said, empty when it
    is something else. What goes to the hub itself is bounded then, what goes to the servers of people is not.
    """

    name: str
    upstream: str
    server_names: tuple[str, ...] = ()
    port: int = 443
    certificate: str = "server"
    websocket: bool = True
    max_body_bytes: int = 0
    hsts: str = "auto"
    read_timeout_seconds: int = 86400
    extra: tuple[str, ...] = field(default_factory=tuple)
    hub_path: str = ""


def from_mapping(item: Mapping[str, Any], certificate: str) -> Site:
    """Make a site of a checked input; ``certificate`` is the one for sites that name none."""
    known = {key: value for key, value in item.items() if key in Site.__dataclass_fields__ and value is not None}
    known |= {key: tuple(known.get(key) or ()) for key in ("server_names", "extra")}
    known["certificate"] = known.get("certificate") or certificate
    known.setdefault("hub_path", ANY_PATH if known["name"] == "hub" else "")
    return Site(**known)


def problems(items: Sequence[Mapping[str, Any]], label: str = "sites", http_port: int = 80) -> list[str]:
    """Every mistake of a list of sites, each with its index and name, what is allowed and what to do."""
    found: list[str] = []
    names: set[str] = set()
    doors: dict[tuple[int, str], str] = {}
    for index, item in enumerate(items):
        name = str(item.get("name", ""))
        where = f"{label}[{index}] (name={name})"
        if not NAME.fullmatch(name):
            found.append(f"{where}: the name is not made of a-z, 0-9 and single hyphens")
        if name in names:
            found.append(f"{where}: another site has this name; give each one of its own")
        names.add(name)
        if not UPSTREAM.fullmatch(str(item.get("upstream", ""))):
            found.append(
                f'{where}: upstream "{item.get("upstream")}" is not like http://127.0.0.1:8000 (without a path)'
            )
        port = int(item.get("port") or 443)
        if not 0 < port < 65536 or port == http_port:
            found.append(f"{where}: port {port} is not from 1 to 65535, or is the one of plain HTTP")
        if (item.get("hsts") or "auto") not in HSTS:
            found.append(f'{where}: hsts "{item.get("hsts")}" is not one of {", ".join(HSTS)}')
        if int(item.get("max_body_bytes") or 0) < 0:
            found.append(f"{where}: max_body_bytes is negative; give 0 for no limit")
        hub_path = item.get("hub_path") or ""
        if hub_path not in ("", ANY_PATH) and not HUB_PATH.fullmatch(str(hub_path)):
            found.append(f'{where}: hub_path "{hub_path}" is not {ANY_PATH}, / or like /lab/ (hub_base_url of the hub)')
        for server_name in item.get("server_names") or ["any name"]:
            if server_name != "any name" and not HOST_NAME.fullmatch(str(server_name)):
                found.append(f'{where}: server name "{server_name}" is not a host name')
            other = doors.setdefault((port, str(server_name).lower()), name)
            if other != name:
                found.append(f'{where}: "{server_name}" at port {port} belongs to the site {other} already')
    return found


def consumers(sites: Sequence[Site]) -> dict[str, Any]:
    """What the certificates have to know of the front door (certificates.d/proxy.json)."""
    targets = []
    for site in sites:
        probe: dict[str, Any] = {"host": "127.0.0.1", "port": site.port}
        if site.server_names:
            probe["server_name"] = site.server_names[0].replace("*", "probe")
        targets.append(
            {
                "certificate": site.certificate,
                "name": f"proxy-{site.name}",
                "reload": {"service": "nginx"},
                "probe": probe,
            }
        )
    return {"version": 1, "targets": targets}
