# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a CoCalc server, in the order of this file: first start, first administrator, upgrades good and bad.

The image is a stand-in with the interface of the real ones (files/cocalc), with a real PostgreSQL.
"""

from __future__ import annotations

import json
import typing as t

from conftest import Apply

DATA = "/srv/labserver/cocalc/projects"
LEGACY = {
    "name": "cocalc-old",
    "image": "labserver-test/cocalc:legacy",
    "variant": "legacy",
    "data_folder": "/srv/labserver/cocalc-old/projects",
    "dump_folder": "/srv/labserver/cocalc-old/dumps",
    "bind_address": "127.0.0.1",
    "port": 9443,
    "http_port": 0,
}


def psql(host: t.Any, sql: str, name: str = "cocalc") -> str:
    command = "psql -XqAt -h /projects/postgres/data/socket -U smc -d smc"
    return str(host.check_output(f"echo {json.dumps(sql)} | docker exec -i {name} {command}"))


def listens(host: t.Any, port: int) -> str:
    return str(host.check_output(f"ss -Hltn4 sport = :{port}").split()[3])


def version(host: t.Any) -> str:
    code = (
        "import json, ssl, urllib.request as u; c = ssl._create_unverified_context(); "
        "print(json.load(u.urlopen('https://127.0.0.1:8443/customize', context=c, timeout=5))['version'])"
    )
    return str(host.check_output(f'python3 -c "{code}"'))


def container(host: t.Any, name: str = "cocalc") -> dict[str, t.Any]:
    return dict(json.loads(host.check_output(f"docker inspect {name}"))[0])


def served(host: t.Any, port: int) -> str:
    pipe = (
        f"openssl s_client -connect 127.0.0.1:{port} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256"
    )
    return str(host.check_output(pipe))


def what(result: dict[str, t.Any]) -> list[str]:
    return [action["what"] for action in result["actions"]]


def test_a_new_server_listens_on_its_host_alone_and_has_its_token(host: t.Any) -> None:
    assert version(host) == "1"
    assert [listens(host, port) for port in (8443, 8080)] == ["127.0.0.1:8443", "127.0.0.1:8080"]
    token = host.file("/etc/labserver/cocalc/registration-token")
    assert token.mode == 0o600
    assert psql(host, "select token, disabled from registration_tokens") == f"{token.content_string.strip()}|f"


def test_limits(host: t.Any) -> None:
    limits = container(host)["HostConfig"]
    assert (limits["Memory"], limits["PidsLimit"], limits["NanoCpus"]) == (1073741824, 4096, 2_000_000_000)


def test_a_person_who_signed_up_becomes_administrator_and_the_server_opens(host: t.Any, cocalc: Apply) -> None:
    assert cocalc()["waiting"] == ["mira@lab.example.org", "noor@lab.example.org"]
    psql(host, "insert into accounts values ('mira@lab.example.org', '{teachers}'), ('eve@example.org', null)")
    host.check_output(f"echo precious > {DATA}/notebook")
    assert what(cocalc(check=True)) == ["admin", "expose"]
    assert listens(host, 8443) == "127.0.0.1:8443"
    result = cocalc()
    assert (what(result), result["waiting"]) == (["admin", "expose"], ["noor@lab.example.org"])
    assert [listens(host, port) for port in (8443, 8080)] == ["0.0.0.0:8443", "0.0.0.0:8080"]
    assert psql(host, "select * from accounts order by 1") == "eve@example.org|\nmira@lab.example.org|{teachers,admin}"
    assert cocalc()["changed"] is False


def test_a_token_that_somebody_disabled_is_set_again(host: t.Any, cocalc: Apply) -> None:
    psql(host, "update registration_tokens set disabled = true")
    assert what(cocalc()) == ["token"]
    assert psql(host, "select disabled from registration_tokens") == "f"


def test_upgrade(host: t.Any, cocalc: Apply) -> None:
    old = container(host)["Id"]
    assert what(cocalc(check=True, image="labserver-test/cocalc:2")) == ["replace"]
    assert (container(host)["Id"], version(host)) == (old, "1")
    result = cocalc(image="labserver-test/cocalc:2")
    assert result["actions"][0]["reason"] == "image labserver-test/cocalc:1 -> labserver-test/cocalc:2"
    assert (version(host), listens(host, 8443)) == ("2", "0.0.0.0:8443")
    assert "mira@lab.example.org" in host.check_output(f"zcat {result['dump']}")
    assert host.file(f"{DATA}/notebook").content_string == "precious\n"
    assert "mira" in psql(host, "select email_address from accounts")
    assert host.run("docker inspect cocalc-previous").rc != 0
    assert not host.file(f"{DATA}.before-upgrade").exists
    assert cocalc(image="labserver-test/cocalc:2")["changed"] is False


def test_an_upgrade_that_ruins_the_database_is_undone(host: t.Any, cocalc: Apply) -> None:
    """The stand-in ``broken`` drops the accounts and then looks "running" without serving."""
    old = container(host)["Id"]
    result = cocalc(image="labserver-test/cocalc:broken", health_seconds=15)
    assert "this version does not start" in result["msg"] and "are back and up" in result["msg"]
    assert (container(host)["Id"], version(host)) == (old, "2")
    assert "mira" in psql(host, "select email_address from accounts")
    assert "broken" not in psql(host, "select version from starts")
    assert cocalc(image="labserver-test/cocalc:2")["changed"] is False


def test_an_upgrade_that_was_killed_in_the_middle_is_undone_by_the_next_run(host: t.Any, cocalc: Apply) -> None:
    old = container(host)["Id"]
    host.check_output(
        f"docker stop cocalc && cp -a {DATA}/postgres {DATA}.before-upgrade && docker rename cocalc cocalc-previous"
        f" && docker run -d --name cocalc -v {DATA}:/projects labserver-test/cocalc:broken && sleep 5"
    )
    assert what(cocalc(check=True, image="labserver-test/cocalc:2")) == ["recover"]
    assert what(cocalc(image="labserver-test/cocalc:2")) == ["recover"]
    assert (container(host)["Id"], version(host)) == (old, "2")
    assert "mira" in psql(host, "select email_address from accounts")


def test_a_certificate_is_served_after_it_was_deployed(host: t.Any, cocalc: Apply) -> None:
    make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=cocalc.lab.test -days 9"
    host.check_output(f"{make} -keyout /root/key.pem -out /root/cert.pem 2>/dev/null")
    given = {"image": "labserver-test/cocalc:2", "certificate_file": "/root/cert.pem", "key_file": "/root/key.pem"}
    assert what(cocalc(**given)) == ["certificate"]
    wanted = host.check_output("openssl x509 -noout -fingerprint -sha256 -in /root/cert.pem")
    assert served(host, 8443) == wanted
    assert host.file(f"{DATA}/conf/cert/key.pem").mode == 0o600
    assert cocalc(**given)["changed"] is False


def test_a_legacy_image_gets_one_file_its_own_token_and_letsencrypt_once(host: t.Any, cocalc: Apply) -> None:
    given = LEGACY | {
        "certificate_file": "/root/cert.pem",
        "key_file": "/root/key.pem",
        "letsencrypt": {"domain": "cocalc.lab.test", "email": "mira@lab.example.org", "test": True},
    }
    result = cocalc(**given)
    assert what(result) == ["certificate", "create", "token", "letsencrypt"]
    assert served(host, 9443) == host.check_output("openssl x509 -noout -fingerprint -sha256 -in /root/cert.pem")
    joined = host.check_output("cat /root/cert.pem /root/key.pem")
    folder = LEGACY["data_folder"]
    assert host.check_output(f"cat {folder}/conf/nopassphrase.pem") == joined
    token = host.check_output("cat /etc/labserver/cocalc/registration-token")
    assert psql(host, "select * from server_settings", "cocalc-old") == f"account_creation_token|{token}"
    assert host.check_output(f"cat {folder}/conf/dehydrated/conf") == "--test cocalc.lab.test mira@lab.example.org"
    assert cocalc(**given)["changed"] is False
    assert host.check_output(f"cat {folder}/conf/dehydrated/renewals") == "run"


def test_a_server_that_only_looks_running_is_not_taken_for_one(host: t.Any, cocalc: Apply) -> None:
    cocalc(**LEGACY, state="absent")
    given = LEGACY | {"image": "labserver-test/cocalc:broken", "variant": "current", "health_seconds": 25}
    result = cocalc(**given | {"data_folder": "/srv/labserver/cocalc-new/projects"})
    assert "Failed to start" in result["msg"]
    assert container(host, "cocalc-old")["State"]["Status"] == "running"
    cocalc(**LEGACY, state="absent")


def test_absent_leaves_the_data(host: t.Any, cocalc: Apply) -> None:
    assert what(cocalc(check=True, state="absent")) == ["remove"]
    assert what(cocalc(state="absent")) == ["remove"]
    assert host.run("docker inspect cocalc").rc != 0
    assert host.file(f"{DATA}/notebook").exists and host.file(f"{DATA}/postgres/data/PG_VERSION").exists
    assert cocalc(state="absent")["changed"] is False
    # The data alone bring the server back, closed until its administrator is found again in the same run.
    assert what(cocalc(image="labserver-test/cocalc:2")) == ["create", "expose"]
    assert "mira" in psql(host, "select email_address from accounts")
