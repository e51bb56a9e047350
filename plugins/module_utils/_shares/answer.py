# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Does a share answer, and why not: what mount.cifs and systemd said, in words."""

from __future__ import annotations

import re

from .model import unit_name
from .world import World

_ERROR = re.compile(r"mount error\((\d+)\)|error (\d+) \(|could not resolve address")
_MEANINGS = {
    2: "the server has no such share or folder",
    13: "the server refused the user name or password (or the user may not use this share)",
    22: "an option that the kernel does not know, or a value it does not take",
    95: "the server does not speak this protocol version, or refuses to encrypt",
    110: "the server does not answer",
    111: "the server refuses the connection (is its file service running?)",
    112: "the server cannot be reached",
    113: "the server cannot be reached",
    115: "the server does not answer",
    126: "there is no Kerberos ticket or key for it",
}


def look(world: World, mount_point: str, seconds: float) -> str:
    """Look at a share, which also sets off its automount; say why it does not answer (an empty text: it does)."""
    done = world.run(["stat", "--format=%F", f"{mount_point}/."], seconds)
    real = [mount for mount in world.mounts() if mount.target == mount_point and mount.fstype != "autofs"]
    if done.well and real:
        return ""
    if done.code is None:
        return f"no answer within {seconds:g} s"
    said = ""
    if not real and world.systemd():
        unit = f"{unit_name(mount_point)}.mount"
        said = world.run(["journalctl", "--boot", "--unit", unit, "--lines=6", "--output=cat"], seconds).output
    reason = explain(said) or done.output.rpartition(": ")[2] or "not mounted"
    hint = " (the server is away, or the password was changed there)" if reason == "Host is down" else ""
    return f"not mounted: {reason}" if not real and reason != "not mounted" else reason + hint


def explain(output: str) -> str:
    """Say in words what mount.cifs meant; an empty text when it said nothing that is known."""
    errors = list(_ERROR.finditer(output))
    if not errors:
        return ""
    found = errors[-1]
    if not (found[1] or found[2]):
        return "the name of the server cannot be resolved"
    number = int(found[1] or found[2])
    return f"{_MEANINGS.get(number, 'mount failed')} (error {number})"
