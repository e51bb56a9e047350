# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell somebody: by mail, by a webhook, by a command. Whom and how is in /etc/labserver/alerts.json (root's only)."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from .._common import clock, process, words

CONFIG = "etc/labserver/alerts.json"
SENDMAIL = "/usr/sbin/sendmail"
TIMEOUT_SECONDS = 30.0
MOST_CHARACTERS = 2000  # of a message
LEVELS = ("ok", "warning", "critical")
FORMS = ("json", "matrix", "mattermost", "ntfy", "slack")
NTFY_TAGS = {"ok": "white_check_mark", "warning": "warning", "critical": "rotating_light"}
REPEAT = timedelta(hours=24)  # a problem that lasts is told once a day
LASTS = timedelta(hours=1)  # one that comes back within that day is told when it has lasted so long
QUIET = re.compile(r"((?:[01][0-9]|2[0-3]):[0-5][0-9])-((?:[01][0-9]|2[0-3]):[0-5][0-9])")


@dataclass(frozen=True)
class Alert:
    """What is told; it never holds output of a job."""

    host: str
    job: str
    level: str  # ok (it works again), warning or critical
    message: str
    time: str
    log: str  # where more is to be read on the host
    change: str = ""  # what is new: again, still, was warning, works again

    @property
    def subject(self) -> str:
        new = f" ({self.change})" if self.change else ""
        return f"[labserver] {self.host}: {self.job} {'works again' if self.level == 'ok' else f'{self.level}{new}'}"


@dataclass(frozen=True)
class Told:
    """What one way told last about a job: ``level`` is ok when there is nothing to take back there; ``failed`` says why
    the last try did not get through. Each way has its own, so that one that fails does not repeat the others."""

    level: str = "ok"
    time: str = ""
    failed: str = ""
    problem: str = ""  # when a problem was told last
    worst: str = "ok"  # and its level
    again: str = ""  # since when a problem that came back has not been told
    held: bool = False  # something waits for the end of the quiet hours


def audible(level: str, mildest: str) -> str:
    """The level as it is told: what is milder than ``mildest`` counts as ok, "never" makes all ok."""
    if mildest == "never" or level not in LEVELS or LEVELS.index(level) < LEVELS.index(mildest):
        return "ok"
    return level


def decide(told: Told, level: str, now: datetime, quiet: str = "") -> tuple[bool, Told]:
    """Return whether the audible ``level`` has to be told this way now, and what is to be remembered where it is not.

    A problem is told when it begins, when it gets worse, and once a day while it lasts. One that comes back within a
    day of having been told is told when it has lasted for an hour. The way back is told once, to those only who heard
    of the problem. In quiet hours (``22:00-07:00``, local time) only what is critical is told, the rest afterwards.
    """
    rest = replace(told, failed="", held=False)
    if level == "ok":
        if told.level == "ok":
            return False, replace(rest, again="")
    elif told.level != "ok":
        before = clock.past(told.time, now)
        worse = LEVELS.index(level) > LEVELS.index(told.level)
        if not worse and before is not None and now - before < REPEAT:
            return False, rest
    elif _comes_back(told, level, now):
        since = clock.past(told.again, now) or now
        if now - since < LASTS:
            return False, replace(rest, again=clock.stamp(since))
    if level != "critical" and is_quiet(quiet, now):
        return False, replace(rest, held=True)
    return True, rest


def _comes_back(told: Told, level: str, now: datetime) -> bool:
    last = clock.past(told.problem, now)
    return last is not None and now - last < REPEAT and LEVELS.index(level) <= LEVELS.index(told.worst)


def is_quiet(hours: str, now: datetime) -> bool:
    """Tell whether it is quiet now, by the host's clock; ``hours`` may go over midnight. Raises ValueError."""
    if not hours:
        return False
    found = QUIET.fullmatch(hours)
    if not found:
        raise ValueError(f"{hours!r} are no hours; give for instance 22:00-07:00")
    begin, end, here = found[1], found[2], f"{now.astimezone():%H:%M}"
    return begin <= here < end if begin <= end else here >= begin or here < end


def change(told: Told, level: str, now: datetime) -> str:
    """Return what is new, in a word: of a problem that is told for the first time nothing."""
    if level == "ok":
        return "works again"
    if told.level == "ok":
        return "again" if _comes_back(told, level, now) else ""
    return "still" if told.level == level else f"was {told.level}"


def after(told: Told, news: Alert) -> Told:
    """Return what is remembered of a way that got the news."""
    if news.level == "ok":
        return Told("ok", news.time, problem=told.problem, worst=told.worst)
    return Told(news.level, news.time, problem=news.time, worst=news.level)


