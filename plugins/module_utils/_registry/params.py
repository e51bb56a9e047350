# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters that the registry's modules have in common, and what is made of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .._common.docker_api import SOCKET, DockerEngine
from .client import RegistryClient
from .job import pause_container
from .pause import commanded

CONNECTION: dict[str, Any] = {
    "url": {"type": "str", "default": "http://127.0.0.1:5000"},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "password_file": {"type": "path", "no_log": False},
    "ca_file": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
    "token_hosts": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "threads": {"type": "int", "default": 8},
    "timeout": {"type": "int", "default": 30},
}
PAUSE: dict[str, Any] = {
    "store": {"type": "path"},
    "container": {"type": "str", "default": "labserver-registry"},
    "docker_socket": {"type": "path", "default": SOCKET},
    "stop_command": {"type": "list", "elements": "str"},
    "start_command": {"type": "list", "elements": "str"},
    "grace_seconds": {"type": "int", "default": 3600},
}


PATTERNS = {"type": "list", "elements": "str"}
COUNT = {"type": "int", "default": 0}
POLICY: dict[str, Any] = {
    "repositories": {**PATTERNS, "default": ["**"]},
    "tags": {**PATTERNS, "default": ["*"]},
    "keep_tags": {**PATTERNS, "default": []},
    "remove_tags": {**PATTERNS, "default": []},
    "keep_last": COUNT,
    "keep_within": {"type": "str", "default": "0"},
    "keep_hourly": COUNT,
    "keep_daily": COUNT,
    "keep_weekly": COUNT,
    "keep_monthly": COUNT,
    "keep_yearly": COUNT,
    "min_age": {"type": "str", "default": "1h"},
    "order": {"type": "str", "choices": ["age", "semver", "name"], "default": "age"},
    "age": {"type": "str", "choices": ["auto", "pushed", "created"], "default": "auto"},
    "count": {"type": "str", "choices": ["digests", "tags"], "default": "digests"},
    "remove_untagged": {"type": "bool", "default": True},
    "remove_orphans": {"type": "bool", "default": False},
    "max_fraction": {"type": "float"},
    "allow_empty": {"type": "bool"},
}


def client(params: Mapping[str, Any]) -> RegistryClient:
    """Return the client that the parameters describe. Raises OSError (the password's file) or ValueError (the URL)."""
    password = params["password"]
    if params["password_file"]:
        password = Path(params["password_file"]).read_text(encoding="utf-8").strip()
    return RegistryClient(
        params["url"],
        username=params["username"],
        password=password,
        ca_file=params["ca_file"],
        verify_tls=params["validate_certs"],
        token_hosts=params["token_hosts"],
        threads=params["threads"],
        timeout=float(params["timeout"]),
    )


def pause(params: Mapping[str, Any]) -> Callable[[], contextlib.AbstractContextManager[None]]:
    """Return how the registry is brought to rest: by its supervisor, or by commands."""
    store = Path(params["store"])
    if params["stop_command"]:
        return lambda: commanded(params["stop_command"], params["start_command"], store / ".locks")
    return pause_container(store, params["container"], DockerEngine(params["docker_socket"]))
