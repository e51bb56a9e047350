# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role is run with each authenticator in turn, against a real directory and a real identity provider on the host.

Whatever proves who somebody is, the roster decides who may in; and no change of the authenticator opens an account.
"""

from __future__ import annotations

import concurrent.futures
import io
import os
import re
import subprocess
import tarfile
import time
import typing as t
import urllib.parse
from collections.abc import Iterator

import pytest
import requests
import urllib3
from conftest import NOTEBOOK, OWN
from hub_client import HubClient
from long_tests import long
from paths import CACHE, SCENARIOS

FILES = SCENARIOS / "hub" / "files"
# What the hub's container can resolve: the name of the container that plays the host, in its network of the same name.
NAME = "{0}.{0}".format("labserver-hub" + os.environ.get("LABSERVER_ID", ""))
PROVIDER = f"https://{NAME}:9443"
CALLBACK = f"https://{NAME}/hub/oauth_callback"
SECRET = "secret-of-the-hub-at-the-provider"
LDAP = {
    "hub_authenticator": "ldap",
    "hub_ldap_server": NAME,
    "hub_ldap_port": 3890,
    "hub_ldap_search_base": "ou=people,dc=lab,dc=test",
    "hub_ldap_search_user": "uid=hub,ou=people,dc=lab,dc=test",
    "hub_ldap_search_password": "hub of the directory",
    "hub_login_names": {"asmith": "bob"},
}
OAUTH = {
    "hub_authenticator": "oauth",
    "hub_oauth_provider": "gitlab",
    "hub_oauth_url": PROVIDER,
    "hub_oauth_callback_url": CALLBACK,
    "hub_oauth_client_id": "hub",
    "hub_oauth_client_secret": SECRET,
    "hub_login_names": {"asmith": "bob"},
}
urllib3.disable_warnings()
pytestmark = long("soak-long")


@pytest.fixture(scope="module", autouse=True)
def _as_before(lab: t.Any) -> Iterator[None]:
    """In the end people log in as before, whatever failed."""
    yield
    lab.role()


@pytest.fixture(scope="module")
def directory(lab: t.Any) -> None:
    lab.write("/tmp/directory.sh", (FILES / "directory.sh").read_text())
    lab.sh(f"sh /tmp/directory.sh {NAME} && cp /srv/test-directory/ca.crt /etc/labserver/public/ca.crt")


@pytest.fixture(scope="module")
def provider(lab: t.Any, directory: None) -> None:
    """Run the identity provider with the proxy's Node.js; its certificate is of the same authority."""
    cache = CACHE / "provider"
    cache.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "provider.js"):
        (cache / name).write_text((FILES / "provider" / name).read_text())
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock", "--prefix", str(cache)]
    subprocess.run(npm, check=True, cwd=cache, timeout=120)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(cache, "provider")
    subprocess.run(
        ["docker", "cp", "-", f"{lab.host.backend.name}:/srv"], input=packed.getvalue(), check=True, timeout=60
    )
    image = lab.sh("docker inspect --format '{{.Config.Image}}' labserver-hub-proxy").strip()
    lab.sh("chmod 755 /srv/test-directory && chmod 644 /srv/test-directory/key.pem")
    lab.sh(
        "docker rm -f provider >/dev/null 2>&1; docker run -d --name provider --network host"
        f" -v /srv/provider:/provider:ro -v /srv/test-directory:/tls:ro --entrypoint node {image}"
        f" /provider/provider.js {PROVIDER} 9443 {SECRET} {CALLBACK} >/dev/null"
    )


def refused(answer: requests.Response, words: str) -> None:
    assert answer.status_code == 403, answer.text
    assert words in answer.text


