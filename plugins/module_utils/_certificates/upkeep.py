# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep the lab's authority at each run: the root, this host's issuer, and the host's trust in the root."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common.clock import SKEW
from . import authority, decide, trust
from .model import Config
from .world import World
from .x509 import inspect


@dataclass(frozen=True)
class Kept:
    """What was done (trust files written, a root made), and what is wrong."""

    done: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def ca_names(config: Config) -> list[str]:
    """Return all names for which this host's issuer has to be good."""
    return sorted({name for entry in config.entries if entry.source == "internal_ca" for name in entry.names})


def keep(world: World, config: Config) -> Kept:
    """Make or renew what this host needs of the authority; does nothing on a host that has none."""
    settings: dict[str, Any] = dict(config.ca)
    if not settings:
        return Kept()
    done: list[str] = []
    problems: list[str] = []
    names = ca_names(config)
    host = world.host or socket.gethostname()
    try:
        if settings.get("keeper"):
            if authority.ensure_root(world.root, settings, names, host):
                done.append("the lab's authority was made")
            csr = authority.issuer_request(world.root, names, world.now()) if names else b""
            if csr:
                issuer = authority.sign(world.root, host, names, csr, settings.get("networks") or ())
                authority.accept(world.root, authority.root_certificate(world.root), issuer, names)
        anchor = authority.root_certificate(world.root)
        if anchor:
            # The system's store is that of the running system, not of a folder.
            command = trust.run if world.root == Path("/") else lambda _argv: 0
            done.extend(trust.ensure(world.root, anchor, settings.get("registries") or [], command))
            found = inspect(anchor)
            if found.not_before > world.now() + SKEW:
                problems.append(
                    f"the lab's authority is valid only from {found.not_before:%Y-%m-%d}: it was made while the clock"
                    f" was wrong; move /{authority.FOLDER} away on the host that keeps it and run the playbook again"
                )
            left = found.fraction_left(world.now())
            if left < decide.CRITICAL_FRACTION:
                problems.append(f"the lab's authority has only {left:.0%} of its lifetime left")
        if names and not settings.get("keeper"):
            problem = authority.issuer_problem(world.root, names, world.now())
            if problem:
                problems.append(f"{problem}; run the playbook")
    except (authority.AuthorityError, OSError, ValueError) as error:
        problems.append(str(error))
    return Kept(tuple(done), tuple(problems))
