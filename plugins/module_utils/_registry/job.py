# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver registry-maintain``: the weekly job, from the configuration that the role ``registry`` wrote."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common import job
from .._common.docker_api import SOCKET, DockerEngine, EngineError
from .cache import Cache
from .client import RegistryClient, RegistryError
from .engine import images_in_use, signal
from .maintenance import Refused, Report, Work, maintain
from .pause import Busy, PauseError, supervised
from .plan import Limits, Protection
from .policy import parse_policies
from .protect import ProtectionError, gather, missing_reports
from .store import Store
from .table import bytes_text, render

CONFIG = Path("/etc/labserver/registry/maintenance.json")
CACHE = Path("/var/lib/labserver/registry/manifests.jsonl")
Uses = Sequence[tuple[str, Sequence[Mapping[str, Any]]]]  # host -> what images_in_use() returned there
OK, WARNING, CRITICAL, BUSY = 0, 1, 2, 3


class ConfigError(Exception):
    """The configuration cannot be used."""


@dataclass(frozen=True, slots=True)
class Config:
    """The job's configuration file, read."""

    values: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path) -> Config:
        """Read and check the file. Raises ConfigError."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: {error}") from error
        if not isinstance(values, dict) or values.get("version") != 1:
            raise ConfigError(f"{path}: its version is not 1")
        missing = sorted({"store", "url", "container", "policies"} - values.keys())
        if missing:
            raise ConfigError(f"{path}: {', '.join(missing)} must be given")
        return cls(values)

    def client(self) -> RegistryClient:
        """Return a client with the password from its file."""
        values = self.values
        password = ""
        if values.get("password_file"):
            try:
                password = Path(values["password_file"]).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise ConfigError(f"the password of the registry cannot be read: {error}") from error
        return RegistryClient(
            values["url"],
            username=values.get("username") or None,
            password=password,
            ca_file=values.get("ca_file") or None,
        )

    def protection(self, in_use: Uses = (), protect: Sequence[str] = ()) -> Protection:
        """Ask engines, reports of other hosts and the hub's catalogue what must stay; add what the caller knows.

        Raises ProtectionError when one of the hosts that use this registry has not told for too long what it uses.
        """
        values = self.values
        sockets = values.get("docker_sockets", [])
        folder = values.get("in_use_folder")
        told = {host for host, _images in in_use}
        silent = missing_reports(
            Path(folder or "/nowhere"),
            [host for host in values.get("report_hosts", []) if host not in told],
            time.time(),
            float(values.get("report_max_age_days", 45)) * 86400,
        )
        if silent:
            raise ProtectionError(f"{'; '.join(silent)}. Run playbooks/prune.yml; until then nothing is removed")
        return gather(
            in_use=[*in_use, *((os.uname().nodename, images_in_use(DockerEngine(path))) for path in sockets)],
            reports=sorted(Path(folder).glob("*.json")) if folder else (),
            catalogues=[Path(path) for path in values.get("catalogues", [])],
            references=[*values.get("protect", []), *protect],
        )

    def work(self, in_use: Uses = (), protect: Sequence[str] = ()) -> Work:
        """Return what is to be done. Raises ConfigError."""
        values = self.values
        try:
            policies = parse_policies(values["policies"])
            limits = Limits(
                int(values.get("max_removals", 0)),
                float(values.get("max_fraction", 0.9)),
                bool(values.get("allow_empty", False)),
            )
            protection = self.protection(in_use, protect)
        except (ValueError, TypeError) as error:
            raise ConfigError(str(error)) from error
        return Work(policies=policies, protection=protection, limits=limits)

    def pause(self) -> Callable[[], contextlib.AbstractContextManager[None]]:
        """Return how the lab's registry is brought to rest."""
        container = self.values["container"]
        engine = DockerEngine((self.values.get("docker_sockets") or [SOCKET])[0])
        return pause_container(Path(self.values["store"]), container, engine)


def pause_container(
    store: Path, container: str, engine: DockerEngine
) -> Callable[[], contextlib.AbstractContextManager[None]]:
    """Return how a registry is brought to rest that runs in a container of the role ``registry``."""
    return functools.partial(supervised, store / ".locks", functools.partial(signal, engine, container, "USR1"))


def main(argv: Sequence[str]) -> int:
    """Run the job; returns 0 (well), 1 (something to look at), 2 (failed) or 3 (another one is at work)."""
    parser = argparse.ArgumentParser(prog="labserver registry-maintain", description=__doc__)
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--check", action="store_true", help="only tell what would be removed")
    options = parser.parse_args(argv)
    try:
        config = Config.load(options.config)
        with config.client() as client:
            report = maintain(
                Store(Path(config.values["store"])),
                Cache(options.cache),
                client,
                config.pause(),
                config.work(),
                check=options.check,
            )
    except Busy as error:
        _complain(str(error))
        return BUSY
    except Refused as error:
        _complain(render(error.report.plan, error.report.now, only_removed=True))
        return CRITICAL
    except (ConfigError, ProtectionError, EngineError, PauseError, RegistryError, OSError) as error:
        _complain(f"labserver registry-maintain: {error}")
        return CRITICAL
    sys.stdout.write(render(report.plan, report.now, report.freed, only_removed=True))
    return _finish(report)


def _finish(report: Report) -> int:
    job.leave(f"{report.removed} removed, {bytes_text(report.freed)} freed")
    for text in report.warnings:
        _complain(f"WARNING {text}")
    for text in report.broken:
        _complain(f"BROKEN {text}")
    if report.downtime:
        sys.stdout.write(
            f"the registry paused for {report.downtime:.1f} s; {report.verified} kept tags were checked; "
            f"{bytes_text(report.freed)} came free\n"
        )
    if report.broken:
        return CRITICAL
    return WARNING if report.warnings or report.plan.problems else OK


def _complain(text: str) -> None:
    sys.stderr.write(text.rstrip("\n") + "\n")
