# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver alert-test``: send a test message by every way that is set up, and say which got through.

Exit status: 0 all got through, 1 no way is set up, 2 a way failed or the settings cannot be read.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from .._common import clock, job
from .._schedule import alert, heartbeat


def test(root: Path, host: str, now: datetime) -> dict[str, str]:
    """Return way -> why it failed, empty where it got through. Raises OSError, ValueError for unreadable settings."""
    config = alert.load(root)
    message = "This is a test that somebody asked for. Nothing is wrong."
    news = alert.Alert(host, "alert-test", "ok", message, clock.stamp(now), "no log")
    found = {way: alert.send(config, way, news) for way in alert.configured(config)}
    if config.get("heartbeat_url"):
        found["heartbeat"] = heartbeat.send(config)
    return found


def main(argv: Sequence[str]) -> int:
    """Command line of ``labserver alert-test``."""
    parser = argparse.ArgumentParser(prog="labserver alert-test", description="Send a test message by every way.")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--root", type=Path, default=Path("/"), help="root of the file system")
    arguments = parser.parse_args(list(argv))
    try:
        found = test(arguments.root, socket.gethostname(), clock.utc_now())
    except (OSError, ValueError) as error:
        sys.stderr.write(f"labserver alert-test: /{alert.CONFIG} cannot be read: {error}\n")
        return job.CRITICAL
    if arguments.json:
        ways = {way: {"sent": not failed, "failed": failed} for way, failed in found.items()}
        sys.stdout.write(json.dumps({"version": 1, "ways": ways}) + "\n")
    elif not found:
        sys.stdout.write("no way of telling is set up: give schedule_alert_mail_to or another schedule_alert_...\n")
    else:
        for way, failed in found.items():
            sys.stdout.write(f"{way}: {failed or 'sent'}\n")
    if not found:
        return job.WARNING
    return job.CRITICAL if any(found.values()) else job.OK
