# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People reach the apps through the lab's front door, by TLS."""

from __future__ import annotations

import typing as t


def through_the_door(host: t.Any, port: int, name: str) -> str:
    request = f"GET / HTTP/1.1\\r\\nHost: {name}\\r\\nConnection: close\\r\\n\\r\\n"
    connect = f"openssl s_client -quiet -tls1_3 -connect 127.0.0.1:{port} -servername {name} 2>/dev/null"
    return str(host.check_output(f"(printf '{request}'; sleep 2) | {connect}"))


def test_compose_app_by_its_name(host: t.Any) -> None:
    answer = through_the_door(host, 443, "visits.lab.test")
    assert answer.startswith("HTTP/1.1 200 ") and '"visits"' in answer


def test_cocalc_by_its_port_though_it_is_closed_itself(host: t.Any) -> None:
    answer = through_the_door(host, 10443, "apps.lab.test")
    assert answer.startswith("HTTP/1.1 200 ") and "stand-in" in answer
