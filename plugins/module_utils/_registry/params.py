# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters that the registry's modules have in common, and what is made of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._common.docker_api import SOCKET, DockerEngine
from . import uses
from .client import RegistryClient
from .engine import pausing
from .maintenance import Pause
from .model import Limits
from .patterns import duration_text
from .pause import commanded
from .policy import CHOICES, PERIODS, Policy, parse_policies
from .protect import gather
from .wanted import Desired

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
HOST: dict[str, Any] = {
    "host": {"type": "str", "required": True},
    "images": {"type": "list", "elements": "dict", "required": True},
}

_POLICY, _LIMITS = Policy(), Limits()
PATTERNS = ("repositories", "tags", "keep_tags", "remove_tags")
COUNTS = ("keep_last", *(f"keep_{period}" for period in PERIODS))
POLICY: dict[str, Any] = {
    **{name: {"type": "list", "elements": "str", "default": list(getattr(_POLICY, name))} for name in PATTERNS},
    **{name: {"type": "int", "default": getattr(_POLICY, name)} for name in COUNTS},
    "keep_within": {"type": "str", "default": "0"},
    "min_age": {"type": "str", "default": duration_text(_POLICY.min_age)},
    **{
        name: {"type": "str", "choices": list(choices), "default": getattr(_POLICY, name)}
        for name, choices in CHOICES.items()
    },
    "remove_untagged": {"type": "bool", "default": _POLICY.remove_untagged},
    "remove_orphans": {"type": "bool", "default": _POLICY.remove_orphans},
    "max_fraction": {"type": "float"},
    "allow_empty": {"type": "bool"},
}
WANTED: dict[str, Any] = {
    "policies": {"type": "list", "elements": "dict", "default": [], "options": POLICY},
    "protect": {"type": "list", "elements": "str", "default": []},
    "in_use": {"type": "list", "elements": "dict", "default": [], "options": HOST},
    "catalogues": {"type": "list", "elements": "path", "default": []},
    "max_removals": {"type": "int", "default": _LIMITS.max_removals},
    "max_fraction": {"type": "float", "default": _LIMITS.max_fraction},
    "allow_empty": {"type": "bool", "default": _LIMITS.allow_empty},
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


def pause(params: Mapping[str, Any]) -> Pause:
    """Return how the registry is brought to rest: by its supervisor, or by commands."""
    store = Path(params["store"])
    if params["stop_command"]:
        return lambda: commanded(params["stop_command"], params["start_command"], store / ".locks")
    return pausing(DockerEngine(params["docker_socket"]), store, params["container"])


def in_use(params: Mapping[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return host and images of each report that was given."""
    return [(host["host"], host["images"]) for host in params["in_use"]]


def desired(params: Mapping[str, Any]) -> Desired:
    """Return policies, protection and guards. Raises ValueError or ProtectionError."""
    catalogues = uses.Sources((), [Path(path) for path in params["catalogues"]], None, None, None)
    given = [{name: value for name, value in policy.items() if value is not None} for policy in params["policies"]]
    return Desired(
        policies=parse_policies(given),
        protection=gather(
            in_use=[*in_use(params), (os.uname().nodename, uses.read(catalogues))],
            references=params["protect"],
        ),
        limits=Limits(params["max_removals"], params["max_fraction"], params["allow_empty"]),
        grace=float(params["grace_seconds"]),
    )
