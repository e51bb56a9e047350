# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The throwaway container in which a new configuration is loaded before it is installed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from .._common import labels
from .._common.docker_api import DockerEngine

NAME = "labserver-hub-trial"
STAGED = "trial-"
"""How the folders begin in which configurations wait for their trial."""
OLD_SECONDS = 600.0
"""A trial takes some seconds; what is older belongs to a run that died."""


def body(image: str, uid: int, folder: str, staged: str) -> dict[str, Any]:
    """Return the throwaway container that loads the staged configuration. It has no network."""
    return {
        "Image": image,
        "User": f"{uid}:{uid}",
        "Cmd": ["python", "-m", "labhub.trial"],
        "Env": ["LABHUB_SETTINGS=/trial/hub.json", "LABHUB_CONFIG_D=/trial/config.d"],
        "Labels": {labels.ROOM: "hub"},
        "HostConfig": {
            "Binds": [
                f"{folder}/secrets:{folder}/secrets:ro",
                f"{staged}:/trial:ro",
            ],
            "Tmpfs": {"/tmp": ""},  # noqa: S108 (inside the container)
            "NetworkMode": "none",
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "Memory": 512 << 20,
        },
    }


def clear_up(api: DockerEngine, folder: Path, now: float) -> None:
    """Remove what runs that died in their trial have left: containers, and configurations that may hold secrets.

    ``now`` in seconds since the epoch. Raises EngineError or OSError.
    """
    for one in api.get("/containers/json", all=True, filters={"name": [f"^/{NAME}-"]}):
        if now - one["Created"] > OLD_SECONDS:
            api.request("DELETE", f"/containers/{one['Id']}", query={"force": "1"})
    for staged in folder.glob(f"{STAGED}*"):
        if now - staged.stat().st_mtime > OLD_SECONDS:
            shutil.rmtree(staged)