def test_a_directory_says_who_somebody_is(lab: t.Any, directory: None) -> None:
    alice = lab.person("alice")
    if alice.server() is None:
        alice.start(NOTEBOOK)
    alice.wait_ready()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        run = pool.submit(lab.role, **LDAP)
        told = set()
        while not run.done():
            told.update(announcements(lab))
            time.sleep(0.2)
        status, said = run.result()
    assert status == 0, said
    assert any("The hub is being updated" in text for text in told), "the change announces itself"
    assert not announcements(lab), "and that it is over"
    assert "1 of 1 servers kept, the hub answers" in said
    assert LDAP["hub_ldap_search_password"] not in said
    assert HubClient(lab.base, "alice").login("alice of the directory").status_code == 302
    asmith = HubClient(lab.base, "asmith")
    assert asmith.login("asmith of the directory").status_code == 302
    assert asmith.api("GET", "/hub/api/user").json()["name"] == "bob", "the name in the roster"
    for name, password in (("alice", OWN), ("alice", ""), ("bob", OWN), ("nobody-we-know", "x")):
        answer = HubClient(lab.base, name).login(password)
        assert answer.status_code == 403
        assert "Invalid username or password" in answer.text
    refused(HubClient(lab.base, "stranger").login("stranger of the directory"), "not among the people of this server")
    lab.edit_roster(lambda roster: roster["users"]["mary-ann"].update(state="locked"))
    try:
        refused(HubClient(lab.base, "mary-ann").login("mary-ann of the directory"), "the account is locked")
    finally:
        lab.edit_roster(lambda roster: roster["users"]["mary-ann"].update(state="present"))
    # Somebody between hub and directory, with a certificate for another name: no password goes there.
    lab.sh("sh /tmp/directory.sh elsewhere.lab.test")
    answer = HubClient(lab.base, "alice").login("alice of the directory")
    assert (answer.status_code, "does not answer" in answer.text) == (503, True)
    lab.sh(f"sh /tmp/directory.sh {NAME}")
    assert HubClient(lab.base, "alice").login("alice of the directory").status_code == 302
    nowhere_to_be_seen(lab, LDAP["hub_ldap_search_password"], "ldap_search_password")


def announcements(lab: t.Any) -> list[str]:
    """Return what somebody reads who is not logged in; nothing while the hub is away."""
    try:
        found = requests.get(f"{lab.base}/hub/announcements", timeout=2).json()["announcements"]
    except (requests.RequestException, ValueError):
        return []
    return [one["text"] for one in found]


def nowhere_to_be_seen(lab: t.Any, secret: t.Any, file: str) -> None:
    """The secret stands in one file that only the hub reads."""
    path = f"/etc/labserver/hub/secrets/{file}"
    assert lab.sh(f"cat {path}").strip() == secret
    assert lab.sh(f"stat -c '%a %u' {path}").strip() == "600 64100"
    for command in (
        "docker inspect labserver-hub labserver-hub-proxy labserver-docker-guard",
        "docker logs labserver-hub 2>&1",
        "docker exec labserver-hub env",
        "cat /etc/labserver/hub/hub.json",
        "journalctl --no-pager 2>/dev/null",
    ):
        assert secret not in lab.sh(command), command


class Browser:
    """A browser that finds the name of the lab's server, and does what people do at hub and provider."""

    def __init__(self, lab: t.Any):
        self.base, self.address = lab.base, urllib.parse.urlsplit(lab.base).hostname
        self.hub, self.elsewhere = requests.Session(), requests.Session()
        for session in (self.hub, self.elsewhere):
            session.trust_env = False
            session.headers["Sec-Fetch-Mode"] = "navigate"

    def open(self, url: str, form: dict[str, str] | None = None) -> requests.Response:
        """Open an address, or send a form to it; does not follow redirects."""
        if url.startswith(PROVIDER):
            session, place = self.elsewhere, url.replace(PROVIDER, f"https://{self.address}:9443")
            headers = {"Host": PROVIDER.removeprefix("https://")}
        else:
            session, place, headers = self.hub, url.replace(f"https://{NAME}", self.base), {}
        method = "GET" if form is None else "POST"
        return session.request(
            method, place, data=form, headers=headers, allow_redirects=False, verify=False, timeout=60
        )

    def login(self, name: str) -> requests.Response:
        """Log in at the provider as ``name`` and come back; returns the hub's first answer after that."""
        url, answer = f"{self.base}/hub/oauth_login", None
        for _ in range(12):
            form = None
            if "/interaction/" in url and answer is not None and answer.status_code == 200:
                prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
                assert prompt, answer.text
                form = {"prompt": prompt.group(1), "login": name, "password": "any"}
            answer = self.open(url, form)
            if url.startswith(CALLBACK):
                return answer
            if answer.is_redirect:
                url = urllib.parse.urljoin(url, answer.headers["Location"])
        raise AssertionError(f"the provider leads nowhere: {url}")


