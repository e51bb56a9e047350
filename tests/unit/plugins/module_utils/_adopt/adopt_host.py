# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small host with TLJH below a folder: its files by TLJH's documents, database and password store real ones."""

from __future__ import annotations

import dbm.dumb
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._adopt import read
from ansible_collections.labserver.jupyter.plugins.module_utils._doctor.handle import World as Host

HASH = "$2b$12$0123456789012345678901234567890123456789012345678901a"
PASSWD = """\
root:x:0:0:root:/root:/bin/bash
jupyter-ada:x:1201:1201::/home/jupyter-ada:/bin/bash
jupyter-ben:x:1202:1202::/home/jupyter-ben:/bin/bash
jupyter-gone:x:1203:1203::/home/jupyter-gone:/bin/bash
operator1:x:1300:1300::/home/operator1:/bin/bash
"""
GROUP = """\
root:x:0:
sudo:x:27:operator1
optics:x:1500:jupyter-ada,operator1
jupyterhub-users:x:1501:jupyter-ada,jupyter-ben
jupyter-ada:x:1201:
jupyter-ben:x:1202:
"""
CONFIG = """\
users:
  admin:
  - ada
  allowed:
  - ben
  banned: [cleo]
  extra_user_groups:
    xray:
    - ben
    - nobody-known
limits:
  memory: 2G
  cpu: 1.5
services:
  cull:
    timeout: 600
"""
SCHEMA = """
CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, admin INTEGER);
CREATE TABLE groups(id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE user_group_map(user_id INTEGER, group_id INTEGER);
CREATE TABLE spawners(id INTEGER PRIMARY KEY, user_id INTEGER, server_id INTEGER);
INSERT INTO users VALUES(1, 'ada', 1), (2, 'ben', 0), (3, 'dora', 0);
INSERT INTO groups VALUES(1, 'teachers');
INSERT INTO user_group_map VALUES(3, 1);
"""


class NoEngine:
    """A host without Docker."""

    def get(self, path: str, **_query: Any) -> Any:
        raise AssertionError(path)


def tljh(root: Path, version: str = "2.0.0") -> Path:
    """Make the host; returns its root folder."""
    for folder in ("etc", "var/lib", "opt/tljh/config", "opt/tljh/state", "srv", "proc", "home/operator1"):
        (root / folder).mkdir(parents=True)
    for name in ("ada", "ben", "gone"):
        (root / "home" / f"jupyter-{name}").mkdir(mode=0o755)
    (root / "etc/passwd").write_text(PASSWD)
    (root / "etc/group").write_text(GROUP)
    (root / "etc/shadow").write_text("root:*:1::::::\n")
    (root / "etc/shadow").chmod(0o640)
    (root / "etc/fstab").write_text("//nas/data /mnt/data cifs credentials=/root/nas,ro,vers=2.1 0 0\n")
    (root / "opt/tljh/config/config.yaml").write_text(CONFIG)
    base = sqlite3.connect(root / "opt/tljh/state/jupyterhub.sqlite")
    base.executescript(SCHEMA)
    base.close()
    with dbm.dumb.open(str(root / "opt/tljh/state/passwords.dbm"), "c") as store:
        for name in ("ada", "ben", "removed"):
            store[name] = HASH
    site = root / "opt/tljh/hub/lib/python3.12/site-packages"
    info = site / f"the_littlest_jupyterhub-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: the-littlest-jupyterhub\nVersion: {version}\n")
    (root / "opt/tljh/user/lib/python3.12/site-packages/numpy-2.1.0.dist-info").mkdir(parents=True)
    return root


def world(root: Path, directory: str = "", units: str = "") -> read.World:
    """Return a world in which this Python stands for that of TLJH's hub, with the paths of the host below ``root``."""

    def ask(argv: Sequence[str]) -> tuple[int, str]:
        if argv[0] == "sh":
            return 0, directory
        words = [word.replace('"/opt/tljh', f'"{root}/opt/tljh') for word in argv[-2:]]
        site = root / "opt/tljh/hub/lib/python3.12/site-packages"
        return read.ask(["env", f"PYTHONPATH={site}", sys.executable, "-c", *words])

    def run(*argv: str) -> str:
        return units if argv[:2] == ("systemctl", "list-units") else ""

    return read.World(Host(root=root, proc=root / "proc", engine=NoEngine(), run=run), ask)
