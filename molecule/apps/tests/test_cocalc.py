# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a CoCalc server, in the order of this file: first start, first administrator, upgrades good and bad.

The image is a stand-in with the interface of the real ones (files/cocalc), with a real PostgreSQL.
"""

from __future__ import annotations

import json
import typing as t
from concurrent.futures import ThreadPoolExecutor

from conftest import Apply, Role
from long_tests import long

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
    "ssh_address": "127.0.0.3",
    "ssh_port": 2223,
}


def psql(host: t.Any, sql: str, name: str = "cocalc") -> str:
    command = "psql -XqAt -h /projects/postgres/data/socket -U smc -d smc"
    return str(host.check_output(f"echo {json.dumps(sql)} | docker exec -i {name} {command}"))


def listens(host: t.Any, port: int) -> str:
    return str(host.check_output(f"ss -Hltn4 sport = :{port}").split()[3])


def says(host: t.Any, address: str, port: int) -> str:
    """What an SSH client would hear first."""
    return str(host.run(f"timeout 3 bash -c 'head -n 1 < /dev/tcp/{address}/{port}'").stdout.strip())


def limit(host: t.Any, controller: str, names: tuple[str, str]) -> int:
    """A limit as the kernel holds it; ``names`` of the file in version 1 and 2 of control groups."""
    pid = container(host)["State"]["Pid"]
    groups = dict(line.split(":")[1:] for line in host.check_output(f"cat /proc/{pid}/cgroup").splitlines())
    one = next((f"{key}{path}" for key, path in groups.items() if controller in key.split(",")), "")
    file = f"/sys/fs/cgroup/{one}/{names[0]}" if one else f"/sys/fs/cgroup{groups['']}/{names[1]}"
    return int(host.check_output(f"cat {file}").split()[0])


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
    assert [listens(host, port) for port in (8443, 8080, 2222)] == [
        "127.0.0.1:8443",
        "127.0.0.1:8080",
        "127.0.0.1:2222",
    ]
    token = host.file("/etc/labserver/cocalc/registration-token")
    assert token.mode == 0o600
    assert psql(host, "select token, disabled from registration_tokens") == f"{token.content_string.strip()}|f"


def test_limits(host: t.Any) -> None:
    assert limit(host, "memory", ("memory.limit_in_bytes", "memory.max")) == 1073741824
    assert limit(host, "pids", ("pids.max", "pids.max")) == 4096
    processors = int(host.check_output("nproc"))
    assert limit(host, "cpu", ("cpu.cfs_quota_us", "cpu.max")) == min(4, processors) * 100_000


def test_a_person_who_signed_up_becomes_administrator_and_the_server_opens(host: t.Any, cocalc: Apply) -> None:
    assert cocalc()["waiting"] == ["mira@lab.example.org", "noor@lab.example.org"]
    psql(host, "insert into accounts values ('mira@lab.example.org', '{teachers}'), ('eve@example.org', null)")
    host.check_output(f"echo precious > {DATA}/notebook")
    assert what(cocalc(check=True)) == ["admin", "expose"]
    assert listens(host, 8443) == "127.0.0.1:8443"
    result = cocalc()
    assert (what(result), result["waiting"]) == (["admin", "expose"], ["noor@lab.example.org"])
    assert [listens(host, port) for port in (8443, 8080)] == ["0.0.0.0:8443", "0.0.0.0:8080"]
    assert listens(host, 2222) == "0.0.0.0:2222"
    assert says(host, "127.0.0.1", 2222) == "SSH-2.0-stand-in"
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


@long("soak-long")
def test_an_upgrade_that_was_killed_in_the_middle_is_undone_by_the_next_run(host: t.Any, cocalc: Apply) -> None:
    old = container(host)["Id"]
    with ThreadPoolExecutor() as pool:
        upgrade = pool.submit(cocalc, image="labserver-test/cocalc:broken", health_seconds=120)
        ruined = "docker inspect cocalc-previous && docker logs cocalc 2>&1 | grep -q Failed.to.start"
        host.check_output(f"timeout 90 sh -c 'until {ruined}; do sleep 0.3; done' >/dev/null 2>&1")
        host.check_output("kill -9 $(pgrep -xf /usr/bin/python3)")
        assert "actions" not in upgrade.result()
    assert host.file(f"{DATA}.before-upgrade").is_directory
    assert what(cocalc(check=True, image="labserver-test/cocalc:2")) == ["recover"]
    result = cocalc(image="labserver-test/cocalc:2")
    assert what(result) == ["recover"]
    assert (container(host)["Id"], version(host)) == (old, "2")
    assert "mira" in psql(host, "select email_address from accounts")
    (aside,) = result["left"]
    assert aside in result["actions"][0]["reason"] and host.file(f"{aside}/data/PG_VERSION").exists
    host.check_output(f"rm -r {aside}")
    again = cocalc(image="labserver-test/cocalc:2")
    assert (again["changed"], again["left"]) == (False, [])


def test_the_certificate_of_the_labs_authority_is_served_and_renewed(host: t.Any, cocalc: Apply) -> None:
    """Deployed by the first run of the role; at its renewal by the program that host cron runs."""
    file = "/etc/labserver/tls/cocalc/cert.pem"
    verify = "-verify_return_error -verify_hostname cocalc.lab.test -CAfile /etc/labserver/public/ca.crt"
    connect = f"openssl s_client -connect 127.0.0.1:8443 {verify} </dev/null"
    for renewed in (False, True):
        before = host.check_output(f"openssl x509 -noout -fingerprint -sha256 -in {file}")
        assert served(host, 8443) == before
        assert "Verify return code: 0" in host.check_output(f"{connect} 2>&1")
        if not renewed:
            host.check_output("labserver renew --force cocalc")
            assert host.check_output(f"openssl x509 -noout -fingerprint -sha256 -in {file}") != before
    assert host.file(f"{DATA}/conf/cert/key.pem").mode == 0o600
    assert cocalc(image="labserver-test/cocalc:2")["changed"] is False


def test_plain_http_for_a_proxy_on_the_same_host(host: t.Any, cocalc: Apply) -> None:
    given = LEGACY | {"image": "labserver-test/cocalc:1", "variant": "current", "tls": "proxy", "ssh_address": ""}
    given |= {"data_folder": "/srv/labserver/cocalc-plain/projects", "certificate_file": None, "key_file": None}
    assert what(cocalc(**given)) == ["create", "token"]
    assert listens(host, 9443) == "127.0.0.1:9443"
    code = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9443/', timeout=5).read().decode())"
    assert host.check_output(f'python3 -c "{code}"') == "stand-in 1"
    cocalc(**given, state="absent")


def test_a_legacy_image_gets_one_file_and_its_own_token(host: t.Any, cocalc: Apply) -> None:
    make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=cocalc.lab.test -days 9"
    host.check_output(f"{make} -keyout /root/key.pem -out /root/cert.pem 2>/dev/null")
    given = LEGACY | {"certificate_file": "/root/cert.pem", "key_file": "/root/key.pem"}
    assert what(cocalc(**given)) == ["certificate", "create", "token"]
    assert served(host, 9443) == host.check_output("openssl x509 -noout -fingerprint -sha256 -in /root/cert.pem")
    joined = host.check_output("cat /root/cert.pem /root/key.pem")
    assert host.check_output(f"cat {LEGACY['data_folder']}/conf/nopassphrase.pem") == joined
    token = host.check_output("cat /etc/labserver/cocalc/registration-token")
    assert psql(host, "select * from server_settings", "cocalc-old") == f"account_creation_token|{token}"
    assert listens(host, 2223) == "127.0.0.3:2223"
    assert (says(host, "127.0.0.3", 2223), says(host, "127.0.0.1", 2223)) == ("SSH-2.0-stand-in", "")
    assert cocalc(**given)["changed"] is False
    cocalc(**LEGACY, state="absent")


def test_an_image_without_letsencrypt_is_refused_before_anything_is_touched(host: t.Any, cocalc: Apply) -> None:
    old = container(host)["Id"]
    wanted = {"domain": "cocalc.lab.test", "email": "mira@lab.example.org"}
    result = cocalc(image="labserver-test/cocalc:1", letsencrypt=wanted, certificate_file=None, key_file=None)
    assert "labserver-test/cocalc:1 has no letsencrypt-cert" in result["msg"] and "cocalc_certificate" in result["msg"]
    assert (container(host)["Id"], version(host)) == (old, "2")


def test_the_clock_has_to_be_right(host: t.Any, role: Role) -> None:
    """timedatectl is a stand-in, since the clock of a container is that of the machine beneath."""
    host.check_output(
        "printf '#!/bin/sh\necho no\n' > /usr/local/bin/timedatectl && chmod +x /usr/local/bin/timedatectl"
    )
    status, text = role("cocalc", cocalc_time_sync="require")
    assert status != 0 and "Install systemd-timesyncd or chrony" in " ".join(text.split())


@long("soak-long")
def test_letsencrypt_inside_is_set_up_once_and_renewed_by_the_hosts_cron(host: t.Any, role: Role) -> None:
    host.check_output("printf '#!/bin/sh\necho yes\n' > /usr/local/bin/timedatectl")
    folder = "/srv/labserver/cocalc-le/projects"
    given = {f"cocalc_{key}": value for key, value in LEGACY.items()} | {
        "cocalc_data_folder": folder,
        "cocalc_certificate": "",
        "cocalc_admins": [],
        "cocalc_letsencrypt": {"domain": "cocalc.lab.test", "email": "mira@lab.example.org", "test": True},
        "cocalc_time_sync": "require",
    }
    for changed in (True, False):
        status, text = role("cocalc", **given)
        assert status == 0 and ("changed=0" not in text) is changed, text
    assert host.check_output(f"cat {folder}/conf/dehydrated/conf") == "--test cocalc.lab.test mira@lab.example.org"
    assert host.check_output(f"cat {folder}/conf/dehydrated/renewals") == "run"
    first = served(host, 9443)
    assert first == host.check_output(f"openssl x509 -noout -fingerprint -sha256 -in {folder}/conf/nopassphrase.pem")
    cron = host.file("/etc/cron.d/labserver-cocalc-letsencrypt").content_string
    assert "root /usr/local/sbin/labserver run cocalc-letsencrypt" in cron
    # What cron starts: nothing to do while enough days are left, another certificate when they are not.
    host.check_output("labserver run cocalc-letsencrypt")
    assert served(host, 9443) == first
    pair = f"{folder}/conf/nopassphrase.pem"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=cocalc.lab.test -days 9"
    host.check_output(f"{make} -keyout /root/k -out /root/c 2>/dev/null; cat /root/c /root/k > {pair}")
    host.check_output("labserver run cocalc-letsencrypt")
    now = host.check_output(f"openssl x509 -noout -fingerprint -sha256 -in {pair}")
    assert served(host, 9443) == now != first
    assert host.run(f"openssl x509 -noout -checkend 2592000 -in {pair}").rc == 0
    state = json.loads(host.file("/var/lib/labserver/jobs/cocalc-letsencrypt.json").content_string)
    assert (state["level"], state["exit_status"]) == ("ok", 0)
    status, text = role("cocalc", **given, cocalc_state="absent")
    assert status == 0, text
    assert not host.file("/etc/cron.d/labserver-cocalc-letsencrypt").exists
    assert host.file(pair).exists


def test_a_server_that_only_looks_running_is_not_taken_for_one(host: t.Any, cocalc: Apply) -> None:
    given = LEGACY | {"image": "labserver-test/cocalc:broken", "variant": "current", "health_seconds": 10}
    result = cocalc(**given | {"data_folder": "/srv/labserver/cocalc-new/projects"})
    assert "Failed to start" in result["msg"]
    assert container(host, "cocalc-old")["State"]["Status"] == "running"
    cocalc(**LEGACY, state="absent")


@long("soak-long")
def test_absent_leaves_the_data_even_of_an_upgrade_that_was_interrupted(host: t.Any, cocalc: Apply) -> None:
    host.check_output(
        f"docker stop cocalc && cp -a {DATA}/postgres {DATA}.before-upgrade && docker rename cocalc cocalc-previous"
        f" && docker run -d --name cocalc -v {DATA}:/projects labserver-test/cocalc:broken && sleep 3"
    )
    assert what(cocalc(check=True, state="absent")) == ["remove", "remove"]
    result = cocalc(state="absent")
    assert what(result) == ["remove", "remove", "recover"]
    assert host.check_output("docker ps -aq --filter name=cocalc") == ""
    assert host.file(f"{DATA}/notebook").exists and host.file(f"{DATA}/postgres/data/PG_VERSION").exists
    assert not host.file(f"{DATA}.before-upgrade").exists
    data, dumps, aside = result["left"]
    assert (data, dumps) == (DATA, "/srv/labserver/cocalc/dumps") and aside.startswith(f"{DATA}.interrupted-")
    assert cocalc(state="absent")["changed"] is False
    # The data alone bring the server back, closed until its administrator is found again in the same run.
    assert what(cocalc(image="labserver-test/cocalc:2")) == ["create", "expose"]
    assert "mira" in psql(host, "select email_address from accounts")