def test_a_provider_of_identities_says_who_somebody_is(lab: t.Any, provider: None) -> None:
    status, said = lab.role(**OAUTH)
    assert status == 0, said
    assert SECRET not in said
    browser = Browser(lab)
    assert "Sign in with GitLab" in browser.open(f"{lab.base}/hub/login").text
    assert browser.login("alice").status_code == 302
    assert re.search("/(user|spawn)/alice", browser.open(f"{lab.base}/hub/home").text)
    asmith = Browser(lab)
    assert asmith.login("asmith").status_code == 302
    assert re.search("/(user|spawn)/bob", asmith.open(f"{lab.base}/hub/home").text), "the name in the roster"
    refused(Browser(lab).login("bob"), "the name of somebody else here")
    refused(Browser(lab).login("stranger"), "not among the people of this server")
    forged = Browser(lab).open(f"{CALLBACK}?code=x&state=y")
    assert forged.status_code == 400, "a code that this browser did not ask for"
    nowhere_to_be_seen(lab, SECRET, "oauth_client_secret")
    assert lab.sh("ls /etc/labserver/hub/secrets/ldap_search_password 2>/dev/null; true") == "", "no longer needed"


def sign_up(client: HubClient, password: str) -> str:
    client.get("/hub/signup")
    page = client.post("/hub/signup", {"username": client.name, "password": password, "again": password}).text
    found = re.search(r'id="signup-message"[^>]*>(.*?)<', page, re.DOTALL)
    assert found, page
    return found.group(1)


def test_people_sign_up_and_wait_for_an_administrator(lab: t.Any) -> None:
    status, said = lab.role(hub_authenticator="native")
    assert status == 0, said
    alice, mary = HubClient(lab.base, "alice"), HubClient(lab.base, "mary-ann")
    assert alice.login(OWN).status_code == 403, "the former passwords are not those of this authenticator"
    assert 'id="signup-link"' in alice.get("/hub/login").text
    assert "An administrator has to approve" in sign_up(alice, "a password for alice 1")
    assert "An administrator has to approve" in sign_up(mary, "a password for mary 1")
    assert "not among the people" in sign_up(HubClient(lab.base, "stranger"), "a password 1234")
    assert "has signed up already" in sign_up(HubClient(lab.base, "alice"), "a stranger's password")
    refused(alice.login("a password for alice 1"), "no administrator has approved it yet")
    command = "docker exec labserver-hub python -m labhub.login.native"
    assert lab.sh(f"{command} list").split() == ["alice", "mary-ann"]
    lab.sh(f"{command} approve alice")
    assert alice.login("a password for alice 1").status_code == 302
    assert 'value="mary-ann"' in alice.get("/hub/approvals").text
    assert alice.post("/hub/approvals", {"name": "mary-ann", "verdict": "approve"}).status_code == 200
    assert mary.login("a password for mary 1").status_code == 302
    assert mary.get("/hub/approvals").status_code == 403, "for administrators"
    assert mary.get("/hub/signup").status_code == 200


def test_no_account_is_open_after_all_that(lab: t.Any) -> None:
    before = lab.sh("cat /etc/labserver/hub/password-store.json")
    status, said = lab.role()
    assert status == 0, said
    assert lab.sh("cat /etc/labserver/hub/password-store.json") == before
    assert HubClient(lab.base, "alice").login(OWN).status_code == 302, "passwords are as they were"
    for name, password in (
        ("alice", "a password for alice 1"),
        ("alice", "alice of the directory"),
        ("mary-ann", "a password for mary 1"),
        ("student19", ""),
        ("student19", "first come, first served"),
    ):
        assert HubClient(lab.base, name).login(password).status_code == 403
    assert lab.person("alice").get("/hub/signup").status_code == 404
    lab.sh("docker rm -f provider >/dev/null; kill $(cat /srv/test-directory/pid); rm /etc/labserver/public/ca.crt")
