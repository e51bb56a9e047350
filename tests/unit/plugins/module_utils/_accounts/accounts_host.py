# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host in a temporary folder for the tests of the accounts, with clock and owners handed in.

Its account files are the short ones below, or those in ``recorded/``: written by the tools of Debian 12 and 13 for an
administrator (op), an account made by hand, two people of a TLJH with its groups, and two accounts that are no people.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import input as inputs
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.apply import converge
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.folders import Folders
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.homes import Homes
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.ids import Ids
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.nss import NameService
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.quota import Quotas
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.world import Outcome, World
from ansible_collections.labserver.jupyter.plugins.module_utils._common.mounts import Mount

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1111111111111111111111111111111111111111111 mira@desk"

# As shadow 4.13 of Debian 12 left them (shortened): op was made by hand and may sudo, jupyter-hand is to be adopted.
FILES = {
    "passwd": """\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
messagebus:x:100:102::/nonexistent:/usr/sbin/nologin
op:x:1000:1000::/home/op:/bin/sh
jupyter-hand:x:1001:1001:Hand Made,,,:/home/jupyter-hand:/bin/sh
""",
    "shadow": """\
root:*:20777:0:99999:7:::
daemon:*:20777:0:99999:7:::
www-data:*:20777:0:99999:7:::
nobody:*:20777:0:99999:7:::
messagebus:!:20777::::::
op:$y$j9T$c2FsdHNhbHQ$aGFzaA:20777:0:99999:7:::
jupyter-hand:!:20777:0:99999:7:::
""",
    "group": """\
root:x:0:
daemon:x:1:
sudo:x:27:op
www-data:x:33:
shadow:x:42:
users:x:100:
nogroup:x:65534:
messagebus:x:102:
op:x:1000:
jupyter-hand:x:1001:
""",
    "gshadow": """\
root:*::
daemon:*::
sudo:*::op
www-data:*::
shadow:*::
users:*::
nogroup:*::
messagebus:!::
op:!::
jupyter-hand:!::
""",
    "subuid": """\
op:100000:65536
jupyter-hand:165536:65536
""",
    "subgid": """\
op:100000:65536
jupyter-hand:165536:65536
""",
}
RECORDED = {path.name: path for path in sorted((Path(__file__).parent / "recorded").iterdir())}
RECORDED_HOMES = {"jupyter-mira": 1002, "jupyter-jonas": 1003}
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@dataclass
class FakeHost:
    """A host below ``root``. Nobody needs to be root: owners are kept in ``owners`` (inode -> uid, gid)."""

    root: Path
    now: datetime = NOW
    owners: dict[int, tuple[int, int]] = field(default_factory=dict)
    quotas: Quotas = field(default_factory=lambda: Quotas(reason="not in this test"))
    name_service: NameService = field(default_factory=NameService)
    stopped: list[str] = field(default_factory=list)
    mounts: tuple[Mount, ...] = ()
    recorded: str = ""  # a folder of recorded/, or the short files above

    def __post_init__(self) -> None:
        (self.root / "etc/skel/.config").mkdir(parents=True)
        (self.root / "etc/skel/.bashrc").write_text("# hello\n")
        for name, content in FILES.items():
            path = self.root / "etc" / name
            path.write_text((RECORDED[self.recorded] / name).read_text() if self.recorded else content)
            path.chmod(0o640 if "shadow" in name else 0o644)
        self.make_home("jupyter-hand", 1001, 0o755)
        for name, uid in RECORDED_HOMES.items() if self.recorded else ():
            self.make_home(name, uid, 0o750)

    def make_home(self, name: str, uid: int, mode: int = 0o700) -> Path:
        home = self.root / "home" / name
        home.mkdir(parents=True)
        home.chmod(mode)
        self.owners[home.stat().st_ino] = (uid, uid)
        return home

    def chown(self, descriptor: int, uid: int, gid: int) -> None:
        self.owners[os.fstat(descriptor).st_ino] = (uid, gid)

    def world(self) -> World:
        def owner(status: os.stat_result) -> tuple[int, int]:
            return self.owners.get(status.st_ino, (0, 0))

        def stop(people: list[Any]) -> list[str]:
            self.stopped += [person.user.name for person in people]
            return []

        return World(
            self.root,
            Homes(self.root, self.chown, owner),
            Folders(self.root, self.chown, lambda status: owner(status)[1], lambda: self.mounts),
            quotas=self.quotas,
            name_service=self.name_service,
            now=lambda: self.now,
            stop=stop,
            forget_caches=lambda: None,
            lock_timeout_seconds=1,
        )

    def run(self, check: bool = False, ids: Ids | None = None, **variables: Any) -> Outcome:
        """Run with inputs of the role, given without their prefix; fails when they have problems."""
        desired, problems = inputs.desired({f"accounts_{key}": value for key, value in variables.items()})
        assert problems == []
        return converge(desired, ids, self.world(), check=check)

    def line(self, file: str, name: str) -> list[str] | None:
        """Return the fields of an entry, read without the code under test."""
        for line in (self.root / "etc" / file).read_text().splitlines():
            if line.split(":")[0] == name:
                return line.split(":")
        return None

    def snapshot(self) -> dict[str, tuple[int, bytes]]:
        """Return mode and content of everything below the root folder."""
        return {
            str(path.relative_to(self.root)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
            for path in sorted(self.root.rglob("*"))
            if path.name != ".pwd.lock" and self.root / "run" not in (path, *path.parents)
        }


def acts(outcome: Outcome) -> list[tuple[str, str]]:
    """Return what was planned, as pairs."""
    return [(action.what, action.name) for action in outcome.plan.actions]


def roster(host: FakeHost) -> dict[str, Any]:
    return dict(json.loads((host.root / "etc/labserver/public/roster.json").read_text()))
