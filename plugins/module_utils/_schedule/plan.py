# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which files of a host must change so that it has exactly the wanted jobs: read, compare, apply (module schedule)."""

from __future__ import annotations

import contextlib
import json
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .._common import clock, files, job_lock
from .._common.lock import BusyError
from . import model
from .alert import CONFIG as ALERTS
from .files import cron_file, cron_name, cron_problems, unit_files
from .status import FOLDER as STATUS

JOBS = "etc/labserver/jobs.d"
CRON = "etc/cron.d"
UNITS = "etc/systemd/system"

# What a job file may hold in its environment is shown to nobody.
JOB_MODE = 0o600
FILE_MODE = 0o644

Desired = Mapping[str, Mapping[str, "File | None"]]
"""Job -> path -> the file that shall be there, or None where none shall be; the alert file is nobody's (job "")."""
Current = Mapping[str, "File"]
"""Path -> the file as it is; paths without a file are left out."""
END_OF_RUN_SECONDS = 60.0
"""How long a job that is taken off may go on; after that its status is removed by the next run of the playbook."""

Run = Callable[[Sequence[str]], tuple[int, str]]  # argv -> exit status and output


@dataclass(frozen=True)
class File:
    """A file as it is or shall be; ``path`` is relative to the root of the file system."""

    path: str
    content: bytes
    mode: int
    owner: int = 0


@dataclass(frozen=True)
class Action:
    """One step of a plan: ``what`` is write, remove or timer."""

    what: str
    name: str
    job: str
    file: File | None = None


@dataclass(frozen=True)
class Plan:
    """``before`` and ``after`` are path -> what a diff shows."""

    actions: tuple[Action, ...]
    before: Mapping[str, str]
    after: Mapping[str, str]

    @property
    def changed(self) -> bool:
        return bool(self.actions)


def desired(
    items: Sequence[Mapping[str, Any]], backend: str, host: str, alerts: Mapping[str, Any] | None = None
) -> Desired:
    """Return the files of checked jobs; ``host`` seeds their minutes, ``alerts`` None leaves that file alone."""
    wanted: dict[str, dict[str, File | None]] = {}
    if alerts is not None:
        content = json.dumps(alerts, indent=2, sort_keys=True).encode() + b"\n"
        wanted[""] = {ALERTS: File(ALERTS, content, JOB_MODE)}
    for item in items:
        name = item["name"]
        cron = f"{CRON}/{cron_name(name)}"
        units = [f"{UNITS}/{cron_name(name)}.{kind}" for kind in ("service", "timer")]
        of_job: dict[str, File | None] = dict.fromkeys([f"{JOBS}/{name}.json", cron, *units])
        if item.get("state", "present") == "absent":
            of_job[f"{STATUS}/{name}.json"] = None
        else:
            job = model.from_mapping(item, host)
            of_job[f"{JOBS}/{name}.json"] = File(f"{JOBS}/{name}.json", model.to_json(job), JOB_MODE)
            if backend == "cron":
                of_job[cron] = File(cron, cron_file(job), FILE_MODE)
            else:
                for unit, content in unit_files(job).items():
                    of_job[f"{UNITS}/{unit}"] = File(f"{UNITS}/{unit}", content, FILE_MODE)
        wanted[name] = of_job
    return wanted


def read(root: Path, paths: Sequence[str]) -> Current:
    """Return those of ``paths`` that exist, as they are."""
    found = {}
    for path in paths:
        try:
            status = (root / path).stat()
            found[path] = File(path, (root / path).read_bytes(), stat.S_IMODE(status.st_mode), status.st_uid)
        except FileNotFoundError:
            continue
    return found


def compare(wanted: Desired, existing: Current) -> Plan:
    """Return what has to change; raises ValueError when cron would not read a file that is to be written."""
    actions: list[Action] = []
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    refused: list[str] = []
    for job, of_job in wanted.items():
        for path, file in of_job.items():
            old = existing.get(path)
            if file == old:
                continue
            if file is not None and path.startswith(f"{CRON}/"):
                name = path.rpartition("/")[2]
                refused += [f"/{path}: {problem}" for problem in cron_problems(name, file.content)]
            actions.append(Action("write" if file else "remove", f"/{path}", job, file))
            before[path] = _shown(old)
            after[path] = _shown(file)
        if any(action.job == job and action.name.endswith(".timer") for action in actions):
            actions.append(Action("timer", f"{cron_name(job)}.timer", job))
    if refused:
        raise ValueError("; ".join(refused))
    return Plan(tuple(actions), before, after)


def _shown(file: File | None) -> str:
    """The file as a diff may show it: without the values of a job's environment."""
    if file is None:
        return ""
    if file.path == ALERTS:
        return f"mode {file.mode:04o}\n(hidden)\n"
    text = file.content.decode("utf-8", "replace")
    if file.path.startswith(f"{JOBS}/"):
        try:
            job = model.from_json(file.content)
        except ValueError:
            return "(not a job file)\n"
        hidden = dict.fromkeys(job.environment, "(hidden)")
        text = model.to_json(replace(job, environment=hidden)).decode()
    return f"mode {file.mode:04o}\n{text}"


def apply(root: Path, steps: Plan, run: Run) -> None:
    """Carry the plan out; ``run`` runs a command. Raises OSError, or RuntimeError when systemd refuses a timer."""
    timers = [action for action in steps.actions if action.what == "timer"]
    for action in timers:
        if not _wanted_timer(steps, action):
            run(["systemctl", "disable", "--now", action.name])  # before its file goes
    for action in steps.actions:
        path = root / action.name.lstrip("/")
        if action.what == "remove":
            path.unlink(missing_ok=True)
        elif action.file is not None:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            files.replace(path, action.file.content, action.file.mode)
    for action in steps.actions:
        if action.what == "remove" and action.name == f"/{JOBS}/{action.job}.json":
            _forget(root, action.job)
    if not timers:
        return
    run(["systemctl", "daemon-reload"])
    wanted = [action for action in timers if _wanted_timer(steps, action)]
    for index, action in enumerate(wanted):
        status, output = run(["systemctl", "enable", "--now", action.name])
        if status == 0:
            status, output = run(["systemctl", "restart", action.name])
        if status:
            for left in wanted[index:]:  # so that the next run tries again
                (root / UNITS / left.name).unlink(missing_ok=True)
            raise RuntimeError(f"systemctl enable --now {action.name}: {output.strip()}")


def _forget(root: Path, job: str) -> None:
    """Remove the status of a job that is gone; a run that is going on would write it once more at its end."""
    if job_lock.running_since(root, job) is not None:
        with (
            contextlib.suppress(BusyError),
            job_lock.hold(root, job, clock.utc_now(), time.sleep, wait_seconds=END_OF_RUN_SECONDS),
        ):
            pass
    (root / STATUS / f"{job}.json").unlink(missing_ok=True)


def _wanted_timer(steps: Plan, timer: Action) -> bool:
    return not any(action.what == "remove" and action.name.endswith(f"/{timer.name}") for action in steps.actions)
