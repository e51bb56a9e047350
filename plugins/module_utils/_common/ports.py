# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who listens at a TCP port of this host, from /proc: for the message that a port is taken."""

from __future__ import annotations

import contextlib
from pathlib import Path

LISTEN = "0A"  # state in /proc/net/tcp, proc(5)


def holder(port: int, proc: Path = Path("/proc")) -> str:
    """Return who listens there, such as ``nginx (process 812)``; empty when nobody does or it cannot be known."""
    inodes = {f"socket:[{inode}]" for table in ("net/tcp", "net/tcp6") for inode in _listening(proc / table, port)}
    if not inodes:
        return ""
    for folder in sorted(proc.glob("[0-9]*"), key=lambda path: int(path.name)):  # the master before its workers
        with contextlib.suppress(OSError):
            if any(str(link.readlink()) in inodes for link in (folder / "fd").iterdir()):
                return f"{(folder / 'comm').read_text().strip()} (process {folder.name})"
    return ""


def _listening(table: Path, port: int) -> list[str]:
    """Return the inodes of the sockets that listen at the port."""
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return []
    return [row[9] for row in rows if row[3] == LISTEN and int(row[1].rpartition(":")[2], 16) == port]
