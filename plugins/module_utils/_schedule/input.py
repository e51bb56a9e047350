# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules between the inputs of the role schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import model
from .alert import QUIET

GROWTH_DAYS = (14, 366)
"""The forecast goes by 14 days; with more than a year the file of a large lab grows to megabytes."""


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Every problem of the role's variables."""
    found = model.problems(inputs.get("schedule_jobs") or [], "schedule_jobs")
    for key in ("schedule_alert_webhook_url", "schedule_heartbeat_url"):
        url = inputs.get(key) or ""
        if url and not str(url).startswith(("http://", "https://")):
            found.append(f"{key} does not begin with http:// or https://; give the whole address")
    for index, address in enumerate(inputs.get("schedule_alert_mail_to") or []):
        if "@" not in str(address) or any(char.isspace() for char in str(address)):
            found.append(f'schedule_alert_mail_to[{index}]: "{address}" is not a mail address')
    quiet = str(inputs.get("schedule_alert_quiet_hours") or "")
    if quiet and not QUIET.fullmatch(quiet):
        found.append(f'schedule_alert_quiet_hours is "{quiet}"; give two times of the day, for instance "22:00-07:00"')
    for index, port in enumerate(inputs.get("schedule_ports") or []):
        if not str(port).isdecimal() or not 0 < int(port) < 65536:
            found.append(f"schedule_ports[{index}]: {port} is not a TCP port; give a number from 1 to 65535")
    days = str(inputs.get("schedule_growth_days", GROWTH_DAYS[0]))
    if not days.isdecimal() or not GROWTH_DAYS[0] <= int(days) <= GROWTH_DAYS[1]:
        found.append(f"schedule_growth_days is {days}; give a number of days from {GROWTH_DAYS[0]} to {GROWTH_DAYS[1]}")
    command = inputs.get("schedule_alert_command") or []
    if command and not str(command[0]).startswith("/"):
        found.append(f'schedule_alert_command begins with "{command[0]}"; give the full path of a program on the host')
    if inputs.get("schedule_alert_smtp_password") and not inputs.get("schedule_alert_smtp_username"):
        found.append("schedule_alert_smtp_password is given without schedule_alert_smtp_username; give both or neither")
    if inputs.get("schedule_alert_smtp_username") and not inputs.get("schedule_alert_smtp_server"):
        found.append("schedule_alert_smtp_username is given without schedule_alert_smtp_server; name the mail server")
    return found
