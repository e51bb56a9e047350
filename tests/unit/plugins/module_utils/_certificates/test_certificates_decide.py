# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions about certificates, and what their inputs may be; no openssl, no files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._certificates import acme as cert_acme
from ansible_collections.labserver.jupyter.plugins.module_utils._certificates import decide as cert_decide
from ansible_collections.labserver.jupyter.plugins.module_utils._certificates import input as certificates_input
from ansible_collections.labserver.jupyter.plugins.module_utils._certificates import names as cert_names
from ansible_collections.labserver.jupyter.plugins.module_utils._certificates.x509 import Certificate, covers

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def certificate(age: float, lifetime: float, *names: str, issuer: str = "CN=CA") -> Certificate:
    begin = NOW - timedelta(days=age)
    return Certificate(
        frozenset(names or ["a.test"]), begin, begin + timedelta(days=lifetime), "00", "CN=x", issuer, "11"
    )


@pytest.mark.parametrize(
    ("lifetime", "age", "due"),
    [
        (90, 59, False), (90, 61, True),
        (45, 29, False), (45, 31, True),
        (160 / 24, 3.2, False), (160 / 24, 3.5, True),  # Let's Encrypt's short-lived profile: at half of it
        (365, 240, False), (365, 250, True),
    ],
)  # fmt: skip
def test_due_is_a_fraction_of_the_lifetime(lifetime: float, age: float, due: bool) -> None:
    assert bool(cert_decide.due(certificate(age, lifetime), ["a.test"], None, NOW)) is due


def test_due_for_other_reasons() -> None:
    assert "there is none" in cert_decide.due(None, ["a.test"], None, NOW)
    assert "b.test is not in it" in cert_decide.due(certificate(1, 90), ["a.test", "b.test"], None, NOW)
    assert "expired" in cert_decide.due(certificate(91, 90), ["a.test"], None, NOW)
    assert cert_decide.due(certificate(50, 90), ["a.test"], 0.5, NOW)


def test_what_is_worse() -> None:
    good, later = certificate(10, 90), certificate(0, 90)
    own = certificate(0, 900, issuer="CN=x")
    assert cert_decide.worse(later, good, ["a.test"], NOW) == ""
    assert "before the present one" in cert_decide.worse(good, later, ["a.test"], NOW)
    assert "self-signed" in cert_decide.worse(own, good, ["a.test"], NOW)
    assert cert_decide.worse(good, own, ["a.test"], NOW) == ""
    assert cert_decide.worse(own, certificate(91, 90), ["a.test"], NOW) == ""
    assert cert_decide.worse(good, later, ["a.test", "b.test"], NOW) == ""


def test_levels_and_waits() -> None:
    levels = [cert_decide.level(certificate(age, 100), 0.25, NOW) for age in (0, 74, 76, 89, 91, 101, -1)]
    assert levels == ["ok", "ok", "warning", "warning", "critical", "critical", "critical"]
    waits = [cert_decide.wait_after(number, False).total_seconds() / 60 for number in range(1, 7)]
    assert waits == [1, 10, 100, 1440, 1440, 1440]
    assert cert_decide.wait_after(1, True) == timedelta(days=1)


@pytest.mark.parametrize(
    ("name", "good"),
    [("a.lab.test", True), ("A.LAB.test", True), ("b.lab.test", False), ("x.dyn.test", True), ("x.y.dyn.test", False),
     ("dyn.test", False), ("10.0.0.1", True), ("10.0.0.2", False), ("::1", True), ("0:0::1", True)],
)  # fmt: skip
def test_names_that_a_certificate_covers(name: str, good: bool) -> None:
    assert covers(certificate(0, 90, "a.lab.test", "*.dyn.test", "10.0.0.1", "::1"), name) is good


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["hub.lab.example.org"], ["lab.example.org"]),
        (["srv.example"], ["srv.example"]),  # never the whole of a public domain
        (["srv.lan", "nas.lan"], ["lan"]),
        (["server1", "10.0.0.1"], ["server1"]),
        (["*.dyn.lab.example.org"], ["lab.example.org"]),
    ],
)
def test_domains_of_an_authority(names: list[str], found: list[str]) -> None:
    assert cert_names.domains(names) == found


@pytest.mark.parametrize("text", ["certbot 2.1.0", "certbot 5.8.0\n", "saving log\ncertbot 4.0.0"])
def test_versions_of_certbot(text: str) -> None:
    version = cert_acme.version(text)
    refused = cert_acme.refusal({"profile": "shortlived"}, version)
    assert bool(refused) is (version < (4, 0))
    assert cert_acme.refusal({}, version) == ""


def test_all_problems_of_the_inputs_at_once() -> None:
    inputs: dict[str, Any] = {
        "certificates_list": [
            {"name": "Hub!", "names": ["a b"], "source": "internal_ca"},
            {"name": "w", "names": ["*.x.test"], "source": "acme", "acme": {}},
            {"name": "w", "names": [], "source": "acme", "acme": {"challenge": "dns"}},
            {"name": "f", "names": [], "source": "files", "files": {"key": "/k", "key_content": "x"}},
            {"name": "c", "names": [], "source": "container_exec", "container_exec": {"container": "cocalc"}},
            {"name": "z", "names": [], "source": "magic"},
            {"name": "t", "names": ["x.test"], "source": "acme", "acme": {"challenge": "tls"}},
            {
                "name": "r",
                "names": [],
                "source": "self_signed",
                "deploy": [{"name": "x", "reload": {"container": "a", "action": "kill"}}],
            },
            {
                "name": "d",
                "names": [],
                "source": "self_signed",
                "warn_fraction": 30,
                "deploy": [
                    {"copy": {"folder": "x"}, "reload": {"service": "a", "container": "b"}, "probe": {"host": "h"}}
                ],
            },
        ],
        "certificates_ca_registries": ["registry"],
        "certificates_ca_keeper": "",
    }
    text = "\n".join(certificates_input.problems(inputs))
    for words in (
        "certificates_list[0] (name=Hub!): the name",
        '"a b" is neither',
        "is a wildcard",
        "another certificate has this name",
        "needs acme.dns_auth_hook",
        "files.certificate",
        "either files.key ",
        "container_exec.renew_command is missing",
        'source "magic"',
        'acme.challenge "tls" is not one of',
        'reload.action "kill" is not restart or hup',
        "warn_fraction is 30",
        "deploy[0]: name is missing",
        "service and container",
        "not a full path",
        "probe.port",
        "is not how an image begins",
        "certificates_ca_keeper is empty",
    ):
        assert words in text, words
    good = {"name": "server", "names": ["hub.lab.test", "10.0.0.1"], "source": "internal_ca"}
    assert certificates_input.problems({"certificates_list": [good], "certificates_ca_keeper": "a"}) == []
