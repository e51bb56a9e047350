# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of the images that people start, written by those who write it on a server."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue import service as catalogue_service
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue import trial
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.packages import Packages
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.signed import Signed
from ansible_collections.labserver.jupyter.plugins.module_utils._images import publish
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._catalogue.cosign import Key
from labhub.exchange.images import parse_images
from labhub.servers import choices as hub_choices
from writers import BROKEN_DIGEST, DIGEST, NOW, OLD_DIGEST, Files, _found


class _Registry:
    """Two tags, one of an image that cannot be started. The other stands for a newer image in the second round."""

    def __init__(self) -> None:
        self.newer = False

    def repositories(self) -> list[str]:
        return ["notebook", "steps"]

    def tags(self, repository: str) -> list[str]:
        return ["1.0"]

    def digest(self, repository: str, tag: str) -> str:
        return BROKEN_DIGEST if repository == "steps" else DIGEST if self.newer else OLD_DIGEST

    def description(self, repository: str, digest: str) -> tuple[Mapping[str, str], str, int]:
        labels = {"org.labserver.title": "Notebook", "org.labserver.groups": "leem, xps", "org.labserver.pids": "256"}
        return (labels if digest in (DIGEST, OLD_DIGEST) else {}), "2026-11-20T09:00:00Z", 123


class _Engine:
    """An engine that has all images; servers of ``steps`` do not start."""

    def packages(self, name: str, reference: str) -> Packages:
        version = "2.1.0" if OLD_DIGEST in reference else "2.3.1"
        return Packages({"Python": "3.13.5", "numpy": version}, {"bash": "5.2"})

    def has(self, reference: str) -> bool:
        return True

    def try_out(self, name: str, reference: str, memory_bytes: int) -> trial.Outcome:
        return trial.Outcome(BROKEN_DIGEST not in reference, "6.1.1")


@cache
def catalogue(*, signed: bool = False) -> Files:
    """What the service of the catalogue tells: images.json. ``signed``: it asks for signatures, which nobody made."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "var/lib/labserver/catalogue/images.json"
        output.parent.mkdir(parents=True)
        settings = {
            "registry": "127.0.0.1:5000",
            "output": str(output),
            "repositories": ["*"],
            "default_image": "notebook",
            "image_keys": [{"name": "lab-2026", "key": Key().public}] if signed else [],
        }
        registry = _Registry()
        stand_ins: dict[str, Any] = {"registry": registry, "docker": _Engine()}
        service = catalogue_service.Service(
            settings,
            **stand_ins,
            credentials=lambda: ("puller", "secret"),
            clock=NOW.timestamp,
            say=lambda _text: None,
            signed=Signed.of_settings(settings, lambda _text: None),
        )
        service.round()
        registry.newer = True
        service.round()
        return _found(Path(folder), "var/lib/labserver/catalogue/images.json")


@cache
def named_images() -> Files:
    """Which images the inventory names: named.json of the room ``images``."""
    images = [publish.Image("labserver/notebook:abc", "notebook", "1.0"), publish.Image("x:1", "steps", "1.0")]
    return {"etc/labserver/images/named.json": publish.record(images).encode()}


@cache
def choices() -> Files:
    """Which image each person started last, as the hub writes it down."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "srv/labserver/hub/state/choices.json"
        path.parent.mkdir(parents=True)
        (image, _broken) = parse_images(json.loads(catalogue()["var/lib/labserver/catalogue/images.json"]))
        for name in ("mira", "jonas"):
            hub_choices.note(path, name, image, NOW)
        return _found(Path(folder), "srv/labserver/hub/state/choices.json")
