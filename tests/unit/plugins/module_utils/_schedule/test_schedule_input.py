# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be wrong with the inputs of the role schedule: each mistake is named, all of them at once."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import input as schedule_input

GOOD: dict[str, Any] = {
    "schedule_jobs": [{"name": "tidy", "command": ["/usr/bin/find", "/tmp"], "schedule": "daily"}],
    "schedule_alert_webhook_url": "https://chat.lab.example.org/hook",
    "schedule_heartbeat_url": "",
    "schedule_alert_mail_to": ["admin@lab.example.org"],
    "schedule_alert_command": ["/usr/local/bin/tell"],
    "schedule_alert_smtp_server": "mail.lab.example.org",
    "schedule_alert_smtp_username": "lab",
    "schedule_alert_smtp_password": "x",
}

BAD = [
    ({"schedule_jobs": [{"name": "lab.tidy", "command": ["/bin/true"]}]}, "schedule_jobs[0] (name=lab.tidy): the name"),
    ({"schedule_alert_webhook_url": "chat.lab"}, "schedule_alert_webhook_url does not begin with http"),
    ({"schedule_alert_quiet_hours": "22-7"}, 'schedule_alert_quiet_hours is "22-7"; give two times of the day'),
    ({"schedule_ports": [22, 70000]}, "schedule_ports[1]: 70000 is not a TCP port"),
    ({"schedule_growth_days": 7}, "schedule_growth_days is 7; give a number of days from 14 to 366"),
    ({"schedule_heartbeat_url": "chat.lab"}, "schedule_heartbeat_url does not begin with http"),
    ({"schedule_alert_mail_to": ["a@b.example", "admin"]}, 'schedule_alert_mail_to[1]: "admin" is not a mail address'),
    ({"schedule_alert_command": ["tell"]}, 'schedule_alert_command begins with "tell"'),
    ({"schedule_alert_smtp_username": ""}, "password is given without schedule_alert_smtp_username"),
    ({"schedule_alert_smtp_server": ""}, "username is given without schedule_alert_smtp_server"),
]


def test_good_inputs_have_no_problem() -> None:
    assert schedule_input.problems(GOOD) == []


@pytest.mark.parametrize(("change", "words"), BAD)
def test_each_mistake_is_named(change: dict[str, Any], words: str) -> None:
    (problem,) = schedule_input.problems({**GOOD, **change})
    assert words in problem


def test_all_mistakes_are_named_at_once() -> None:
    everything = {key: value for change, _words in BAD[:5] for key, value in change.items()}
    assert len(schedule_input.problems({**GOOD, **everything})) == 5
