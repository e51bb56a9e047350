# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sign of life of a server, for something outside that tells when it stays away.

It says that the watch ran to its end, not that all is well: a monitor tells of a change, so one that waits in vain
since a warning of last week has nothing to tell on the day on which the server dies. What is wrong goes by the alerts.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from . import alert
from .status import Status

FORMS = ("ping", "healthchecks", "uptime_kuma")


def trouble(found: Iterable[Status], config: Mapping[str, Any]) -> str:
    """Return what the outer monitor is told of all jobs and services, without a name; empty for nothing.

    A ``ping`` stays away only where nobody could be told: it is then the one sign that is left. A monitor that knows
    failures is told of what is critical too; warnings would keep it at "down" for days.
    """
    ways = alert.configured(config)
    statuses = tuple(found)
    # What nobody wants to hear of (a job with "alert: never") was told by no way.
    critical = sum(one.level == "critical" and bool(one.told or not ways) for one in statuses)
    said = ["alerts reach nobody"] if any(one.untold for one in statuses) else []
    if critical and (not ways or form(config) != "ping"):
        said.append("1 matter is critical" if critical == 1 else f"{critical} matters are critical")
    return ", ".join(said)


def form(config: Mapping[str, Any]) -> str:
    """Return the form of the heartbeat; that of a release before there were several."""
    return str(config.get("heartbeat_form") or "ping")


def request_of(kind: str, url: str, said: str) -> tuple[str, bytes | None] | None:
    """Return address and body (None: GET) of a heartbeat; None where a form that knows no failure is to stay away.

    ``said`` is empty when all is well. Sources: healthchecks.io, "Signaling failures" (``/fail``, the body is kept
    with it); Uptime Kuma's push monitor (``status`` and ``msg``). Raises ValueError for another form.
    """
    if kind == "ping":
        return None if said else (url, None)
    parts = urlsplit(url)
    if kind == "healthchecks":
        if not said:
            return url, None
        return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/fail")), said.encode()
    if kind == "uptime_kuma":
        # The address as its page shows it has values of these already.
        kept = [(key, value) for key, value in parse_qsl(parts.query) if key not in ("status", "msg", "ping")]
        query = [*kept, ("status", "down" if said else "up"), ("msg", said or "OK")]
        return urlunsplit(parts._replace(query=urlencode(query))), None
    raise ValueError(f"heartbeat form {kind!r} is not one of {', '.join(FORMS)}")


def send(config: Mapping[str, Any], said: str = "") -> str:
    """Give the sign of life, with ``said`` as a failure in the form of the address; returns what failed, without
    the address, which may be secret."""
    url = config.get("heartbeat_url")
    if not url:
        return ""
    try:
        request = request_of(form(config), str(url), said)
        if request is not None:
            alert.request(request[0], request[1], {"Content-Type": "text/plain"} if request[1] else {})
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"heartbeat: {type(error).__name__}"
    return ""
