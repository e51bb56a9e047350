# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hub and the host's job tell each other of people's images."""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from ansible_collections.labserver.jupyter.plugins.module_utils._builds import job
from labhub.builds import model
from labhub.exchange.kept import Kept
from writers import DIGEST, Files

NOW = datetime(2026, 11, 28, 20, 34, tzinfo=UTC)


@cache
def builds() -> Files:
    """What the hub keeps: one build that waits, one to publish, one to remove, one that failed."""
    one = model.Build(
        "0" * 12, "mira", 20001, "leem", "physics", "20261128-203400", "folder", "envs/a", "notebook:1.0", NOW
    )
    packing = dataclasses.replace(
        one, id="1" * 12, state=model.PACKING, began=NOW, base_repository="notebook", base_digest=DIGEST, container="c"
    )
    removing = dataclasses.replace(packing, id="2" * 12, state=model.REMOVING, ended=NOW, digest=DIGEST)
    failed = model.ended(dataclasses.replace(one, id="3" * 12), model.FAILED, "no {line}", {"line": "way"}, NOW)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / model.FILE
        kept = Kept(path, "builds", model.from_json, model.to_json, "")

        async def add() -> None:
            for each in (one, packing, removing, failed):
                await kept.add(each, most=50)

        asyncio.run(add())
        return {"srv/labserver/hub/state/builds.json": path.read_bytes()}


@cache
def published() -> Files:
    """What the job tells of two of them."""
    results = {"1" * 12: job.Result("ok", "", DIGEST), "2" * 12: job.Result("archive", "'x' is a device")}
    return {job.PUBLISHED: job.document(results).encode()}
