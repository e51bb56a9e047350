# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every wrong input of the role cocalc has its message."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._cocalc.input import problems

GOOD: dict[str, t.Any] = {
    "cocalc_bind_address": "127.0.0.1",
    "cocalc_port": 8443,
    "cocalc_http_port": 0,
    "cocalc_ssh_address": "",
    "cocalc_ssh_port": 2222,
    "cocalc_tls": "own",
    "cocalc_admins": [],
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"cocalc_bind_address": "lab", "cocalc_admins": ["a@x.org"]},
            'cocalc_bind_address: "lab" is not an IP address',
        ),
        ({"cocalc_bind_address": ""}, 'cocalc_bind_address: "" is not an IP address'),
        ({"cocalc_port": 70000}, "cocalc_port: 70000 is not a port"),
        ({"cocalc_http_port": 8443}, "cocalc_http_port: 8443 is also cocalc_port"),
        ({"cocalc_ssh_address": "127.0.0.1", "cocalc_ssh_port": 8443}, "cocalc_ssh_port: 8443 is also cocalc_port"),
        ({"cocalc_admins": ["x'; drop table accounts; --"]}, "cocalc_admins[0]: "),
        ({"cocalc_bind_address": "0.0.0.0"}, "cocalc_admins: empty, but other machines are to reach the server"),
        ({"cocalc_ssh_address": "192.0.2.1"}, "cocalc_admins: empty, but other machines are to reach the server"),
        ({"cocalc_registration_token": "short"}, "cocalc_registration_token: give 8 to 128"),
        ({"cocalc_key_file": "/k"}, "cocalc_certificate_file and cocalc_key_file: give both or none"),
        ({"cocalc_letsencrypt": {"domain": "x.org"}}, "cocalc_letsencrypt: needs domain and email"),
        (
            {"cocalc_letsencrypt": {"domain": "x.org", "email": "a@x.org", "staging": True}},
            "cocalc_letsencrypt: unknown key staging",
        ),
        ({"cocalc_certificate": "/etc/x.pem"}, 'cocalc_certificate: "/etc/x.pem" is not a name'),
        (
            {"cocalc_certificate": "cocalc", "cocalc_certificate_file": "/c", "cocalc_key_file": "/k"},
            "cocalc_certificate: not together with cocalc_certificate_file or cocalc_letsencrypt",
        ),
        ({"cocalc_certificate": "lab", "cocalc_variant": "legacy"}, "cocalc_certificate: a legacy image wants"),
        ({"cocalc_certificate": "lab", "cocalc_tls": "proxy"}, "cocalc_tls: proxy is plain HTTP"),
        ({"cocalc_tls": "proxy", "cocalc_http_port": 80}, "cocalc_tls: proxy is plain HTTP"),
        (
            {"cocalc_tls": "proxy", "cocalc_bind_address": "0.0.0.0", "cocalc_admins": ["a@x.org"]},
            "cocalc_bind_address: has to be 127.0.0.1 with cocalc_tls: proxy",
        ),
        ({"cocalc_memory_bytes": 1}, "cocalc_memory_bytes: 1 is too little; give at least 268435456"),
        ({"cocalc_cpus": 0.0}, "cocalc_cpus: 0.0 is not a share of a processor"),
    ],
)
def test_messages(changes: dict[str, t.Any], message: str) -> None:
    found = problems(GOOD | changes)
    assert len(found) == 1
    assert found[0].startswith(message)


def test_good_inputs_have_no_problems() -> None:
    assert problems(GOOD) == []
    assert problems(GOOD | {"cocalc_bind_address": "::", "cocalc_admins": ["mira.b+x@lab.example.org"]}) == []
    assert problems(GOOD | {"cocalc_state": "absent", "cocalc_port": 0}) == []
