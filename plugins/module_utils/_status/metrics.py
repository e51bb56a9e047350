# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server tells of itself as text for Prometheus (the textfile collector of node_exporter). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from . import homes, trend

NUMBERS = {"ok": 0, "never-run": 0, "running": 0, "unknown": 1, "warning": 1, "overdue": 1, "critical": 2}
JOB = "name"
"""The label of a job: Prometheus has a label "job" of its own, and would call ours "exported_job"."""
Sample = tuple[dict[str, str], float]


def _escaped(value: object) -> str:
    return str(value).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _lines(name: str, help_text: str, samples: Iterable[Sample]) -> list[str]:
    lines = []
    for marks, value in samples:
        inside = ",".join(f'{key}="{_escaped(word)}"' for key, word in marks.items())
        lines.append(f"{name}{{{inside}}} {value:.10g}" if inside else f"{name} {value:.10g}")
    return [f"# HELP {name} {help_text}", f"# TYPE {name} gauge", *lines] if lines else []


def _seconds(text: object) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None


def _drift(site: Mapping[str, Any]) -> list[str]:
    """Return how many containers and packages differ; of what is unknown no number, which would say "none"."""
    found = {part: site[part] for part in ("containers", "packages") if site.get(part)}
    lines: list[str] = []
    for part, one in found.items():
        count = float(len(one["drift"]) + one["drift_left_out"])
        known: list[Sample] = [({}, count)] if not one["unknown"] else []
        lines += _lines(f"labserver_drift_{part}", f"{part.capitalize()} that are not as that run left them.", known)
    unknown: list[Sample] = [({"part": part}, 1.0) for part, one in found.items() if one["unknown"]]
    return lines + _lines("labserver_drift_unknown", "What could not be compared with how that run left it.", unknown)


def _homes(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return how homes stand against their quotas, without names: anybody may ask for metrics."""
    limited = [row for row in rows if row["limit_bytes"]]
    if not limited:
        return []
    near: list[Sample] = [({}, float(sum(homes.part(row) >= homes.TOLD for row in limited)))]
    soon: list[Sample] = [({}, float(len(homes.full_soon(limited))))]
    return [
        *_lines("labserver_homes", "Homes with a quota.", [({}, float(len(limited)))]),
        *_lines("labserver_homes_near_quota", f"Homes that use {homes.TOLD:.0%} of the quota or more.", near),
        *_lines(
            "labserver_homes_full_soon", f"Homes that are full in {trend.SOON_DAYS:.0f} days at their growth.", soon
        ),
    ]


def text(report: Mapping[str, Any]) -> str:
    """Return the metrics of one host's report (``labserver status --json``)."""
    lines: list[str] = []
    made = _seconds(report.get("made"))
    if made is not None:
        # node_exporter shows a file that nobody writes any more for ever.
        lines += _lines("labserver_made_seconds", "When these numbers were made, since 1970.", [({}, made)])

    def levels(kind: str, part: str, key: str) -> None:
        rows = report.get(part) or ()
        mark = JOB if key == "job" else key
        samples = [({mark: row[key]}, float(NUMBERS.get(row["level"], 1))) for row in rows if key in row]
        lines.extend(_lines(f"labserver_{kind}_level", f"How each {kind} is: 0 ok, 1 warning, 2 critical.", samples))

    for kind, part in (("job", "jobs"), ("service", "services"), ("disk", "disks"), ("share", "shares")):
        levels(kind, part, kind)
    levels("certificate", "certificates", "certificate")
    jobs = [({JOB: row["job"]}, _seconds(row.get("last_success"))) for row in report.get("jobs") or ()]
    lines += _lines(
        "labserver_job_last_success_seconds",
        "When each job succeeded last, seconds since 1970.",
        [(marks, value) for marks, value in jobs if value is not None],
    )
    for key, name, what in (
        ("free_bytes", "labserver_disk_free_bytes", "Bytes free on each disk."),
        ("total_bytes", "labserver_disk_size_bytes", "Bytes of each disk."),
        ("days_left", "labserver_disk_full_in_days", "In how many days each disk is full at its growth."),
    ):
        rows = [
            ({"disk": row["disk"]}, float(row[key])) for row in report.get("disks") or () if row.get(key) is not None
        ]
        lines += _lines(name, what, rows)
    lines += _homes(report.get("homes") or ())
    days = [({"certificate": r["certificate"]}, r.get("days_left")) for r in report.get("certificates") or ()]
    lines += _lines(
        "labserver_certificate_days_left",
        "Days until each certificate expires.",
        [(marks, float(value)) for marks, value in days if value is not None],
    )
    if "servers" in report:
        rows = report["servers"]
        lines += _lines("labserver_servers", "People's servers that run.", [({}, float(len(rows)))])
        total = float(sum(row["memory_bytes"] for row in rows))
        lines += _lines("labserver_servers_memory_bytes", "Memory of people's servers together.", [({}, total)])
    for key, value in (report.get("memory") or {}).items():
        lines += _lines(f"labserver_memory_{key}", f"The host's memory: {key.replace('_', ' ')}.", [({}, float(value))])
    site, lately = report.get("site") or {}, report.get("failures") or {}
    run = _seconds(site.get("run"))
    if run is not None:
        lines += _lines(
            "labserver_site_run_seconds", "When playbooks/site.yml ran whole last, since 1970.", [({}, run)]
        )
        count = float(len(site["drift"]) + site["drift_left_out"])
        lines += _lines("labserver_drift_files", "Files that are not as that run left them.", [({}, count)])
        lines += _drift(site)
    lines += _lines(
        "labserver_failures",
        f"What failed in the last {lately.get('days')} days, by kind.",
        [({"kind": kind}, float(times)) for kind, times in (lately.get("times") or {}).items()],
    )
    unread = [({"part": row["part"]}, 1.0) for row in report.get("unread") or ()]
    lines += _lines("labserver_unread", "Parts of the status that could not be read.", unread)
    return "\n".join(lines) + "\n"
