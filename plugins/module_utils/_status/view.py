# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status of all servers as one page that a person looks at once a day: the worst first, pictures where they help.

All pure; what is shown of others goes through ``_common.page``, which escapes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._common import page, sizes
from .._common.page import Html, element, text
from . import filling, homes, lately, ways
from .pictures import curve, gauge

RANK = ("critical", "overdue", "warning", "unknown", "never-run", "running", "ok")
MOST_SERVERS = 30
MOST_DAYS = 100.0  # of the time line of certificates
PARTS = (
    ("jobs", "job"),
    ("services", "service"),
    ("disks", "disk"),
    ("shares", "share"),
    ("certificates", "certificate"),
)


def rank(level: object) -> int:
    """Return the place of a level, the worst 0."""
    return RANK.index(str(level)) if level in RANK else 2


def matters(report: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return (level, what, message) of all that is not well on one host, the worst first."""
    found = [
        (str(row["level"]), f"{key} {row[key]}", str(row.get("message") or row.get("reason") or ""))
        for part, key in PARTS
        for row in report.get(part) or ()
        if rank(row.get("level")) < RANK.index("never-run")
    ]
    found += [("warning", f"disk {row['disk']}", soon) for row, soon in filling.full_soon(report)]
    found += _of_backup(report.get("backup") or {})
    updates = report.get("updates") or {}
    if updates.get("security"):
        found.append(("warning", "updates", f"{updates['security']} of security wait"))
    if updates.get("reboot_due"):
        when = updates.get("reboot_announced")
        found.append(("warning", "updates", f"a reboot is due{f', announced for {when}' if when else ''}"))
    found += lately.drifted(report.get("site") or {})
    found += [
        ("unknown", str(row["part"]), f"could not be read: {row['message']}") for row in report.get("unread") or ()
    ]
    return sorted(found, key=lambda item: rank(item[0]))


def _of_backup(saved: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    age, most = saved.get("age_hours"), saved.get("max_age_hours")
    if saved and age is None:
        return [("warning", "backup", "there is none in which nothing is missing; labserver backup says what is")]
    if age is not None and most and age > most:
        return [("warning", "backup", f"the last complete one is {_age(age)} old; at most {most:g} hours are wanted")]
    return []


def _age(hours: float) -> str:
    return f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:.0f} days"


def worst(report: Any) -> str:
    """Return the worst level of a host; critical where it gave no answer."""
    if not isinstance(report, Mapping):
        return "critical"
    found = matters(report)
    level = found[0][0] if found else "ok"
    return "warning" if level in ("overdue", "unknown") else level


def no_answer(said: object) -> str:
    """Return the words for a host without a report, of which ``said`` may say why."""
    return f"no answer: {said}" if said and said != "no answer" else "no answer"


def time_line(rows: Iterable[Mapping[str, Any]]) -> Html:
    """Return certificates by the day on which they end, the next one first."""
    dated = sorted((row for row in rows if row.get("days_left") is not None), key=lambda row: row["days_left"])
    lines = []
    for row in dated:
        days = float(row["days_left"])
        width = max(2.0, min(days, MOST_DAYS) / MOST_DAYS * 160)
        colour = "--bad" if days < 7 else "--warn" if days < 21 else "--bar"
        picture = Html(
            '<svg width="162" height="12" viewBox="0 0 162 12" aria-hidden="true">'
            f'<rect width="{width:.1f}" height="12" rx="3" style="fill:var({colour})"/></svg>'
        )
        served = {"no": "another one is served", "unreachable": "not reachable"}.get(str(row.get("served")), "")
        words = Html(f"{picture} {days:.0f} days")
        lines.append((row["certificate"], words, served, page.level(str(row["level"])), row.get("message") or ""))
    return page.table(("certificate", "ends in", "served", "level", "message"), lines) if lines else Html("")


def _servers(report: Mapping[str, Any]) -> list[Html]:
    rows, host = report.get("servers"), report.get("memory") or {}
    if rows is None:
        return []
    used, total = sum(row["memory_bytes"] for row in rows), host.get("total_bytes", 0)
    people = len({row["user"] for row in rows})
    said = f"{len(rows)} running of {people} people, {sizes.text(used)} of memory together"
    parts = [element("h3", "People's servers"), element("p", said)]
    if total:
        free = host.get("available_bytes", 0)
        parts.append(
            element("p", gauge(total - free, total, f"{sizes.text(free)} of {sizes.text(total)} free for more"))
        )
    shown = [
        (
            row["user"],
            gauge(row["memory_bytes"], row["memory_limit_bytes"] or total, _of(row)),
            f"{row['cpu_seconds'] / 3600:.1f} h"
            + (f", at most {row['cpu_limit']:g} cores" if row["cpu_limit"] else ""),
            row["image"],
            str(row["since"]).replace("T", " "),
        )
        for row in rows
    ]
    head = ("person", "memory", "CPU since start", "image", "since")
    if shown:
        parts.append(page.table(head, shown[:MOST_SERVERS]))
    if len(shown) > MOST_SERVERS:
        rest = element("summary", f"and {len(shown) - MOST_SERVERS} more that use less")
        parts.append(element("details", rest, page.table(head, shown[MOST_SERVERS:])))
    return parts


def _of(row: Mapping[str, Any]) -> str:
    limit = row["memory_limit_bytes"]
    return f"{sizes.text(row['memory_bytes'])} of {sizes.text(limit) if limit else 'no limit'}"


def _saved(saved: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Return age, size and growth of the backups."""
    age, held = saved.get("age_hours"), saved.get("bytes")
    items: list[tuple[str, object]] = [("last complete", saved.get("complete") or "never")]
    if age is not None:
        items[0] = ("last complete", f"{_age(age)} old ({saved['complete']})")
    if held:
        items.append(("size", f"{sizes.text(held)} in {saved.get('files')} files, before it is packed"))
    last = saved.get("last") or {}
    if last:
        missing = "" if last["complete"] else "; something is missing in it"
        items.append(("last one", f"{last['at']}: {sizes.text(last['added_bytes'])} new{missing}"))
        points = saved.get("history") or ()
        line = curve(points, max((size for _at, size in points), default=0), "size of the backup")
        grown = f"{sizes.text(saved['added_bytes'])} new in {saved['added_runs']} backups of 30 days"
        items.append(("growth", Html(f"{text(grown)} {line}")))
    return items


def _registry(report: Mapping[str, Any], jobs: Mapping[str, Mapping[str, Any]]) -> list[Html]:
    """Return the repositories, as the catalogue offers them and as the registry holds them, with what pruning frees."""
    offered = {row["repository"]: row for row in report.get("registry") or ()}
    pruning = report.get("pruning") or {}
    held = pruning.get("repositories") or {}
    names = sorted({*offered, *held}, key=lambda name: (-_bytes(offered, held, name), name))
    if not names:
        return []
    rows = []
    for name in names:
        seen, goes = offered.get(name, {}), held.get(name)
        frees = "not known" if goes is None else "nothing"
        if goes and goes["remove_tags"] + goes["remove_bytes"]:
            frees = f"{sizes.text(goes['remove_bytes'])}, {goes['remove_tags']} of {goes['tags']} tags"
        tags = goes["tags"] if goes else seen.get("tags")
        size = sizes.text(_bytes(offered, held, name))
        rows.append((name, tags, size, frees, seen.get("broken") or "", seen.get("newest") or ""))
    head = ("repository", "tags", "size", "pruning frees", "broken", "newest")
    parts = [element("h3", "Registry"), page.table(head, rows)]
    if pruning:
        said = f"pruning would free {sizes.text(pruning['free_bytes'])} together, as of {pruning['looked']}"
        if pruning["unknown_bytes"]:
            said += f"; {sizes.text(pruning['unknown_bytes'])} of it belong to no repository any more"
        said += f"; it will be refused: {pruning['refused']}" if pruning["refused"] else ""
        parts.append(element("p", said, kind="warning" if pruning["refused"] else "soft"))
    upkeep = jobs.get("registry-maintenance") or {}
    parts.append(element("p", f"last upkeep: {upkeep.get('message') or 'not known'}", kind="soft"))
    return parts


def _bytes(offered: Mapping[str, Mapping[str, Any]], held: Mapping[str, Mapping[str, Any]], name: str) -> int:
    return int(held[name]["bytes"] if name in held else offered[name]["size_bytes"])


def _kept(report: Mapping[str, Any]) -> list[Html]:
    parts: list[Html] = []
    jobs = {row["job"]: row for row in report.get("jobs") or ()}
    items: list[tuple[str, object]] = []
    saved = report.get("backup") or {}
    if saved or "backup" in jobs:
        items += _saved(saved)
        for name, words in (("backup", "last run"), ("backup-drill", "last drill")):
            row = jobs.get(name) or {}
            done = f"{row.get('last_run') or 'never'}, {row.get('level') or 'not scheduled'}"
            good = f"; the last that went well: {row.get('last_success') or 'none'}" if row.get("level") != "ok" else ""
            items.append((words, f"{done}: {row.get('message') or '-'}{good}"))
        parts += [element("h3", "Backup"), page.pairs(items)]
    parts += _registry(report, jobs)
    updates = report.get("updates") or {}
    if updates:
        said = f"{updates.get('packages', 0)} packages, {updates.get('security', 0)} of security"
        said += "; the engine is among them" if updates.get("engine") else ""
        parts += [
            element("h3", "Updates"),
            element("p", said + ("; a reboot is due" if updates.get("reboot_due") else "")),
        ]
        told = [f"a reboot is announced for {updates['reboot_announced']}"] if updates.get("reboot_announced") else []
        if updates.get("rebooted"):
            told.append(f"last reboot in a window: {updates['rebooted']}, for {updates.get('rebooted_for')}")
        parts += [element("p", "; ".join(told), kind="soft")] if told else []
    use = report.get("usage") or ()
    if use:
        used = [(r["person"], f"{r['hours']:g}", f"{r['cpu_hours']:g}", f"{r['gpu_hours']:g}") for r in use]
        parts += [element("h3", "Used this month"), page.table(("person", "hours", "CPU hours", "GPU hours"), used)]
    return parts


def _of_host(host: str, report: Any, number: int) -> list[Html]:
    mark = Html(f'<h2 id="host{number}">{page.level(worst(report), host)}</h2>')
    if not isinstance(report, Mapping):
        return [mark, element("p", no_answer(report))]
    found = matters(report)
    parts = [mark]
    parts += [
        element("p", page.level(level), Html(" "), element("strong", what), Html(": "), said, kind="card")
        for level, what, said in found
    ]
    parts += [] if found else [element("p", page.level("ok", "nothing to do"))]
    parts += ways.shown(report)
    parts += [*_servers(report), *filling.shown(report, rank), *homes.shown(report)]
    certificates = time_line(report.get("certificates") or ())
    parts += [element("h3", "Certificates"), certificates] if certificates else []
    shares = sorted(report.get("shares") or (), key=lambda row: rank(row["level"]))
    if shares:
        rows = [(r["share"], r.get("path") or "", page.level(r["level"]), r.get("reason") or "") for r in shares]
        parts += [element("h3", "Shares"), page.table(("share", "path", "level", "message"), rows)]
    parts += _kept(report)
    starts = report.get("failed_starts") or ()
    if starts:
        rows = [(r["at"], r["user"], r["image"], r["sentence"]) for r in starts]
        parts += [element("h3", "Servers that did not start"), page.table(("at", "user", "image", "cause"), rows)]
    parts += [*lately.of_failures(report.get("failures") or {}), *lately.of_site(report.get("site") or {})]
    for title, part, key in (("Jobs", "jobs", "job"), ("Services", "services", "service")):
        listed = sorted(report.get(part) or (), key=lambda row: rank(row["level"]))
        if listed:
            cells = [
                (r[key], page.level(r["level"]), r.get("last_success") or "", r.get("message") or "") for r in listed
            ]
            inside = page.table((key, "level", "last success", "message"), cells)
            parts.append(element("details", element("summary", f"{title} ({len(listed)})"), inside))
    return parts


def document(reports: Mapping[str, Any], when: str) -> str:
    """Host -> report (None where there is no answer) as one page; ``when`` is what it says of its time."""
    hosts = sorted(reports.items(), key=lambda item: (isinstance(item[1], Mapping), rank(worst(item[1])), item[0]))
    parts = [element("h1", "Lab servers"), element("p", when, kind="soft")]
    if not hosts:
        parts.append(element("p", "There is no server in this list."))
    if len(hosts) > 1:
        rows = []
        for number, (host, report) in enumerate(hosts):
            found = matters(report) if isinstance(report, Mapping) else [("critical", "", no_answer(report))]
            first = f"{found[0][1]}: {found[0][2]}".lstrip(": ") if found else ""
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            link = Html(f'<a href="#host{number}">{text(host)}</a>')
            count = len(report["servers"]) if isinstance(report, Mapping) and "servers" in report else "-"
            rows.append((link, page.level(worst(report)), count, first + more))
        parts.append(page.table(("server", "level", "running", "what"), rows))
    for number, (host, report) in enumerate(hosts):
        parts += _of_host(host, report, number)
    return page.document("Lab servers", *parts)
