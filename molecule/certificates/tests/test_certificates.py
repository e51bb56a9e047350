# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The front door, its certificates and their renewal, seen from outside: by openssl, by docker, by the other host."""

from __future__ import annotations

import json
import re
import time
import typing as t

import pytest

CONFIG = "/etc/labserver/certificates.json"
SCRIPT = """
import socket, ssl, sys, time
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
link = context.wrap_socket(socket.create_connection(("hub.lab.test", 443)), server_hostname="hub.lab.test")
link.sendall(b"GET /ws HTTP/1.1\\r\\nHost: hub.lab.test\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n")
assert b" 101 " in link.recv(4000)
for number in range(1200):
    link.sendall(b"%d" % number)
    assert link.recv(100) == b"%d" % number
    open("/run/echoed", "w").write(str(number))
    time.sleep(0.25)
"""


@pytest.fixture
def server(host: t.Any) -> t.Any:
    if host.ansible.get_variables()["inventory_hostname"].startswith("labserver-certificates-other"):
        pytest.skip("for the server")
    return host


@pytest.fixture
def other(host: t.Any) -> t.Any:
    if not host.ansible.get_variables()["inventory_hostname"].startswith("labserver-certificates-other"):
        pytest.skip("for the other host")
    return host


def fingerprint(host: t.Any, name: str, port: int) -> str:
    """What is served, asked by openssl."""
    text = host.check_output(
        f"openssl s_client -connect {name}:{port} -servername {name} </dev/null 2>/dev/null"
        " | openssl x509 -noout -fingerprint -sha256"
    )
    return text.partition("=")[2]


def cron_command(host: t.Any, job: str) -> str:
    """The command of the job's line in cron's own folder."""
    lines = host.file(f"/etc/cron.d/labserver-{job}").content_string.splitlines()
    return next(line.split(None, 6)[6] for line in lines if re.match(r"[0-9*]", line))


def as_cron(host: t.Any, command: str) -> t.Any:
    """Run it as cron does: no terminal, nothing in the environment but these."""
    empty = "env -i HOME=/root LOGNAME=root SHELL=/bin/sh PATH=/usr/bin:/bin"
    return host.run(f"cd / && {empty} setsid -w /bin/sh -c '{command}' </dev/null >/run/cron-said 2>&1")


def test_pebble_issued_through_the_proxy_and_by_dns(server: t.Any) -> None:
    for name, wanted in (("public", "hub.lab.test"), ("wild", "*.dyn.lab.test")):
        shown = server.check_output(
            f"openssl x509 -in /etc/labserver/tls/{name}/cert.pem -noout -issuer -ext subjectAltName"
        )
        assert "Pebble" in shown
        assert f"DNS:{wanted}" in shown


@pytest.mark.parametrize(("version", "good"), [("tls1", False), ("tls1_1", False), ("tls1_2", True), ("tls1_3", True)])
@pytest.mark.parametrize(("name", "port"), [("hub.lab.test", 443), ("registry.lab.test", 5443)])
def test_only_new_versions_of_tls(server: t.Any, name: str, port: int, version: str, good: bool) -> None:
    # SECLEVEL=0 makes this client willing to use the old ones, so that it is the server that refuses.
    done = server.run(
        f"openssl s_client -connect {name}:{port} -servername {name} -{version} -cipher ALL:@SECLEVEL=0 </dev/null 2>&1"
    )
    assert ("Cipher is (NONE)" not in done.stdout and done.rc == 0) is good, done.stdout


