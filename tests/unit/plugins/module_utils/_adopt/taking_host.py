# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with TLJH below a folder that is taken over; its commands are written down and not run."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ansible_collections.labserver.jupyter.plugins.module_utils._adopt import keep, read, takeover
from ansible_collections.labserver.jupyter.plugins.module_utils._adopt.model import Choices, Current
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._adopt.adopt_host import tljh, world

NOW = 1_800_000_000.0


@dataclass
class Commands:
    """Stands for the commands of the host; everything succeeds but what is named."""

    failing: str = "nothing"
    given: list[str] = field(default_factory=list)

    def __call__(self, argv: Sequence[str]) -> tuple[int, str]:
        line = " ".join(argv)
        self.given.append(line)
        if "nginx" in line and "is-" in line:
            return 3, "inactive"
        return (1, "it broke") if self.failing in line else (0, "")


@dataclass
class Host:
    root: Path
    commands: Commands
    effects: keep.Effects

    @classmethod
    def make(cls, folder: Path) -> Host:
        """Make a host with the files of TLJH."""
        commands = Commands()
        return cls(tljh(folder), commands, keep.Effects(folder, commands, lambda: NOW))

    def look(self) -> Current:
        return replace(read.read(world(self.root)), free_bytes=1 << 40, shares=())

    def touched(self) -> dict[str, tuple[bytes, int]]:
        paths = [self.root / path.lstrip("/") for path in keep.FILES]
        found = {str(path): (path.read_bytes(), path.stat().st_mode) for path in paths if path.exists()}
        return found | {str(home): (b"", home.stat().st_mode) for home in (self.root / "home").glob("jupyter-*")}

    def entries(self) -> dict[str, tuple[str, int]]:
        base = sqlite3.connect(self.root / takeover.STORE)
        return {name: (value, one) for name, value, one in base.execute("SELECT name, hash, one_time FROM passwords")}


def switched(host: Host) -> None:
    """Take the host over until the old hub is stopped; the roles are a few lines here."""
    takeover.prepare(host.effects, host.look, Choices())
    (host.root / "etc/passwd").write_text("of the roles\n")
    (host.root / "etc/subuid").write_text("of the roles\n")
    (host.root / "home/jupyter-ada").chmod(0o750)
    (host.root / "home/jupyter-dora").mkdir()
    # The accounts are those that were kept; here the old list is read once more.
    lines = (host.root / keep.FOLDER / "files/etc%passwd").read_text()
    (host.root / "etc/passwd").write_text(lines + "jupyter-dora:x:20000:20000::/home/jupyter-dora:/bin/bash\n")
    takeover.switch(host.effects, host.look, Choices())
