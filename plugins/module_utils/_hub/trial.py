# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The throwaway container in which a new configuration is loaded before it is installed."""

from __future__ import annotations

from typing import Any

NAME = "labserver-hub-trial"


def body(image: str, uid: int, folder: str, staged: str) -> dict[str, Any]:
    """Return the throwaway container that loads the staged configuration. It has no network."""
    return {
        "Image": image,
        "User": f"{uid}:{uid}",
        "Cmd": ["python", "-m", "labhub.trial"],
        "Env": ["LABHUB_SETTINGS=/trial/hub.json", "LABHUB_CONFIG_D=/trial/config.d"],
        "Labels": {"org.labserver.room": "hub"},
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
