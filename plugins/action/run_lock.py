# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of M(labserver.jupyter.run_lock): knows which run this is, and which runs of this controller died."""

from __future__ import annotations

import getpass
import hashlib
import os
import socket
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.action import ActionBase
from ansible_collections.labserver.jupyter.plugins.module_utils._common import process as commands
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _release

PS_SECONDS = 30
REFUSED = (
    "Another run works on {host} since {since}: process {process} of {user} on {controller}. This one changed nothing."
    " It was last seen at {seen}. Wait until it ends; if it died, it gives way at {until}, or at once when you run on"
    " {host}: sudo rm /run/labserver/run.json"
)


def began(process: int, root: Path = Path("/")) -> str:
    """Return when a process of this machine began, as text; empty when there is no such process.

    Linux counts it from the boot. ``ps`` would work it out from the clock, and say another second once the clock was
    set; it is asked where there is no /proc.
    """
    boot = root / "proc/sys/kernel/random/boot_id"
    if boot.exists():
        try:
            # The name of the program, in brackets, may hold anything; the 20th field after it is the time.
            fields = (root / "proc" / str(process) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return ""
        return f"{boot.read_text().strip()} {fields[19]}"
    command = ["ps", "-o", "lstart=", "-p", str(process)]
    done = commands.call(command, PS_SECONDS, environment={"LC_ALL": "C", "TZ": "UTC"})
    return " ".join(done.output.decode("utf-8", "replace").split())


def controller(root: Path = Path("/")) -> str:
    """Return a name of this machine that no other has, and that stays when it joins another network."""
    try:
        identity = (root / "etc/machine-id").read_bytes().strip()
    except OSError:
        identity = b""
    return f"{socket.gethostname()} ({hashlib.sha256(identity or f'{uuid.getnode():012x}'.encode()).hexdigest()[:12]})"


def this_run() -> dict[str, Any]:
    """Return the run of which this process is a part: an action runs in a child of ``ansible-playbook``."""
    process = os.getppid()
    return {"controller": controller(), "user": getpass.getuser(), "process": process, "began": began(process)}


def ended(other: Mapping[str, Any]) -> bool:
    """Tell whether another run is known to have ended: only of runs of this machine that can be said."""
    return bool(other["controller"] == controller() and began(int(other["process"])) != other["began"])


def complete(options: Mapping[str, Any]) -> bool:
    """Tell whether a run with these options of ``ansible-playbook`` leaves no task out."""
    some = set(options.get("tags") or ["all"]) != {"all"} or any(options.get("skip_tags") or ())
    return not (some or options.get("start_at_task") or options.get("step"))


class ActionModule(ActionBase):
    """Asks the host, and asks again when the run that it names has died."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        arguments: dict[str, Any] = {"state": self._task.args.get("state", "held"), "run": this_run()}
        if site := self._task.args.get("site"):
            arguments["site"] = site if complete(context.CLIARGS) else "part"
            arguments["collection"] = _release.version(Path(__file__).resolve().parents[2])
        if self._task.check_mode and arguments.get("site") != "whole":
            return {**result, "changed": False}
        answer = self._execute_module("labserver.jupyter.run_lock", arguments, task_vars=task_vars)
        other = answer.get("other")
        if other and ended(other):
            dead = {key: other[key] for key in arguments["run"]}
            arguments["dead"] = dead
            answer = self._execute_module("labserver.jupyter.run_lock", arguments, task_vars=task_vars)
            other = answer.get("other")
        if other:
            host = (task_vars or {}).get("inventory_hostname", "this host")
            return {**result, "failed": True, "msg": REFUSED.format(host=host, **other)}
        return {**result, **answer}
