# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a CoCalc server listens, what its SQL says, and what makes a container another one.

Its life on a real engine and a real PostgreSQL is in molecule/apps.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._cocalc import model

SERVER = model.Desired(
    "cocalc", "i:1", Path("/data"), Path("/dumps"), token="secret", admins=("mira@x.org", "noor@x.org")
)


@pytest.mark.parametrize(
    ("changes", "closed", "opened"),
    [
        ({}, ["127.0.0.1:8443:443"], ["127.0.0.1:8443:443"]),
        ({"bind_address": "0.0.0.0"}, ["127.0.0.1:8443:443"], ["0.0.0.0:8443:443"]),
        (
            {"bind_address": "0.0.0.0", "http_port": 80},
            ["127.0.0.1:8443:443", "127.0.0.1:80:80"],
            ["0.0.0.0:8443:443", "0.0.0.0:80:80"],
        ),
        ({"tls": "proxy", "port": 8080}, ["127.0.0.1:8080:80"], ["127.0.0.1:8080:80"]),
        ({"bind_address": "::"}, ["127.0.0.1:8443:443"], ["[::]:8443:443"]),
        (
            {"ssh_address": "192.0.2.1"},
            ["127.0.0.1:8443:443", "127.0.0.1:2222:22"],
            ["127.0.0.1:8443:443", "192.0.2.1:2222:22"],
        ),
    ],
)
def test_ports_stay_on_the_host_until_it_is_opened(
    changes: dict[str, t.Any], closed: list[str], opened: list[str]
) -> None:
    server = replace(SERVER, **changes)
    assert model.published(server, exposed=False) == closed
    assert model.published(server, exposed=True) == opened


@pytest.mark.parametrize(
    ("changes", "exposed", "url"),
    [
        ({}, False, "https://127.0.0.1:8443/healthcheck"),
        ({"bind_address": "0.0.0.0"}, True, "https://127.0.0.1:8443/healthcheck"),
        ({"bind_address": "192.0.2.1"}, True, "https://192.0.2.1:8443/healthcheck"),
        ({"bind_address": "::"}, True, "https://[::1]:8443/healthcheck"),
        ({"tls": "proxy", "environment": {"BASE_PATH": "/cocalc/"}}, False, "http://127.0.0.1:8443/cocalc/healthcheck"),
    ],
)
def test_health_is_asked_where_the_server_listens(changes: dict[str, t.Any], exposed: bool, url: str) -> None:
    assert model.health_url(replace(SERVER, **changes), exposed) == url


def test_everything_that_the_container_is_made_of_counts_and_nothing_else() -> None:
    base = model.settings_hash(SERVER, "sha256:1", False)
    for changes in ({"port": 1}, {"cpus": 1.0}, {"processes": 9}, {"environment": {"A": "1"}}, {"tls": "proxy"}):
        assert model.settings_hash(replace(SERVER, **changes), "sha256:1", False) != base
    assert model.settings_hash(SERVER, "sha256:2", False) != base
    for changes in ({"image": "other-name:1"}, {"admins": ()}, {"token": "x"}, {"health_seconds": 1}):
        assert model.settings_hash(replace(SERVER, **changes), "sha256:1", False) == base


def test_text_cannot_leave_its_sql_constant() -> None:
    server = replace(SERVER, token="a'); drop table accounts; --", admins=("o'hara@x.org",))
    assert "values ('a''); drop table accounts; --', " in model.write_access_sql(server, [], token=True)
    assert "in ('o''hara@x.org')" in model.read_access_sql(server)
    with pytest.raises(ValueError, match="zero byte"):
        model.quote("a\0b")


def test_a_new_token_ends_the_earlier_ones_of_this_role_alone() -> None:
    lines = model.write_access_sql(replace(SERVER, token="second"), [], token=True).splitlines()
    assert lines[1] == (
        "update registration_tokens set disabled = true where descr = 'set by labserver' and token <> 'second';"
    )
    assert not any("update" in line for line in model.write_access_sql(SERVER, [], token=False).splitlines())


def test_access_is_read_line_by_line() -> None:
    found = model.access_from(SERVER, "account|mira@x.org|true\ntoken|secret|true\n")
    assert found == model.Access(admins=("mira@x.org",), unknown=("noor@x.org",), token=True)
    assert found.safe_to_expose
    assert not model.access_from(SERVER, "account|mira@x.org|false\ntoken|secret|true\n").safe_to_expose
    assert not model.access_from(SERVER, "account|mira@x.org|true\n").safe_to_expose
    assert not model.access_from(SERVER, "account|mira@x.org|true\ntoken|other|true\n").token


def test_certificates_of_old_and_new_images() -> None:
    server = replace(SERVER, certificate=b"CERT\n", key=b"KEY\n")
    assert model.certificate_files(server) == {
        Path("/data/conf/cert/key.pem"): b"KEY\n",
        Path("/data/conf/cert/cert.pem"): b"CERT\n",
    }
    old = replace(server, variant="legacy")
    assert model.certificate_files(old) == {Path("/data/conf/nopassphrase.pem"): b"CERT\nKEY\n"}
    assert model.certificate_files(SERVER) == {}


def test_another_database_of_the_inventory_is_asked() -> None:
    assert replace(SERVER, environment={"PGHOST": "db", "X": "1"}).database == {
        "PGHOST": "db",
        "PGUSER": "smc",
        "PGDATABASE": "smc",
    }
