# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The systemd unit that looks after a takeover while the old hub is stopped: ``labserver adopt-watch``.

It is a file, not a transient unit: after a boot in the middle it starts again.
"""

from __future__ import annotations

from .._common import files
from .keep import Effects

NAME = "labserver-adopt.service"
PATH = f"etc/systemd/system/{NAME}"
PROGRAM = "/usr/local/sbin/labserver"
TEXT = f"""\
[Unit]
Description=Give this host back to the old hub when the run that takes it over is lost
After=docker.service
StartLimitIntervalSec=0

[Service]
ExecStart={PROGRAM} adopt-watch
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
"""


def arm(effects: Effects) -> None:
    """Start to look after the takeover, also after a boot; raises AdoptError when systemd does not start the unit."""
    path = effects.inside(PATH)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.replace(path, TEXT.encode(), 0o644)
    effects.order("systemctl", "daemon-reload")
    effects.order("systemctl", "enable", "--now", NAME)


def disarm(effects: Effects) -> None:
    """Take the unit away. What runs of it is left to end by itself: it may be the caller."""
    path = effects.inside(PATH)
    if path.exists():
        effects.run(["systemctl", "disable", NAME])
        path.unlink(missing_ok=True)
        effects.run(["systemctl", "daemon-reload"])
