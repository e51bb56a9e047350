# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of the weekly job, from the file ``maintenance.json`` that the role ``registry`` writes."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common.docker_api import SOCKET, DockerEngine
from . import uses
from .client import RegistryClient
from .engine import pausing
from .maintenance import Pause
from .model import DEFAULT_LIMITS, Limits, Protection
from .policy import Policy, parse_policies
from .protect import ProtectionError, gather, missing_reports
from .wanted import Desired

Uses = Sequence[tuple[str, Sequence[Mapping[str, Any]]]]
"""Host, and what ``uses.read()`` returned there."""
DAY_SECONDS = 86400.0


class SettingsError(Exception):
    """The settings cannot be used."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The job's settings; what the file leaves out has the default here."""

    store: Path
    url: str
    container: str
    policies: tuple[Policy, ...]
    username: str | None = None
    password_file: Path | None = None
    ca_file: str | None = None
    protect: tuple[str, ...] = ()
    in_use_folder: Path | None = None
    report_hosts: tuple[str, ...] = ()
    report_max_age_days: float = 45.0
    docker_sockets: tuple[str, ...] = ()
    catalogues: tuple[Path, ...] = ()
    named: Path | None = None
    choices: Path | None = None
    hub: Path | None = None
    keep_chosen_days: float = 90.0
    limits: Limits = DEFAULT_LIMITS

    def client(self) -> RegistryClient:
        """Return a client with the password from its file. Raises SettingsError."""
        password = ""
        if self.password_file is not None:
            try:
                password = self.password_file.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsError(f"the password of the registry cannot be read: {error}") from error
        return RegistryClient(self.url, username=self.username, password=password, ca_file=self.ca_file)

    def pause(self) -> Pause:
        """Return how the lab's registry is brought to rest."""
        engine = DockerEngine(self.docker_sockets[0] if self.docker_sockets else SOCKET)
        return pausing(engine, self.store, self.container)

    def protection(self, in_use: Uses = (), protect: Sequence[str] = ()) -> Protection:
        """Ask this host and the reports of others what must stay; add what the caller knows.

        Raises ProtectionError when one of the hosts that use this registry has not told for too long what it uses.
        """
        now = time.time()
        told = {host for host, _images in in_use}
        folder = self.in_use_folder
        silent = missing_reports(
            folder or Path("/nowhere"),
            [host for host in self.report_hosts if host not in told],
            now,
            self.report_max_age_days * DAY_SECONDS,
        )
        if silent:
            raise ProtectionError(f"{'; '.join(silent)}. Run playbooks/prune.yml; until then nothing is removed")
        here = uses.Sources(self.docker_sockets, self.catalogues, self.named, self.choices, self.hub)
        return gather(
            in_use=[*in_use, (os.uname().nodename, uses.read(here))],
            reports=sorted(folder.glob("*.json")) if folder else (),
            references=[*self.protect, *protect],
            chosen_since=now - self.keep_chosen_days * DAY_SECONDS,
        )

    def desired(self, in_use: Uses = (), protect: Sequence[str] = ()) -> Desired:
        """Return what is to be done. Raises SettingsError or ProtectionError."""
        try:
            protection = self.protection(in_use, protect)
        except ValueError as error:
            raise SettingsError(str(error)) from error
        return Desired(policies=self.policies, protection=protection, limits=self.limits)


def read(path: Path) -> Settings:
    """Return the settings in a file. Raises SettingsError with all problems, one per line."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {error}") from error
    try:
        return parse(values)
    except ValueError as error:
        raise SettingsError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from error


def parse(values: object) -> Settings:
    """Return the settings in a document. Raises ValueError with all problems, one per line."""
    if not isinstance(values, dict) or values.get("version") != 1:
        raise ValueError("its version is not 1")
    problems = [f"{name} must be given" for name in ("store", "url", "container", "policies") if name not in values]
    found: dict[str, Any] = {}
    for name, kind in KINDS.items():
        if values.get(name) is None:
            continue
        try:
            found[name] = kind(values[name])
        except (TypeError, ValueError) as error:
            problems += [f"{name}: {line}" if not line.startswith(name) else line for line in str(error).splitlines()]
    if problems:
        raise ValueError("\n".join(problems))
    limits = {name: found.pop(name) for name in LIMIT_NAMES if name in found}
    return Settings(**found, limits=Limits(**limits))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _path(value: object) -> Path | None:
    return Path(_text(value)) if value else None


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    return tuple(_text(item) for item in value)


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is not true or false")
    return value


LIMIT_NAMES = tuple(item.name for item in dataclasses.fields(Limits))
KINDS: dict[str, Callable[[Any], Any]] = {
    "store": lambda value: Path(_text(value)),
    "url": _text,
    "container": _text,
    "policies": lambda value: tuple(parse_policies(value)),
    "username": lambda value: _text(value) or None,
    "password_file": _path,
    "ca_file": lambda value: _text(value) or None,
    "protect": _texts,
    "in_use_folder": _path,
    "report_hosts": _texts,
    "report_max_age_days": _number,
    "docker_sockets": _texts,
    "catalogues": lambda value: tuple(map(Path, _texts(value))),
    "named": _path,
    "choices": _path,
    "hub": _path,
    "keep_chosen_days": _number,
    "max_removals": lambda value: int(_number(value)),
    "max_fraction": _number,
    "allow_empty": _truth,
}
