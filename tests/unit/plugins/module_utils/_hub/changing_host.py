# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose hub is changed, for the tests of the hub's room."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._hub import transaction
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.change import Former
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.configuration import Configuration
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.transaction import Place, World
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._hub.hub_engine import (
    container,
    engine_of,
    make_database,
)

URL = "http://127.0.0.1:8000/"
OLD, NEW = Configuration("old", ("old = 1",)), Configuration("new", ("new = 1",))
NAMES = ("labserver-docker-guard", "labserver-hub-proxy", "labserver-hub")
HASHES = dict.fromkeys(NAMES, "new")


class Host:
    """A host with a hub; ``answers`` says whether it does."""

    def __init__(self, folder: Path, answers: Callable[[], bool] = lambda: True) -> None:
        (folder / "data" / "state").mkdir(parents=True)
        place = Place(
            folder / "etc", folder / "data", folder / "hub-change.json", folder / "maintenance.json", -1, folder
        )
        OLD.write(place.folder)
        make_database(place.database, "v1", 3)
        self.place = place
        self.attended: list[bool] = []
        self.engine: Any = engine_of(*(container(name) for name in NAMES))
        self.world = World(
            self.engine, place, sleep=lambda _seconds: None, is_healthy=lambda _url: answers(),
            is_answering=lambda _url: answers(), attend=lambda: self.attended.append(True),
        )  # fmt: skip

    def begin(self, **changes: Any) -> Former:
        containers = {name: self.engine.containers.get(name) for name in NAMES}
        former = Former(containers, Configuration.read(self.place.folder), "", ())
        return transaction.begin(self.world, NEW, replace(former, **changes), URL, HASHES)

    def deploy(self) -> None:
        """Put another hub in the place of the first one."""
        self.engine.containers["labserver-hub"] = container("labserver-hub", label="new", identity="another")

    def deploy_all(self) -> None:
        """Put another container in the place of each."""
        for name, label in HASHES.items():
            self.engine.containers[name] = container(name, label=label, identity=f"another-{name}")

    def age(self, seconds: float) -> None:
        then = datetime.now(UTC).timestamp() - seconds
        os.utime(self.place.record, (then, then))
