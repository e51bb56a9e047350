# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of the machines: a namespace with one cable to the guest's console and one between guest and NAS."""

from __future__ import annotations

import subprocess

from .places import CONTROL, NAMESPACE, NAS, SILENT
from .process import INSIDE, sh


def up() -> None:
    """Make the namespace and the devices in it."""
    sh("ip", "netns", "add", NAMESPACE)
    sh(*INSIDE, "ip", "link", "set", "lo", "up")
    for device, address, _guest in (CONTROL, NAS):
        sh(*INSIDE, "ip", "tuntap", "add", "dev", device, "mode", "tap")
        sh(*INSIDE, "ip", "address", "add", f"{address}/24", "dev", device)
        sh(*INSIDE, "ip", "link", "set", device, "up")
    sh(*INSIDE, "ip", "address", "add", f"{SILENT}/24", "dev", NAS[0])


def down() -> None:
    """Remove the namespace with all that is in it."""
    sh("ip", "netns", "delete", NAMESPACE, check=False, stderr=subprocess.DEVNULL)


def cable(plugged: bool) -> None:
    """Plug the NAS's network cable in, or pull it: its answers do not reach the guest any more.

    (The device itself has to stay up: the guest's side of it does not recover from a failed write.)
    """
    done = sh(*INSIDE, "ip", "route", "show", "type", "blackhole", capture_output=True)
    if (NAS[2] in done.stdout) == plugged:
        sh(*INSIDE, "ip", "route", "delete" if plugged else "add", "blackhole", f"{NAS[2]}/32")


def answers(address: str, port: int) -> bool:
    """Tell whether a server of this network takes connections."""
    connect = ["timeout", "1", "bash", "-c", f"</dev/tcp/{address}/{port}"]
    return sh(*INSIDE, *connect, check=False, stderr=subprocess.DEVNULL).returncode == 0
