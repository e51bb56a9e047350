# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver hub-watch``: tells of a change of the hub whose run was lost, and looks after people's servers.

Whether hub, proxy and guard run is asked by ``labserver watch`` (``services.d``).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common import files, job, lock
from .._common.docker_api import SOCKET, DockerEngine, EngineError
from .._common.words import clean
from . import engine_rules, fullness, isolation_service, servers, transaction, unattended, upkeep

CONFIG = Path("/etc/labserver/hub/watch.json")
ISOLATION_SECONDS = 30.0
HEALTH_SECONDS = 30.0
SIZES = "var/lib/labserver/hub-server-sizes.json"
SIZES_SECONDS = 3300.0  # a little less than twelve rounds of the job


@dataclass(frozen=True)
class Settings:
    """``disk_bytes``: what a server may write outside of homes before that is told; 0 for never."""

    disk_bytes: int
    folders: tuple[str, ...]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Settings:
        """Return what the role wrote."""
        return cls(int(document["disk_bytes"]), tuple(document["folders"]))


@dataclass(frozen=True)
class Found:
    """What was found: ``critical`` concerns everybody, ``warnings`` can wait until tomorrow, ``done`` was mended."""

    critical: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    done: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """The exit status of the job."""
        return job.CRITICAL if self.critical else job.WARNING if self.warnings else job.OK

    def line(self) -> str:
        """Return everything in one line."""
        return (
            "; ".join([*self.critical, *self.warnings, *self.done])
            or "people's servers are kept apart, and there is room"
        )


def isolated(path: Path) -> str:
    """Return why people's servers are not kept apart, as the service that does it says; empty when they are."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(ISOLATION_SECONDS)
            client.connect(str(path))
            with client.makefile() as answer:
                said = json.loads(answer.read())
        return "" if said["isolated"] is True else f"people's servers are not kept apart: {said['reason']}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"nothing keeps people's servers apart, so none starts: labserver-hub-network.service ({error!r})"


def measured(world: transaction.World, containers: Sequence[Mapping[str, Any]], root: Path) -> list[Mapping[str, Any]]:
    """Return containers with what each has written (``SizeRw``), which Docker is asked for once an hour.

    Docker walks through all files of a layer for it: 2.5 s for 200,000 files, which anybody can make.
    """
    path = root / SIZES
    try:
        age = world.now().timestamp() - path.stat().st_mtime
        sizes = {str(key): int(size) for key, size in json.loads(path.read_bytes())["sizes"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        age, sizes = SIZES_SECONDS, {}
    if not 0 <= age < SIZES_SECONDS:
        looks = [servers.inspect(world.engine, one["Id"], size=True) or {} for one in containers]
        sizes = {str(one["Id"]): int(one.get("SizeRw") or 0) for one in looks if one}
        with contextlib.suppress(OSError):  # a full disk is told of below
            files.replace(path, (json.dumps({"version": 1, "sizes": sizes}) + "\n").encode(), 0o600)
    return [{**one, "SizeRw": sizes.get(one["Id"], 0)} for one in containers]


def look(settings: Settings, world: transaction.World, root: Path = Path("/")) -> Found:
    """Look at everything once; what can be mended is."""
    critical, warnings, done = [], [], []
    if reason := isolated(root / lock.FOLDER / isolation_service.SOCKET):
        critical.append(reason)
    try:
        # Most often the unit of the change has ended it: not after a boot, for instance.
        if ended := unattended.finish(world, HEALTH_SECONDS):
            warnings.append(ended)
        if (told := unattended.tell(world.place)) and told != ended:
            warnings.append(told)
        looks = [servers.inspect(world.engine, one.identity) for one in servers.running(world.engine)]
        running = [look for look in looks if look is not None]  # the others were stopped meanwhile
        done += [f"a limit was lost and is set again: {lost}" for lost in upkeep.mend_limits(running, root)]
        cards = upkeep.link_cards(running, root)
        done += [f"made links for systemd to {', '.join(cards)}"] if cards else []
        warnings += upkeep.written(measured(world, running, root), settings.disk_bytes) if settings.disk_bytes else []
    except (EngineError, OSError, ValueError) as error:
        critical.append(str(error))
    warnings += engine_rules.look(root)
    warnings += upkeep.scarce(upkeep.room(settings.folders))
    try:
        warnings += fullness.attend(root, world.now())
    except (OSError, ValueError) as error:
        warnings.append(f"how full homes are is not known: {error}")
    return Found(tuple(critical), tuple(warnings), tuple(done))


def main(argv: Sequence[str]) -> int:
    """Command line of the job: 0 well, 1 a warning, 2 people's servers are not kept apart."""
    argparse.ArgumentParser(prog="labserver hub-watch", description=__doc__).parse_args(list(argv))
    try:
        settings = Settings.of(json.loads(CONFIG.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"{CONFIG} cannot be used ({error!r}); run the playbook\n")
        return job.CRITICAL
    found = look(settings, transaction.World(DockerEngine(SOCKET, timeout=120)))
    for line in (*found.critical, *found.warnings, *found.done):
        sys.stdout.write(f"{clean(line, 500)}\n")
    job.leave(clean(found.line(), 500))
    return found.status
