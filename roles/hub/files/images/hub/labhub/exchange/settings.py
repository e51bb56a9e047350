# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hub's own settings: ``/etc/labserver/hub/hub.json``, rendered by the role."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_PATH = Path("/etc/labserver/hub/hub.json")


@dataclass(frozen=True)
class Settings:
    """Each field is a key of hub.json. Units: seconds, bytes, cores. Paths are the same on host and in containers."""

    hub_name: str = "labserver-hub"
    network: str = "labserver-hub"
    container_prefix: str = ""
    proxy_api_url: str = "http://labserver-hub-proxy:8001"
    proxy_address: str = ""
    base_url: str = "/"
    public_folder: str = "/etc/labserver/public"
    catalogue_file: str = "/var/lib/labserver/catalogue/images.json"
    usage_file: str = "/etc/labserver/hub/usage.json"
    status_file: str = "/etc/labserver/hub/status.json"
    secrets_folder: str = "/etc/labserver/hub/secrets"
    config_folder: str = "/etc/labserver/hub/config.d"
    state_folder: str = "/srv/labserver/hub/state"
    links_folder: str = "/srv/labserver/hub/links"
    guard_socket: str = "/run/labserver-guard/docker.sock"
    docker_socket: str = "/var/run/docker.sock"
    isolation_socket: str = ""  # asked before each start; empty: not asked
    homes_folders: tuple[str, ...] = ("/home",)
    registry: str = "127.0.0.1:5000"
    default_image: str = "scientific"
    authenticator: str = "firstuse"
    login: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    password_record: str = "/etc/labserver/hub/password-store.json"  # noqa: S105
    password_minimum_length: int = 10
    cpu: float = 2.0
    memory_bytes: int = 4 * 1024**3
    pids: int = 1024
    tmp_bytes: int = 2 * 1024**3  # of each folder in server.TEMPORARY; 0: they lie in the writable layer
    layer_bytes: int = 0  # of the writable layer; 0: Docker cannot limit it here
    cgroup_parent: str = ""
    gpus: tuple[str, ...] = ()
    gpu_driver: str = "nvidia"
    concurrent_spawns: int = 4
    start_timeout_seconds: int = 60
    culling_enabled: bool = True
    culling_idle_seconds: int = 86400
    culling_warning_seconds: int = 900
    culling_groups: Mapping[str, int] = dataclasses.field(default_factory=dict)
    sharing: bool = False  # people may share their own servers
    sharing_hours: int = 24
    box_image: str = ""  # of the containers in which people reach their files by SSH; empty: there is no such way
    box_memory_bytes: int = 1024**3
    runs_per_person: int = 0  # so many notebooks each may have run by the clock; 0: nobody may
    runs_at_once: int = 2
    runs_longest_seconds: int = 6 * 3600
    builds_per_person: int = 0  # so many images each may have made; 0: nobody may
    builds_groups: tuple[str, ...] = ()  # for these groups images may be made, by their members
    builds_at_once: int = 1
    builds_longest_seconds: int = 1800
    builds_most_bytes: int = 4 * 1024**3
    builds_network: bool = True  # builds reach what people's servers reach; without: nothing
    published_file: str = "/etc/labserver/hub/published.json"
    disable_user_config: bool = True
    log_level: str = "INFO"

    def idle_seconds_of(self, groups: Sequence[str]) -> int:
        """Return after how many idle seconds a server is stopped: the most of the groups counts, 0 is never."""
        found = [self.culling_groups[group] for group in groups if group in self.culling_groups]
        if not found:
            return self.culling_idle_seconds
        return 0 if 0 in found else max(found)


def load(path: Path | None = None) -> Settings:
    """Read the settings; raises ValueError with every unknown or ill-typed key."""
    source = path or Path(os.environ.get("LABHUB_SETTINGS", str(DEFAULT_PATH)))
    document = json.loads(source.read_bytes())
    if not isinstance(document, dict):
        raise ValueError(f"{source}: it does not hold a JSON object")
    return parse(document)


def parse(document: Mapping[str, Any]) -> Settings:
    """Return the settings of a document ``{"version": 1, ...}``."""
    problems = [] if document.get("version") == 1 else ["version is not 1"]
    defaults = Settings()
    values: dict[str, Any] = {}
    known = {entry.name for entry in dataclasses.fields(Settings)}
    for key, value in document.items():
        if key == "version":
            continue
        if key not in known:
            problems.append(f"unknown key {key}")
            continue
        default = getattr(defaults, key)
        if isinstance(default, tuple) and isinstance(value, list):
            values[key] = tuple(value)
        elif isinstance(default, float) and isinstance(value, int | float) and not isinstance(value, bool):
            values[key] = float(value)
        elif type(value) is type(default):
            values[key] = value
        else:
            problems.append(f"{key}: {value!r} is not of type {type(default).__name__}")
    if problems:
        raise ValueError("hub.json: " + "; ".join(problems))
    return Settings(**values)
