# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of all servers, for ``labserver status`` and ``playbooks/status.yml``. All pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._common import sizes, words
from . import homes, lately
from .view import matters, no_answer, rank, worst

NOT_WELL = ("host", "level", "what is not well", "message")
HOSTS = ("host", "level", "servers", "memory free", "last complete backup", "updates")
CERTIFICATES = ("host", "certificate", "names", "source", "days left", "served = file", "last renewed", "level")
DRIFT = "since site.yml ran whole"
FAILURES = ("host", "failed lately", "level", "times", "on days", "last", "message")
MOST_FAILURES = 20
STARTS = ("host", "failed start", "user", "image", "cause")
MOST_CHARACTERS = 300  # of a cell
DISKS = ("host", "disk", "level", "message")
HOMES = ("host", "home", "used", "trend")
MOST_HOMES = 20
SERVICES = ("host", "service", "level", "message")
JOBS = ("host", "job", "level", "last run", "last success", "next due", "message")
SHARES = ("host", "share", "level", "message")
PARTS: tuple[tuple[tuple[str, ...], int], ...] = ((CERTIFICATES, 7), (JOBS, 2), (SERVICES, 2), (DISKS, 2), (SHARES, 2))
"""Each with the column of its level."""
MOST_ROWS = 40
"""Of one part; of a longer one only what is not well is shown, and the rest is counted."""


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


def _shown(rows: list[list[str]], column: int) -> tuple[list[list[str]], int]:
    """Return the rows with the worst level first, and how many were left out: of many only what is not well is read."""
    ordered = sorted(rows, key=lambda row: rank(row[column]))
    bad = [row for row in ordered if row[column] != "ok"]
    shown = ordered if len(ordered) <= MOST_ROWS else bad
    return shown, len(ordered) - len(shown)


def _not_well(reports: Mapping[str, Any]) -> list[list[str]]:
    """Return all that is not well on all hosts: those without an answer, then the worst first."""
    silent = [host for host in sorted(reports) if not _answered(reports[host])]
    rows = [[host, "critical", "the server", no_answer(reports[host])] for host in silent]
    found = [
        [host, level, what, message]
        for host, report in sorted(reports.items())
        if _answered(report)
        for level, what, message in matters(report)
    ]
    return rows + sorted(found, key=lambda row: rank(row[1]))


def _answered(report: object) -> bool:
    return isinstance(report, Mapping)


def _host(host: str, report: Mapping[str, Any]) -> list[str]:
    servers, memory, updates = report.get("servers"), report.get("memory") or {}, report.get("updates") or {}
    free = f"{sizes.text(memory['available_bytes'])} of {sizes.text(memory['total_bytes'])}" if memory else "-"
    running = "-" if servers is None else str(len(servers))
    wait = f"{updates.get('packages', 0)}, {updates.get('security', 0)} of security" if updates else "-"
    return [host, worst(report), running, free, (report.get("backup") or {}).get("complete") or "-", wait]


def table(reports: Mapping[str, Any]) -> str:
    """Host -> what ``labserver status --json`` printed there (or None when it did not answer) as one readable text.

    What is not well on any host comes first, then a line for each host, then the parts.
    """
    if not reports:
        return "There is no server in this list.\n"
    answers = {host: report for host, report in sorted(reports.items()) if _answered(report)}
    parts: dict[tuple[str, ...], list[list[str]]] = {head: [] for head, _level in PARTS}
    starts: list[list[str]] = []
    full: list[list[str]] = []
    failed: list[list[str]] = []
    runs: list[str] = []
    more: dict[Sequence[str], list[str]] = {HOMES: [], STARTS: [], FAILURES: []}
    for host, report in answers.items():
        for item in report.get("certificates", []):
            days = item["days_left"]
            names = item["names"]
            shown = names[0] + (f" +{len(names) - 1}" if len(names) > 1 else "") if names else "-"
            cells = [host, item["certificate"], shown, item["source"], "-" if days is None else f"{days:.0f}"]
            parts[CERTIFICATES].append([*cells, item["served"], item["last_renewed"] or "-", item["level"]])
        for item in report.get("jobs", []):
            times = [item[key] or "-" for key in ("last_run", "last_success", "next_due")]
            parts[JOBS].append([host, item["job"], item["level"], *times, item["message"] or ""])
        for item in report.get("services", []):
            parts[SERVICES].append([host, item["service"], item["level"], item["message"] or ""])
        parts[DISKS] += [[host, item["disk"], item["level"], item["message"]] for item in report.get("disks", [])]
        for item in report.get("shares") or ():
            parts[SHARES].append([host, item["share"], item["level"], item.get("reason") or ""])
        soon = homes.full_soon(report.get("homes") or ())
        full += [[host, *homes.cells(item)] for item in soon[:MOST_HOMES]]
        for item in report.get("failed_starts", []):
            starts.append([host, *(str(item[key]) for key in ("at", "user", "image", "sentence"))])
        site, failures = report.get("site") or {}, report.get("failures") or {}
        runs += [f"{host}: {line}" for line in (lately.whole_run(site), *lately.others(site))] if site else []
        things = lately.by_name(failures.get("rows", ()))
        failed += [_failed(host, item) for item in things[:MOST_FAILURES]]
        for kind, count in (
            (HOMES, max(0, len(soon) - MOST_HOMES)),
            (STARTS, int(report.get("failed_starts_left_out") or 0)),
            (FAILURES, max(0, len(things) - MOST_FAILURES)),
        ):
            more[kind] += [f"and {count} more on {host}"] if count else []
    bad = _not_well(reports)
    lines = _lines(NOT_WELL, bad) if bad else ["nothing to do"]
    hosts = sorted((_host(host, report) for host, report in answers.items()), key=lambda row: rank(row[1]))
    lines += ["", *_lines(HOSTS, hosts)] if hosts else []
    for head, column in PARTS:
        rows, left_out = _shown(parts[head], column)
        lines += ["", *_lines(head, rows)] if rows else []
        lines += [*([] if rows else [""]), f"{left_out} more: {head[1]}, level ok"] if left_out else []
    for kind, listed in ((HOMES, full), (STARTS, starts), (FAILURES, failed)):
        lines += ["", *_lines(kind, listed), *more[kind]] if listed else []
    lines += _drifted(answers)
    lines += ["", *(words.clean(line, MOST_CHARACTERS) for line in runs)] if runs else []
    return "\n".join(lines) + "\n"
