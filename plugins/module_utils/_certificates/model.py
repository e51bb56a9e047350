# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wanted: certificates, their sources and where they are deployed, read from the files of the host.

``/etc/labserver/certificates.json`` comes from the role ``certificates``; rooms that serve TLS add their targets as
``/etc/labserver/certificates.d/<room>.json``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .names import HOST_NAME, is_address

CONFIG = "etc/labserver/certificates.json"
CONSUMERS = "etc/labserver/certificates.d"
SOURCES = ("acme", "container_exec", "internal_ca", "self_signed", "files")
CHALLENGES = ("webroot", "standalone", "dns")

NAME = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")


class SourceError(Exception):
    """Says in one line, without secrets, why a source has no certificate to give."""

    def __init__(self, message: str, rate_limited: bool = False) -> None:
        super().__init__(message)
        self.rate_limited = rate_limited


@dataclass(frozen=True)
class Target:
    """A place that serves a certificate: copy it there, have it reloaded, look at what is served."""

    name: str
    copy: Mapping[str, Any] = field(default_factory=dict)
    reload: Mapping[str, Any] = field(default_factory=dict)
    probe: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One certificate of the host. Fractions are of the lifetime that is left; None means the program's own rule."""

    name: str
    names: tuple[str, ...]
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)
    key_type: str = "ecdsa"
    renew_fraction: float | None = None
    warn_fraction: float = 0.25
    hsts: bool = False
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True)
class Config:
    entries: tuple[Entry, ...] = ()
    ca: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()  # of consumer files, which must not stop the rest


def target(item: Mapping[str, Any]) -> Target:
    """Read one deployment target."""
    parts = {key: item.get(key) or {} for key in ("copy", "reload", "probe")}
    return Target(name=str(item["name"]), **parts)


def parse(data: Mapping[str, Any], consumers: Mapping[str, Any] | None = None) -> Config:
    """Join the role's file and the consumers' files (file name -> content). Raises ValueError, KeyError, TypeError."""
    if data.get("version") != 1:
        raise ValueError("not a certificate file of version 1")
    wanted: dict[str, list[Target]] = {}
    problems = []
    for file, content in sorted((consumers or {}).items()):
        if not isinstance(content, dict) or content.get("version") != 1:
            problems.append(f"/{CONSUMERS}/{file}: not a consumer file of version 1; it is left out")
            continue
        try:
            found = [(str(item["certificate"]), target(item)) for item in content.get("targets", [])]
        except (KeyError, TypeError, AttributeError) as error:
            problems.append(f"/{CONSUMERS}/{file}: a target is damaged ({error!r}); the file is left out")
            continue
        for name, place in found:
            wanted.setdefault(name, []).append(place)
    entries = []
    for item in data["certificates"]:
        options = item.get(item["source"]) or {}
        entries.append(
            Entry(
                name=item["name"],
                names=tuple(item["names"]),
                source=item["source"],
                options=options,
                key_type=item.get("key_type") or "ecdsa",
                renew_fraction=item.get("renew_fraction"),
                warn_fraction=float(item.get("warn_fraction") or 0.25),
                hsts=bool(item.get("hsts", item["source"] == "acme")),
                targets=(*map(target, item.get("deploy") or []), *wanted.get(item["name"], [])),
            )
        )
    return Config(tuple(entries), data.get("ca") or {}, tuple(problems))


def load(root: Path) -> Config:
    """Read the files of the host. Raises OSError and ValueError."""
    consumers: dict[str, Any] = {}
    for path in (root / CONSUMERS).glob("*.json"):
        try:
            consumers[path.name] = json.loads(path.read_bytes())
        except (OSError, ValueError):
            consumers[path.name] = None
    try:
        return parse(json.loads((root / CONFIG).read_bytes()), consumers)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"/{CONFIG} is damaged: {error!r}") from error


def problems(items: Sequence[Mapping[str, Any]], label: str) -> list[str]:
    """Every mistake of a list of certificates, each with its index and name, what is allowed and what to do."""
    found: list[str] = []
    seen: set[str] = set()
    for index, item in enumerate(items):
        name = str(item.get("name", ""))
        where = f"{label}[{index}] (name={name})"
        if not NAME.fullmatch(name):
            found.append(f"{where}: the name is not made of a-z, 0-9 and single hyphens; it becomes a folder")
        if name in seen:
            found.append(f"{where}: another certificate has this name; give each one of its own")
        seen.add(name)
        found.extend(f"{where}: {problem}" for problem in _problems_of(item))
    return found


def _problems_of(item: Mapping[str, Any]) -> list[str]:
    found = []
    for name in item.get("names") or []:
        if not HOST_NAME.fullmatch(str(name)) and not is_address(str(name)):
            found.append(f'"{name}" is neither a host name nor an address')
    source = item.get("source")
    if source not in SOURCES:
        return [*found, f'source "{source}" is not one of {", ".join(SOURCES)}']
    for key in ("renew_fraction", "warn_fraction"):
        value = item.get(key)
        if value is not None and not 0 < float(value) < 1:
            found.append(f"{key} is {value}; give a part of the lifetime between 0 and 1, such as 0.33")
    rules = {"acme": _acme_problems, "container_exec": _exec_problems, "files": _files_problems}
    if source in rules:
        found.extend(rules[source](item.get(source) or {}, item.get("names") or []))
    for index, wanted in enumerate(item.get("deploy") or []):
        found.extend(f"deploy[{index}]: {problem}" for problem in target_problems(wanted))
    return found


def _acme_problems(options: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    found = []
    challenge = options.get("challenge") or "webroot"
    if challenge not in CHALLENGES:
        found.append(f'acme.challenge "{challenge}" is not one of {", ".join(CHALLENGES)}')
    wildcards = [name for name in names if str(name).startswith("*.")]
    if wildcards and challenge != "dns":
        found.append(f"{wildcards[0]} is a wildcard, which only acme.challenge dns can prove")
    if challenge == "dns" and not options.get("dns_auth_hook") and not options.get("extra_arguments"):
        found.append("acme.challenge dns needs acme.dns_auth_hook or a plugin in acme.extra_arguments")
    return found


def _exec_problems(options: Mapping[str, Any], _names: Sequence[str]) -> list[str]:
    missing = [key for key in ("container", "renew_command", "certificate", "key") if not options.get(key)]
    return [f"container_exec.{key} is missing" for key in missing]


def _files_problems(options: Mapping[str, Any], _names: Sequence[str]) -> list[str]:
    found = []
    for key in ("certificate", "key"):
        if bool(options.get(key)) == bool(options.get(f"{key}_content")):
            found.append(f"give either files.{key} (a path on the host) or files.{key}_content")
    return found


def target_problems(item: Mapping[str, Any]) -> list[str]:
    """Mistakes of one deployment target."""
    found = [] if item.get("name") else ["name is missing"]
    reload = item.get("reload") or {}
    ways = [way for way in ("service", "container", "command") if reload.get(way)]
    if len(ways) > 1:
        found.append(f"reload has {' and '.join(ways)}; give one of them")
    if reload.get("action") and reload["action"] not in ("restart", "hup"):
        found.append(f'reload.action "{reload["action"]}" is not restart or hup')
    copy = item.get("copy") or {}
    if copy and not str(copy.get("folder", "")).startswith("/"):
        found.append("copy.folder is not a full path")
    probe = item.get("probe") or {}
    if probe and not 0 < int(probe.get("port") or 0) < 65536:
        found.append("probe.port is not from 1 to 65535")
    return found
