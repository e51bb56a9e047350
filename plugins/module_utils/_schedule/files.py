# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that bring a job to cron or to systemd, and the check that cron will read what is written. All pure."""

from __future__ import annotations

import re
import shlex

from . import cron
from .model import Job

PROGRAM = "/usr/local/sbin/labserver"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HEADER = "# Written by labserver.jupyter (role schedule); changes here are lost."

# Debian's cron reads only such names (run-parts rule) and says nothing of those that it skips.
CRON_NAME = re.compile(r"[A-Za-z0-9_-]+")
CRON_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\s*=.*")
SPECIAL = frozenset({"@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})


def cron_name(job: str) -> str:
    """Name of the job's file in /etc/cron.d."""
    return f"labserver-{job}"


def cron_file(job: Job) -> bytes:
    """The job's file for /etc/cron.d."""
    run = f"root {PROGRAM} run {job.name}"
    lines = [HEADER, f"PATH={PATH}", 'MAILTO=""', f"{job.fields} {run} --trigger schedule"]
    if job.at_boot:
        lines.append(f"@reboot {run} --trigger boot")
    return "\n".join(lines).encode() + b"\n"


def cron_problems(name: str, content: bytes, mode: int = 0o644, owner: int = 0) -> list[str]:
    """Why Debian's cron would skip the file, or a line of it, or run something else than what is meant."""
    found: list[str] = []
    if not CRON_NAME.fullmatch(name):
        found.append(f'cron skips the name "{name}": only letters, digits, "_" and "-"')
    if mode & 0o022:
        found.append(f"cron skips a file that others may write (mode {mode:04o}); make it 0644")
    if owner != 0:
        found.append("cron skips a file that root does not own")
    if b"\r" in content:
        found.append("the file has carriage returns, which would become part of the command")
    if not content.endswith(b"\n"):
        found.append("cron skips a file without a newline at its end")
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
        problem = _line_problem(line.strip())
        if problem:
            found.append(f"line {number}: {problem}")
    return found


def _line_problem(line: str) -> str:
    if not line or line.startswith("#") or CRON_VARIABLE.fullmatch(line):
        return ""
    fields = 1 if line.startswith("@") else 5
    words = line.split(None, fields + 1)
    if len(words) < fields + 2:
        return "is neither a time, a user and a command nor a variable"
    problem = _time_problem(words[:fields])
    if not problem and not re.fullmatch(r"[a-z_][a-z0-9_-]*\$?", words[-2]):
        problem = f'"{words[-2]}" is not a user'
    if not problem and re.search(r"(?<!\\)%", words[-1]):
        problem = 'cron cuts the command at "%"'
    return problem


def _time_problem(fields: list[str]) -> str:
    if len(fields) == 1:
        return "" if fields[0] in SPECIAL else f'"{fields[0]}" is not a time that cron knows'
    try:
        cron.parse(" ".join(fields))
    except ValueError as error:
        return str(error)
    return ""


def unit_files(job: Job) -> dict[str, bytes]:
    """Name -> content of the job's systemd units, the alternative to cron."""
    service = [
        HEADER,
        "[Unit]",
        f"Description=Lab server job {job.name}",
        "[Service]",
        "Type=oneshot",
        f"Environment=PATH={PATH}",
        f"ExecStart={shlex.join([PROGRAM, 'run', job.name, '--trigger', 'schedule'])}",
        # 1 is a warning that the runner has told already; 3 means that the job is running anyway.
        "SuccessExitStatus=1 3",
    ]
    timer = [
        HEADER,
        "[Unit]",
        f"Description=Times of the lab server job {job.name}",
        "[Timer]",
        *(f"OnCalendar={when}" for when in cron.on_calendar(cron.parse(job.fields))),
        *(["OnBootSec=60"] if job.at_boot else []),
        f"Persistent={'true' if job.catch_up else 'false'}",
        "AccuracySec=1s",
        "[Install]",
        "WantedBy=timers.target",
    ]
    name = cron_name(job.name)
    return {
        f"{name}.service": "\n".join(service).encode() + b"\n",
        f"{name}.timer": "\n".join(timer).encode() + b"\n",
    }
