# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what the hub asks of Docker: which call a request makes, and its body. Without any input or output."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

LONGEST_BODY = 256 * 1024
"""Bytes."""


class RefusedError(Exception):
    """The hub may not make this request; the message says why."""


@dataclass(frozen=True)
class Call:
    """One kind of request. ``reference`` is the container or image that the path names, as the hub wrote it."""

    kind: str
    reference: str = ""
    query: Mapping[str, str] | None = None


_VERSION = r"(?:/v1\.[0-9]{1,2})?"
_CONTAINER = r"([a-zA-Z0-9][a-zA-Z0-9_.-]{0,127})"
# method, path, kind, allowed query keys with the form of their values
_CALLS: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("GET", "/version", "version", {}),
    ("GET", "/_ping", "ping", {}),
    ("GET", r"/images/([a-z0-9][a-z0-9.:/_-]*@sha256:[0-9a-f]{64})/json", "image", {}),
    ("POST", "/containers/create", "create", {"name": r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}"}),
    ("GET", f"/containers/{_CONTAINER}/json", "inspect", {"size": "0|false"}),
    ("GET", f"/containers/{_CONTAINER}/logs", "logs",
     {"stdout": "[01]", "stderr": "[01]", "timestamps": "[01]", "follow": "0", "tail": "[0-9]{1,4}"}),
    ("GET", f"/containers/{_CONTAINER}/stats", "stats", {"stream": "0|[Ff]alse", "one-shot": "1|[Tt]rue"}),
    ("POST", f"/containers/{_CONTAINER}/start", "start", {}),
    ("POST", f"/containers/{_CONTAINER}/stop", "stop", {"t": "[0-9]{1,3}"}),
    ("DELETE", f"/containers/{_CONTAINER}", "remove",
     {"v": "[Tt]rue|1|[Ff]alse|0", "link": "[Ff]alse|0", "force": "[Ff]alse|0|[Tt]rue|1"}),
    ("GET", "/labserver/shares", "shares", {}),
    ("GET", "/labserver/gpus", "gpus", {}),
    ("GET", "/labserver/servers", "servers", {}),
    ("GET", "/labserver/boxes", "boxes", {}),
    ("GET", "/labserver/runs", "runs", {}),
    ("GET", "/labserver/builds", "builds", {}),
    ("GET", f"/labserver/taken/{_CONTAINER}", "taken", {}),
    ("GET", f"/labserver/work/{_CONTAINER}", "work", {"minutes": "[0-9]{1,5}"}),
)  # fmt: skip


def classify(method: str, target: str) -> Call:
    """Return which call a request line makes; ``target`` is the raw path with its query. Raises RefusedError."""
    path, _mark, query = target.partition("?")
    path = path.replace("%40", "@").replace("%3A", ":").replace("%3a", ":")
    if "%" in path or "//" in path or ".." in path:
        raise RefusedError("the hub may not use this path")
    for known, pattern, kind, keys in _CALLS:
        found = re.fullmatch(_VERSION + pattern, path)
        if known != method or found is None:
            continue
        values = {}
        for key, value in parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)):
            if key in values or key not in keys or not re.fullmatch(keys[key], value):
                raise RefusedError(f"{kind}: the query key {key} or its value is not allowed")
            values[key] = value
        return Call(kind, found.group(1) if found.groups() else "", values)
    raise RefusedError(f"the hub may not send {method} to this path")


def _no_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    # Docker's decoder ignores the case of keys and takes the last of several.
    result: dict[str, Any] = {}
    seen = set()
    for key, value in pairs:
        if key.lower() in seen:
            raise RefusedError(f"the key {key!r} appears twice in one object")
        seen.add(key.lower())
        result[key] = value
    return result


def parse_body(raw: bytes) -> dict[str, Any]:
    """Return the JSON object of a request's body; raises RefusedError for anything else and for duplicate keys."""
    if len(raw) > LONGEST_BODY:
        raise RefusedError(f"the body is longer than {LONGEST_BODY} bytes")
    try:
        body = json.loads(raw, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise RefusedError("the body is not JSON") from error
    if not isinstance(body, dict):
        raise RefusedError("the body is not an object")
    return body