def load(root: Path) -> dict[str, Any]:
    """The ways to tell; empty when none is set up. Raises ValueError when the file is damaged."""
    try:
        data = json.loads((root / CONFIG).read_bytes())
    except FileNotFoundError:
        return {}
    if not isinstance(data, dict) or data.get("version") != 1:
        raise ValueError(f"/{CONFIG} is not an alert file of version 1")
    return data


def configured(config: Mapping[str, Any]) -> list[str]:
    """The ways that are set up."""
    return [way for way in ("mail", "webhook", "command") if config.get(way)]


def send(config: Mapping[str, Any], way: str, alert: Alert) -> str:
    """Tell by one way; returns why that failed, without secrets (addresses of webhooks may be secret).

    Names of mounts, containers and devices are made by others: a line break would end a mail's header.
    """
    alert = replace(alert, job=words.clean(alert.job), message=words.clean(alert.message, MOST_CHARACTERS))
    ways: dict[str, Callable[[Any, Alert], None]] = {"mail": _mail, "webhook": _webhook, "command": _command}
    try:
        ways[way](config[way], alert)
    except (OSError, smtplib.SMTPException, http.client.HTTPException, ValueError) as error:
        return type(error).__name__
    return ""


def _text(alert: Alert) -> str:
    return f"{alert.subject}\n\n{alert.message}\n\nTime: {alert.time}\nLog on {alert.host}: {alert.log}\n"


def _mail(settings: Mapping[str, Any], alert: Alert) -> None:
    message = EmailMessage()
    message["Subject"] = alert.subject
    message["From"] = settings.get("from") or f"root@{alert.host}"
    message["To"] = ", ".join(settings["to"])
    message.set_content(_text(alert))
    server = settings.get("server")
    if not server:
        result, _output = process.capture([SENDMAIL, "-t", "-oi"], TIMEOUT_SECONDS, stdin=bytes(message))
        if result.status:
            raise OSError(f"sendmail: {result.reason or result.status}")
        return
    with smtplib.SMTP(server, int(settings.get("port") or 25), timeout=TIMEOUT_SECONDS) as connection:
        if settings.get("starttls"):
            connection.starttls(context=ssl.create_default_context())
        if settings.get("username"):
            connection.login(settings["username"], settings.get("password") or "")
        connection.send_message(message)


def request_of(form: str, alert: Alert) -> tuple[str, str, bytes, dict[str, str]]:
    """Return method, what follows the address, body and headers of a webhook in the form that its receiver reads.

    Sources: Matrix (``PUT .../send/m.room.message/{txnId}``), ntfy's ``POST`` with headers, and
    the incoming webhooks of Slack and Mattermost. Raises ValueError for another form.
    """
    text = f"{alert.subject}: {alert.message}"
    kind = {"Content-Type": "application/json"}
    if form == "json":
        # "text" is what Mattermost, Slack, Zulip and others show.
        return "POST", "", json.dumps({**asdict(alert), "text": text}).encode(), kind
    if form == "matrix":
        # The same number for the same message, so that one which is sent again is shown once.
        number = hashlib.sha256(f"{alert.time} {text}".encode()).hexdigest()[:32]
        return "PUT", f"/{number}", json.dumps({"msgtype": "m.text", "body": text}).encode(), kind
    if form == "ntfy":
        headers = {"Title": alert.subject.encode("ascii", "replace").decode(), "Tags": NTFY_TAGS.get(alert.level, "")}
        headers["Priority"] = "high" if alert.level == "critical" else "default"
        return "POST", "", alert.message.encode(), headers
    if form in ("slack", "mattermost"):
        # Neither a link nor a call for everybody is made of what a message says.
        plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "@\u200b")
        return "POST", "", json.dumps({"text": plain}).encode(), kind
    raise ValueError(f"webhook form {form!r} is not one of {', '.join(FORMS)}")


def _webhook(settings: Mapping[str, Any], alert: Alert) -> None:
    method, more, body, headers = request_of(settings.get("form") or "json", alert)
    url = settings["url"].rstrip("/") + more if more else settings["url"]
    request(url, body, {**headers, **(settings.get("headers") or {})}, method)


def _command(argv: list[str], alert: Alert) -> None:
    result, _output = process.capture(argv, TIMEOUT_SECONDS, stdin=json.dumps(asdict(alert)).encode())
    if result.status:
        raise OSError(f"exit status {result.status}")


def request(url: str, body: bytes | None, headers: Mapping[str, str], method: str | None = None) -> None:
    """Ask an address once, with GET where there is no body. Raises OSError, HTTPException, ValueError."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("not an http address")
    asked = urllib.request.Request(url, data=body, headers=dict(headers), method=method)  # noqa: S310 - checked above
    try:
        with urllib.request.build_opener().open(asked, timeout=TIMEOUT_SECONDS) as answer:
            answer.read(65536)
    except urllib.error.HTTPError as error:
        raise OSError(f"HTTP {error.code}") from error
