# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of all servers, for ``labserver status`` and ``playbooks/status.yml``. All pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._common import words
from . import lately
from .view import rank

CERTIFICATES = ("host", "certificate", "names", "source", "days left", "served = file", "last renewed", "level")
DRIFT = "since site.yml ran whole"
FAILURES = ("host", "failed lately", "level", "times", "on days", "last", "message")
MOST_FAILURES = 20
STARTS = ("host", "failed start", "user", "image", "cause")
MOST_CHARACTERS = 300  # of a cell
DISKS = ("host", "disk", "level", "message")
SERVICES = ("host", "service", "level", "message")
JOBS = ("host", "job", "level", "last run", "last success", "next due", "message")


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    # What people wrote may stand in any cell.
    rows = [[words.clean(cell, MOST_CHARACTERS) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    ]


def _failed(host: str, item: Mapping[str, Any]) -> list[str]:
    counts = [str(item["times"]), str(item["days"])]
    return [host, f"{item['kind']} {item['name']}", item["level"], *counts, item["last"], item["message"]]


def _drifted(reports: Mapping[str, Any]) -> list[str]:
    """Return files, then containers and packages that are not as site.yml left them, a table each; newer ones last."""
    lines: list[str] = []
    for kind, (part, key) in {"file": ("", "path"), **{one: (part, "name") for part, one in lately.OTHERS}}.items():
        rows = []
        for host, report in sorted(reports.items()):
            site = (report.get("site") or {}) if isinstance(report, Mapping) else {}
            found = (site.get(part) or {}) if part else site
            rows += [[host, row[key], row["message"]] for name in ("drift", "newer") for row in found.get(name, ())]
        lines += ["", *_lines(("host", kind, DRIFT), rows)] if rows else []
    return lines


def table(reports: Mapping[str, Any]) -> str:
    """Host -> what ``labserver status --json`` printed there (or None when it did not answer) as one readable text."""
    certificates: list[list[str]] = []
    jobs: list[list[str]] = []
    services: list[list[str]] = []
    disks: list[list[str]] = []
    starts: list[list[str]] = []
    failed: list[list[str]] = []
    runs: list[str] = []
    left_out: list[tuple[str, int]] = []
    not_shown: list[tuple[str, int]] = []
    silent = []
    unread: list[str] = []
    for host, report in sorted(reports.items()):
        if not isinstance(report, Mapping):
            silent.append(host)
            continue
        for item in report.get("certificates", []):
            days = item["days_left"]
            names = item["names"]
            shown = names[0] + (f" +{len(names) - 1}" if len(names) > 1 else "") if names else "-"
            cells = [host, item["certificate"], shown, item["source"], "-" if days is None else f"{days:.0f}"]
            certificates.append([*cells, item["served"], item["last_renewed"] or "-", item["level"]])
        for item in report.get("jobs", []):
            times = [item[key] or "-" for key in ("last_run", "last_success", "next_due")]
            jobs.append([host, item["job"], item["level"], *times, item["message"] or ""])
        for item in report.get("services", []):
            services.append([host, item["service"], item["level"], item["message"] or ""])
        disks += [[host, item["disk"], item["level"], item["message"]] for item in report.get("disks", [])]
        for item in report.get("failed_starts", []):
            starts.append([host, *(str(item[key]) for key in ("at", "user", "image", "sentence"))])
        site, failures = report.get("site") or {}, report.get("failures") or {}
        runs += [f"{host}: {line}" for line in (lately.whole_run(site), *lately.others(site))] if site else []
        things = lately.by_name(failures.get("rows", ()))
        failed += [_failed(host, item) for item in things[:MOST_FAILURES]]
        not_shown.append((host, max(0, len(things) - MOST_FAILURES)))
        left_out.append((host, int(report.get("failed_starts_left_out") or 0)))
        unread += [
            f"{host}: {item['part']} could not be read: {item['message']}" for item in report.get("unread") or ()
        ]
    for rows, column in ((certificates, 7), (jobs, 2), (services, 2), (disks, 2)):
        order = [rank(row[column]) for row in rows]
        rows[:] = [rows[place] for place in sorted(range(len(rows)), key=order.__getitem__)]
    lines = [*_lines(CERTIFICATES, certificates), "", *_lines(JOBS, jobs)]
    lines += ["", *_lines(SERVICES, services)] if services else []
    lines += ["", *_lines(DISKS, disks)] if disks else []
    lines += ["", *_lines(STARTS, starts)] if starts else []
    lines += [f"and {count} more on {host}" for host, count in left_out if count]
    lines += ["", *_lines(FAILURES, failed)] if failed else []
    lines += [f"and {count} more on {host}" for host, count in not_shown if count]
    lines += _drifted(reports)
    lines += ["", *(words.clean(line, MOST_CHARACTERS) for line in runs)] if runs else []
    lines += ["", *(words.clean(line, MOST_CHARACTERS) for line in unread)] if unread else []
    lines += ["", f"no answer from {', '.join(silent)}"] if silent else []
    return "\n".join(lines) + "\n"
