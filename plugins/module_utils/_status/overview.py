# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver status``: jobs, services, certificates and failed servers of this host, for people and the playbook."""

from __future__ import annotations

import argparse
import json
import socket
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from .._certificates.state import read as read_certificates
from .._common import clock, words
from .._common.clock import stamp
from .._common.job import CRITICAL, OK
from .._common.job import leave as leave_summary
from .._common.job_lock import last_held, running_since
from .._schedule import cron, model
from .._schedule import status as job_status
from .._schedule.due import damaged, jobs, missed, stuck_since
from . import disks, failures, host, hub_page, metrics, recorded, rooms, services, table, trend, view
from .watch import stuck


def overview(root: Path, now: datetime) -> list[dict[str, object]]:
    """One row a job, for ``labserver status`` and the playbook of that name."""
    rows: list[dict[str, object]] = []
    for job, since in jobs(root):
        going_on = running_since(root, job.name) is not None
        status = job_status.read(root, job.name)
        due = None if going_on else missed(job, status, since, now)
        beyond = stuck_since(root, job, now)
        level, message = "running" if going_on else status.level, status.message
        if going_on and (holder := last_held(root, job.name)[1]):
            level, message = status.level, f"waits for {words.clean(holder, model.LONGEST_NAME)}"
        if due:
            level, message = "overdue", f"was due at {stamp(due)}"
        if beyond:
            level, message = "critical", stuck(root, job, beyond)
        if status.unheard:
            message = f"{message}; could not be told by {status.unheard}".lstrip("; ")
        coming = cron.next_due(cron.parse(job.fields), now.astimezone().replace(tzinfo=None))
        rows.append(
            {
                "job": job.name,
                "description": job.description,
                "level": level,
                "message": message,
                "last_run": status.started,
                "last_success": status.last_success,
                "duration_seconds": status.duration_seconds,
                "next_due": stamp(coming.astimezone()) if coming else "",
                "schedule": job.fields,
            }
        )
    empty = dict.fromkeys(("description", "last_run", "last_success", "next_due", "schedule"), "")
    for one in damaged(root):
        rows.append({**empty, "job": one.name, "level": "critical", "message": one.message, "duration_seconds": 0.0})
    return rows


def certificates(root: Path, now: datetime) -> list[dict[str, object]]:
    """One row a certificate: what is left of it, and whether what is served is the file."""
    rows: list[dict[str, object]] = []
    for name, state in read_certificates(root).items():
        served = {target.served for target in state.targets.values()}
        left = datetime.fromisoformat(state.not_after) - now if state.not_after else None
        rows.append(
            {
                "certificate": name,
                "names": list(state.names),
                "source": "self_signed (stand-in)" if state.placeholder else state.source,
                # The state file may be old when cron does not run: an expired certificate is critical all the same.
                "level": "critical" if left is None or left.total_seconds() <= 0 else state.level,
                "message": state.message,
                "not_after": state.not_after,
                "days_left": None if left is None else round(left.total_seconds() / 86400, 1),
                "served": next((word for word in ("no", "unreachable", "yes") if word in served), "unknown"),
                "last_renewed": state.renewed,
            }
        )
    return rows


def of_services(root: Path, world: services.World) -> list[dict[str, object]]:
    """One row a service, how it is just now, and one for what is not well with the host."""
    wanted, problems = services.read(root)
    found = services.look(wanted, world)
    found += [services.Health(services.Service("services.d"), "warning", problem) for problem in problems]
    found += [health for health in host.of_host(root, mend=False) if health.level != "ok"]
    return [{"service": each.service.name, "level": each.level, "message": each.message} for each in found]


def of_disks(root: Path, now: datetime) -> list[dict[str, object]]:
    """One row a disk: how full it is, and when it will be at the growth of the last days (None: it does not grow)."""
    known = recorded.points(root, recorded.DISKS)
    rows: list[dict[str, object]] = []
    for disk in disks.of_host(root):
        points = known.get(disk.target, [])
        coming = trend.forecast(points, now.timestamp(), recorded.DISKS.least)
        rows.append(
            {
                "disk": disk.target,
                "level": disk.health.level,
                "message": disk.health.message,
                "total_bytes": disk.total,
                "free_bytes": disk.free,
                "days_left": coming.days if coming else None,
                "growth_days": coming.over_days if coming else None,
                "history": trend.thinned(points),
            }
        )
    return rows


def report(root: Path, now: datetime, ask_apt: bool = True) -> dict[str, object]:
    """Return all that this host says of itself."""
    kept = rooms.read(root, now, ask_apt)
    try:
        starts, left_out = failures.read(root, now)
    except OSError as error:
        starts, left_out = [], 0
        kept["unread"].append({"part": "failed_starts", "message": words.clean(error)})
    of_host = of_disks(root, now)
    grows = (("growth of disks", recorded.DISKS, of_host), ("growth of homes", recorded.HOMES, kept.get("homes")))
    for part, record, rows in grows:
        # Where there is nothing to record it, nothing is missing.
        if rows and (doubt := recorded.doubts(root, record, now.timestamp())):
            kept["unread"].append({"part": part, "message": words.clean(doubt)})
    return {
        "version": 1,
        "made": stamp(now),
        "jobs": overview(root, now),
        "services": of_services(root, services.World()),
        "disks": of_host,
        "certificates": certificates(root, now),
        "failed_starts": starts,
        "failed_starts_left_out": left_out,
        **kept,
    }


def _for_hub(root: Path, page: str, now: datetime) -> int:
    try:
        hub_page.leave(root, page, now)
    except OSError as error:
        line = f"the page of the status cannot be written: {words.clean(error, 300)}"
        sys.stderr.write(f"labserver status: {line}\n")
        leave_summary(line)
        return CRITICAL
    return OK


def main(argv: Sequence[str]) -> int:
    """Command line of ``labserver status``; 0 whatever the level, 2 when the hub's page cannot be written."""
    parser = argparse.ArgumentParser(prog="labserver status", description="What this host says of itself.")
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="for programs")
    forms.add_argument("--page", action="store_true", help="one self-contained page (HTML)")
    forms.add_argument(
        "--for-hub",
        action="store_true",
        help="leave that page where the hub shows it to administrators (a job does it)",
    )
    forms.add_argument("--prometheus", action="store_true", help="metrics for the textfile collector of node_exporter")
    parser.add_argument("--root", type=Path, default=Path("/"), help="root of the file system")
    arguments = parser.parse_args(list(argv))
    now = clock.utc_now()
    data, host = report(arguments.root, now, not arguments.prometheus), socket.gethostname()
    if arguments.json:
        sys.stdout.write(json.dumps(data) + "\n")
    elif arguments.page or arguments.for_hub:
        page = view.document({host: data}, f"{now.astimezone():%Y-%m-%d %H:%M %Z}")
        if arguments.for_hub:
            return _for_hub(arguments.root, page, now)
        sys.stdout.write(page)
    elif arguments.prometheus:
        sys.stdout.write(metrics.text(data))
    else:
        sys.stdout.write(table.table({host: data}))
    return 0
