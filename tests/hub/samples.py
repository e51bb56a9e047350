# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small lab for the tests: three people, two groups, two shares, three images."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import Any

from labhub.exchange.file import ExchangeFile
from labhub.exchange.images import Image, parse_images
from labhub.exchange.roster import Roster, parse_roster
from labhub.exchange.settings import Settings
from labhub.exchange.shares import Share, parse_shares, shares_of
from labhub.guard.policy import World
from labhub.portal.board import Board
from labhub.servers import server

DIGEST = "sha256:" + "a" * 64
OTHER_DIGEST = "sha256:" + "b" * 64
TODAY = datetime.date(2026, 11, 20)


def roster_document() -> dict[str, Any]:
    """Return a roster as the accounts role writes it."""
    return {
        "version": 1,
        "users": {
            "alice": {
                "system_name": "jupyter-alice", "uid": 20001, "gid": 20001, "full_name": "Alice A.",
                "home": "/home/jupyter-alice", "shell": "/bin/bash", "groups": ["leem"], "admin": True,
                "state": "present", "expires": None,
                "limits": {"cpu": 1.5, "memory_bytes": 1 << 30, "gpus": 0, "images": ["note*"]},
            },
            "mary-ann": {
                "system_name": "jupyter-mary-ann", "uid": 20002, "gid": 20002, "home": "/home/jupyter-mary-ann",
                "groups": ["xps"], "admin": False, "state": "present", "expires": "2026-11-20", "limits": {},
                "a_key_of_tomorrow": 1,
            },
            "carol": {
                "system_name": "jupyter-carol", "uid": 20003, "gid": 20003, "home": "/home/jupyter-carol",
                "groups": [], "admin": False, "state": "locked", "expires": None, "limits": {},
            },
        },
        "groups": {"leem": {"gid": 30001}, "xps": {"gid": 30002}},
    }  # fmt: skip


def shares_document() -> dict[str, Any]:
    """Return shares as the shares role writes them."""
    return {
        "version": 1,
        "shares": {
            "data": {
                "type": "cifs", "mount_point": "/srv/labserver/shares/data/files", "path": "/mnt/data",
                "bind": "/srv/labserver/shares/data", "access": {"leem": "rw", "xps": "ro"}, "others": "none",
                "when_absent": "refuse",
            },
            "scratch": {
                "type": "cifs", "mount_point": "/srv/labserver/shares/scratch/files", "path": "/mnt/scratch",
                "bind": "/srv/labserver/shares/scratch", "access": {}, "others": "ro", "when_absent": "without",
            },
        },
    }  # fmt: skip


def image_document(**changes: Any) -> dict[str, Any]:
    """Return one image of the catalogue."""
    return {
        "repository": "notebook", "tag": "1.0", "digest": DIGEST, "reference": f"127.0.0.1:5000/notebook@{DIGEST}",
        "title": "Notebook", "description": "", "created": "2026-11-19T10:00:00Z", "size_bytes": 1, "groups": None,
        "state": "ready", "reason": "", **changes,
    }  # fmt: skip


def images_document() -> dict[str, Any]:
    """Return a catalogue: one image for all, one for the group xps, a broken one."""
    return {
        "version": 1,
        "updated": "2026-11-20T10:00:00Z",
        "images": [
            image_document(),
            image_document(
                repository="steps", digest=OTHER_DIGEST, reference=f"127.0.0.1:5000/steps@{OTHER_DIGEST}",
                title="Steps", groups=["xps"], limits={"memory_bytes": 1 << 29},
            ),
            image_document(tag="2.0", state="broken", reason="jupyterhub-singleuser cannot start in it"),
        ],
    }  # fmt: skip


def settings(**changes: Any) -> Settings:
    """Return settings of the hub."""
    return dataclasses.replace(Settings(cpu=2.0, memory_bytes=1 << 30), **changes)


def world(**changes: Any) -> World:
    """Return what the guard judges by."""
    roster: Roster = parse_roster(roster_document())
    shares: tuple[Share, ...] = parse_shares(shares_document())
    images: tuple[Image, ...] = parse_images(images_document())
    return World(settings(**changes), roster, shares, images)


def good_body(name: str = "alice") -> dict[str, Any]:
    """Return the create body that the spawner makes for a person who uses all their shares."""
    lab = world()
    person = lab.roster.people[name]
    image = lab.images[0 if name == "alice" else 1]
    mine = shares_of(person, lab.shares)
    host = server.host_config(lab.settings, lab.roster, person, server.allowance(lab.settings, person, image), mine)
    env = {**server.person_environment(person), "JUPYTERHUB_API_TOKEN": "x"}
    return server.create_body(person, image, env, ["jupyterhub-singleuser"], host, port=8888)


def silent_board() -> Board:
    """Return a board without files: what it shows is what somebody puts on it."""
    return Board((), ExchangeFile(Path("/no/such/roster.json"), parse_roster, Roster()))
