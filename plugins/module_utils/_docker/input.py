# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules between the inputs of the role ``docker``."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from . import outgoing

LOG_SIZE = re.compile(r"[1-9][0-9]*[kmg]")


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Return every problem of the role's inputs, each with its index and name."""
    found: list[str] = []
    size = str(inputs.get("docker_log_max_size", "10m"))
    if not LOG_SIZE.fullmatch(size):
        found.append(f"docker_log_max_size: {size!r} is not a size; give a whole number and k, m or g, for example 10m")
    if int(inputs.get("docker_log_max_files", 3)) < 1:
        found.append("docker_log_max_files: has to be 1 at least")
    for index, pool in enumerate(inputs.get("docker_address_pools") or []):
        found += [f"docker_address_pools[{index}]: {text}" for text in _pool_problems(pool)]
    for index, user in enumerate(inputs.get("docker_users") or []):
        if str(user).startswith("jupyter-"):
            found.append(
                f"docker_users[{index}] ({user}): is an account of a person of the lab; members of the docker group "
                "are root on the host, so list administrators' own accounts only"
            )
    options = inputs.get("docker_daemon_options") or {}
    if options.get("swarm-default-advertise-addr") and inputs.get("docker_live_restore", True):
        found.append("docker_live_restore: Swarm does not work with live-restore; set it to false")
    if "hosts" in options:
        found.append(
            "docker_daemon_options.hosts: the engine would not start, since its systemd unit already says -H fd://; "
            "leave it out and reach the engine from elsewhere by 'docker -H ssh://<user>@<host>'"
        )
    found += outgoing.problems(
        str(inputs.get("docker_http_proxy") or ""),
        str(inputs.get("docker_https_proxy") or ""),
        inputs.get("docker_no_proxy") or [],
    )
    secret = "@" in f"{inputs.get('docker_http_proxy') or ''}{inputs.get('docker_https_proxy') or ''}"
    key = str(inputs.get("docker_upstream_key") or "")
    if secret and inputs.get("docker_source") == "upstream" and not key.startswith("-----BEGIN"):
        found.append(
            "docker_upstream_key: give the key itself as text; fetching it by its URL would show the password of"
            " docker_http_proxy in the list of processes"
        )
    return found


def _pool_problems(pool: Mapping[str, Any]) -> list[str]:
    try:
        network = ipaddress.ip_network(str(pool.get("base", "")))
    except ValueError as exc:
        return [f"base {pool.get('base')!r} is not an address range ({exc}); write for example 172.28.0.0/14"]
    size = int(pool.get("size", 0))
    if not network.prefixlen <= size <= network.max_prefixlen - 2:
        return [
            f"size {size} does not fit into {network}; choose a prefix length from {network.prefixlen} to "
            f"{network.max_prefixlen - 2}"
        ]
    return []
