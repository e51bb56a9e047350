# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How this server reaches the outside: the variables that name the proxy of the lab's network.

The role docker writes them down for everything that runs on the host without Ansible. systemd reads the same file for
the engine (systemd.exec(5), EnvironmentFile).
"""

from __future__ import annotations

from pathlib import Path

FILE = "etc/labserver/outgoing.env"
"""Relative to the root; only root may read it, since the proxy's address may hold a password."""


def parse(text: str) -> dict[str, str]:
    """Return the variables of a file as ``render`` writes it."""
    lines = (line.partition("=") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value for name, _equals, value in lines}


def render(variables: dict[str, str]) -> str:
    """Return the file's text. Values have no characters that systemd would take for quotes."""
    return "".join(f"{name}={value}\n" for name, value in variables.items())


def environment(root: Path = Path("/")) -> dict[str, str]:
    """Return what a program that goes outside needs in its environment; nothing where no proxy was named.

    Others than root may not read the file; nothing that they run here goes outside. Other errors raise OSError.
    """
    try:
        return parse((root / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, PermissionError):
        return {}
