# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the module ``schedule``, for the module and for its controller's side."""

from __future__ import annotations

from typing import Any

ARGUMENTS: dict[str, Any] = {
    "jobs": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "description": {"type": "str", "default": ""},
            "command": {"type": "list", "elements": "str"},
            "container": {"type": "str", "default": ""},
            "environment": {"type": "dict", "default": {}},
            "schedule": {"type": "str", "default": "daily"},
            "timeout_seconds": {"type": "int", "default": 3600},
            "jitter_seconds": {"type": "int", "default": 120},
            "at_boot": {"type": "bool", "default": False},
            "catch_up": {"type": "bool", "default": True},
            "alert": {"type": "str", "choices": ["warning", "critical", "never"], "default": "warning"},
        },
    },
    "alerts": {
        "type": "dict",
        "options": {
            "version": {"type": "int", "default": 1},
            "mail": {"type": "dict", "default": {}},
            "webhook": {"type": "dict", "default": {}},
            "command": {"type": "list", "elements": "str", "default": []},
            "heartbeat_url": {"type": "str", "default": ""},
            "heartbeat_form": {"type": "str", "choices": ["ping", "healthchecks", "uptime_kuma"], "default": "ping"},
            "quiet": {"type": "str", "default": ""},
            "ports": {"type": "list", "elements": "int", "default": []},
            "growth_days": {"type": "int", "default": 60},
        },
    },
    "backend": {"type": "str", "choices": ["cron", "systemd"], "default": "cron"},
    "host": {"type": "str", "required": True},
}