@pytest.mark.parametrize("cipher", ["AES128-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "aNULL", "3DES"])
def test_old_ciphers_are_refused(server: t.Any, cipher: str) -> None:
    client = "openssl s_client -connect hub.lab.test:443 -servername hub.lab.test -tls1_2"
    done = server.run(f"{client} -cipher {cipher}:@SECLEVEL=0 </dev/null 2>&1")
    assert "Cipher is (NONE)" in done.stdout or "no cipher match" in done.stdout


def test_names_that_nobody_serves_get_no_certificate(server: t.Any) -> None:
    done = server.run("openssl s_client -connect hub.lab.test:443 -servername elsewhere.test </dev/null 2>&1")
    assert "BEGIN CERTIFICATE" not in done.stdout


def test_http_goes_to_https_and_hsts_is_for_the_public_certificate(other: t.Any) -> None:
    code = (
        "import http.client as h; c = h.HTTPConnection('hub.lab.test'); c.request('GET', '/a?b=1');"
        "r = c.getresponse(); print(r.status, r.headers['Location'])"
    )
    assert other.check_output(f'python3 -c "{code}"') == "308 https://hub.lab.test/a?b=1"
    code = (
        "import http.client as h, ssl, sys; c = h.HTTPSConnection(sys.argv[1], int(sys.argv[2]),"
        " context=ssl._create_unverified_context()); c.request('GET', '/v2/');"
        "print(c.getresponse().headers['Strict-Transport-Security'])"
    )
    assert other.check_output(f'python3 -c "{code}" hub.lab.test 443') == "max-age=63072000"
    assert other.check_output(f'python3 -c "{code}" registry.lab.test 5443') == "None"


def test_the_hub_sees_scheme_and_client_and_no_forged_headers(other: t.Any) -> None:
    code = (
        "import http.client as h, ssl; c = h.HTTPSConnection('hub.lab.test', context=ssl._create_unverified_context());"
        "c.request('GET', '/', headers={'X-Forwarded-For': '6.6.6.6', 'X-Real-IP': '6.6.6.6', 'X-Scheme': 'http'});"
        "print(c.getresponse().read().decode())"
    )
    seen = json.loads(other.check_output(f'python3 -c "{code}"'))
    mine = other.check_output("hostname -I").split()
    assert seen["X-Scheme"] == seen["X-Forwarded-Proto"] == "https"
    assert seen["X-Real-IP"] in mine
    assert seen["X-Forwarded-For"] in mine
    assert seen["Host"] == "hub.lab.test"


def test_another_host_trusts_the_registry_by_its_system_store(other: t.Any) -> None:
    code = "import urllib.request as u; u.urlopen('https://registry.lab.test:5443/v2/')"
    assert "HTTP Error 401" in other.run(f'python3 -c "{code}"').stderr  # TLS is well; it wants a password


def test_docker_has_the_authority_for_the_registry_alone(other: t.Any) -> None:
    folder = "/etc/docker/certs.d"
    assert other.check_output(f"find {folder} -type f") == f"{folder}/registry.lab.test:5443/labserver-ca.crt"
    other.check_output(f"cmp {folder}/registry.lab.test:5443/labserver-ca.crt /etc/labserver/public/ca.crt")


def test_docker_login_push_and_pull_with_the_labs_authority(other: t.Any) -> None:
    image = "registry.lab.test:5443/cocalc:test"
    login = "echo tester | docker login -u tester --password-stdin registry.lab.test:5443"
    assert "insecure" not in other.run("cat /etc/docker/daemon.json").stdout
    other.check_output(login)
    other.check_output(f"docker tag cocalc:test {image} && docker push -q {image}")
    other.check_output(f"docker rmi {image} && docker pull -q {image}")
    # The engine does check certificates of this address (it is not on loopback): pebble's authority it does not know.
    refused = other.run("docker pull hub.lab.test:443/x:y")
    assert "x509: certificate signed by unknown authority" in refused.stderr + refused.stdout


def test_the_cocalc_stand_in_serves_its_copy(other: t.Any) -> None:
    assert fingerprint(other, "cocalc.lab.test", 8443) in other.check_output(
        "openssl x509 -in /etc/labserver/tls/cocalc/cert.pem -noout -fingerprint -sha256"
    )
    ca = "/etc/labserver/public/ca.crt"
    checked = "openssl s_client -connect cocalc.lab.test:8443 -verify_return_error -verify_hostname cocalc.lab.test"
    assert "Verify return code: 0 (ok)" in other.check_output(f"{checked} -CAfile {ca} </dev/null 2>/dev/null")
    started = other.check_output("docker inspect -f '{{.State.StartedAt}}' cocalc")
    other.check_output("labserver renew")
    assert other.check_output("docker inspect -f '{{.State.StartedAt}}' cocalc") == started


def test_the_authority_s_key_stays_on_one_host(other: t.Any) -> None:
    assert not other.file("/etc/labserver/ca/root.key").exists
    assert other.file("/etc/labserver/ca").mode == 0o700
    assert other.file("/etc/labserver/ca/issuer.key").mode == 0o600


def test_cron_renews_and_no_connection_is_dropped(server: t.Any) -> None:
    server.run(f"cp -p {CONFIG} {CONFIG}.kept")
    before = {name: fingerprint(server, *name) for name in (("hub.lab.test", 443), ("registry.lab.test", 5443))}
    workers = server.check_output("systemctl show -p MainPID nginx")
    server.check_output(f"systemd-run --unit test-socket python3 -c '{SCRIPT}'")
    try:
        # Due from now on: so much of the lifetime is never left.
        server.check_output(
            f"python3 -c \"import json; p='{CONFIG}'; d=json.load(open(p));"
            " [c.update(renew_fraction=0.99999999) for c in d['certificates']]; json.dump(d, open(p, 'w'))\""
        )
        time.sleep(1.5)
        done = as_cron(server, cron_command(server, "renew"))
        assert done.rc == 0, server.file("/var/log/labserver/renew.log").content_string
    finally:
        server.run(f"mv {CONFIG}.kept {CONFIG}")
    status = json.loads(server.file("/var/lib/labserver/jobs/renew.json").content_string)
    assert (status["trigger"], status["level"], status["message"]) == ("schedule", "ok", "3 certificates are well")
    for name, old in before.items():
        assert fingerprint(server, *name) != old
    assert server.check_output("systemctl show -p MainPID nginx") == workers  # reloaded, not restarted
    after = int(server.file("/run/echoed").content_string)
    time.sleep(2)
    assert int(server.file("/run/echoed").content_string) > after  # the websocket goes on through the old worker
    server.run("systemctl stop test-socket")
    assert server.check_output("cat /run/cron-said") == ""


def test_the_real_cron_runs_a_job_every_minute(host: t.Any) -> None:
    path = "/var/lib/labserver/jobs/tick.json"
    end = time.monotonic() + 80
    while not host.file(path).exists and time.monotonic() < end:
        time.sleep(2)
    assert json.loads(host.file(path).content_string)["trigger"] == "schedule"


def test_there_is_one_schedule(server: t.Any) -> None:
    assert server.run("systemctl is-enabled certbot.timer").stdout.strip() == "masked"
    # Debian's cron entry stands back wherever systemd runs.
    assert "-d /run/systemd/system" in server.file("/etc/cron.d/certbot").content_string
    assert server.file("/etc/cron.d/labserver-renew").mode == 0o644


def test_systemd_is_an_alternative(host: t.Any) -> None:
    job = {"name": "by-timer", "command": ["/bin/true"], "schedule": "daily"}
    for state, listed in (("present", True), ("absent", False)):
        items = json.dumps({"host": "x", "backend": "systemd", "jobs": [{**job, "state": state}]})
        assert host.ansible("labserver.jupyter.lab_jobs", items, check=False)["changed"]
        timers = host.check_output("systemctl list-timers --all")
        assert ("labserver-by-timer.timer" in timers) is listed
        if listed:
            host.check_output("systemctl start labserver-by-timer.service")
            assert host.file("/var/lib/labserver/jobs/by-timer.json").exists


def test_a_refused_configuration_changes_nothing(server: t.Any) -> None:
    path = "/etc/nginx/conf.d/labserver.conf"
    before = server.file(path).content_string
    site = {"name": "bad", "upstream": "http://127.0.0.1:1", "extra": ["no_such_directive on;"]}
    done = server.ansible("labserver.jupyter.lab_proxy", json.dumps({"names": ["x"], "sites": [site]}), check=False)
    assert 'unknown directive "no_such_directive"' in done["msg"]
    assert server.file(path).content_string == before
    assert not [name for name in server.check_output("ls -A /etc/nginx").split() if name.startswith(".labserver")]
    server.check_output("nginx -t -q")


def test_nothing_secret_is_readable_or_logged(host: t.Any) -> None:
    public = "/var/lib/labserver /etc/labserver/public /var/log/labserver"
    assert host.run(f"grep -rl 'PRIVATE KEY' {public}").stdout == ""
    found = host.check_output("find -L /etc/labserver -name '*key*' -type f -perm /044")
    assert found == ""
    assert host.file(CONFIG).mode == 0o600
