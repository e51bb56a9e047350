# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of the maintenance on a registry server, and images for it."""

from __future__ import annotations

import functools
import os
import signal

import images
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import pause
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.cache import Cache
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.client import RegistryClient
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.maintenance import (
    Outcome,
    World,
    converge,
)
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.model import Limits
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.policy import Policy
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.store import Store
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.wanted import Desired
from registry_server import RegistryServer

REPO = "lab/notebook"


def work(server: RegistryServer, todo: Desired, **options: object) -> Outcome:
    assert server.process is not None
    stop = functools.partial(os.kill, server.process.pid, signal.SIGUSR1)
    with RegistryClient(server.url) as client:
        rest = functools.partial(pause.supervised, server.locks, stop)
        return converge(World(Store(server.store), Cache(), client, rest), todo, **options)  # type: ignore[arg-type]


def fill(server: RegistryServer, number: int = 6) -> images.Registry:
    registry = images.Registry(server.url)
    for count in range(number):
        registry.push(REPO, images.image(f"b{count}", layers=("base", f"l{count}")), f"b{count}")
    return registry


PRUNE = Desired([Policy(keep_last=2, order="name", min_age=0)], limits=Limits(max_fraction=1.0), grace=-60)
