# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each hazard planted as data: it is found, it alone, and healthy hosts of every kind have none."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._doctor import cli, show
from ansible_collections.labserver.jupyter.plugins.module_utils._doctor.hazards import HAZARDS, examine, hazard
from ansible_collections.labserver.jupyter.plugins.module_utils._doctor.model import (
    Account,
    Backup,
    Bind,
    Certificate,
    Container,
    Current,
    Disk,
    Engine,
    File,
    Image,
    Listener,
    Port,
    Settings,
    Share,
    Store,
    System,
    Target,
)

DAY = 86400.0
NOW = 1_800_000_000.0
GIB = 1 << 30
MIRA = Account("jupyter-mira", 20001, "/home/jupyter-mira", frozenset({"jupyterhub-users"}), False, 0o750, 20001)
SAVED = Backup("/etc/cron.d/backup", "restic", (Target("/mnt/backup", True, 0.4, 1 << 30),))
FIRST_USE = "firstuseauthenticator.FirstUseAuthenticator"
STORE = Store("/x/passwords.dbm", ("dbm.gnu",), True, frozenset({"mira", "boss"}))
TLJH = Settings("/opt/tljh/config/config.yaml", "tljh", FIRST_USE, False, memory_limit=True, culls=True, has_list=True)
COMPOSE = replace(TLJH, path="hub: /srv/jupyterhub/jupyterhub_config.py", kind="compose", create_users=False)
PERSON = Container("jupyter-mira", "lab/notebook:1", "person")
HUB = Container("hub-1", "lab/hub:1", "hub", labels={"com.docker.compose.project": "hub"})
OURS = {"org.labserver.room": "hub"}
GUARD = Container("labserver-docker-guard", binds=(Bind("/run", "/host/run", writable=False),), labels=OURS)
CERTIFICATE = Certificate("/etc/nginx/lab.crt", ("lab.example",), "aa", NOW + 60 * DAY)
FRONT = Listener("0.0.0.0", 443, "hub", True, 200, "", "5.2.1", "aa", ("lab.example",), NOW + 60 * DAY)
PORT_80 = Listener("0.0.0.0", 80, "hub", False, 301, "https://lab.example/hub/login", "5.2.1")
NAS = Share("//nas/data", "/mnt/data", "cifs", ("credentials=/root/nas", "nofail"))
DISK = Disk("/", 100 * GIB, 60 * GIB)
ENGINE = Engine()
BASE = Current(
    now=NOW, engine=ENGINE, accounts=(Account("admin", 1000), MIRA), backups=(SAVED,), disks=(DISK,), shares=(NAS,),
    certificates=(CERTIFICATE,), listeners=(FRONT, PORT_80),
)  # fmt: skip
HEALTHY = {
    "tljh": replace(BASE, kinds=("tljh",), engine=Engine(there=False, answers=False), hubs=(TLJH,), stores=(STORE,)),
    "compose": replace(BASE, kinds=("compose",), hubs=(COMPOSE,), stores=(STORE,), containers=(HUB, PERSON)),
    "lab server": replace(
        BASE,
        kinds=("labserver",),
        containers=(GUARD, PERSON, Container("labserver-registry", "labserver/registry:1", "registry", labels=OURS)),
        listeners=(
            FRONT,
            PORT_80,
            Listener("127.0.0.1", 8000, "hub"),
            Listener("127.0.0.1", 5000, "registry", status=200),
        ),
        backups=(Backup("the job backup", "restic"),),
    ),
    "nothing": Current(now=NOW),
    "oidc, no people yet": replace(
        BASE, accounts=(Account("admin", 1000),), backups=(), hubs=(replace(COMPOSE, authenticator="generic-oauth"),)
    ),
}
HOST = HEALTHY["compose"]


def person(**changes: object) -> Current:
    return replace(HOST, containers=(HUB, replace(PERSON, **changes)))


def hub(**changes: object) -> Current:
    return replace(HOST, containers=(replace(HUB, **changes), PERSON))


def system(**changes: object) -> Current:
    return replace(HOST, system=replace(System(), **changes))


def account(**changes: object) -> Current:
    return replace(HOST, accounts=(replace(MIRA, **changes),))


def bound(**changes: object) -> Current:
    return person(binds=(replace(Bind("/home/jupyter-mira", "/home/mira"), **changes),))


def target(**changes: object) -> Current:
    return replace(HOST, backups=(replace(SAVED, targets=(replace(SAVED.targets[0], **changes),)),))


def heard(*listeners: Listener) -> Current:
    return replace(HOST, listeners=(FRONT, *listeners))


# Hazard -> a host that has it, and nothing else.
PLANTED: dict[str, Current] = {
    "accounts-claimable": replace(HOST, stores=(replace(STORE, names=frozenset({"boss"})),)),
    "open-signup": replace(HOST, hubs=(replace(COMPOSE, create_users=None, has_list=False),)),
    "dummy-login": replace(HOST, hubs=(replace(COMPOSE, authenticator="dummy"),)),
    "password-store-backend": replace(HOST, stores=(replace(STORE, kinds=("dbm.gnu", "dbm.dumb")),)),
    "password-store-empty": replace(
        HOST,
        accounts=(MIRA, replace(MIRA, name="jupyter-ola", uid=20002, home_uid=20002)),
        hubs=(replace(COMPOSE, authenticator="ldap"),),
        stores=(replace(STORE, names=frozenset()),),
    ),
    "empty-password": account(no_password=True),
    "duplicate-uid": replace(HOST, accounts=(MIRA, Account("guest", 20001))),
    "docker-group": account(groups=frozenset({"docker"})),
    "person-with-sudo": account(groups=frozenset({"sudo"})),
    "home-of-nobody": replace(HOST, orphans=("/home/jupyter-gone",)),
    "home-of-another": account(home_uid=20009),
    "home-open": account(home_mode=0o755),
    "root-login-by-password": system(root_by_password=True),
    "notebook-without-token": system(bare_servers=("jupyter lab --ServerApp.token=",)),
    "registry-open": heard(Listener("0.0.0.0", 5000, "registry", status=200)),
    "registry-plain": heard(Listener("0.0.0.0", 5000, "registry", status=401)),
    "docker-over-tcp": heard(Listener("127.0.0.1", 2375, "docker", status=200)),
    "plain-http": heard(Listener("0.0.0.0", 80, "hub", status=200)),
    "proxy-api-open": heard(Listener("192.0.2.7", 8001, "proxy-api", status=403)),
    "database-open": hub(role="database", ports=(Port("0.0.0.0", 5432, 5432),)),
    "firewall-passed-by": replace(
        system(firewall="ufw"), containers=(replace(HUB, ports=(Port("0.0.0.0", 443, 443),)),)
    ),
    "insecure-registry": replace(HOST, engine=replace(ENGINE, insecure_registries=("lab.example:5000",))),
    "hub-with-known-hole": heard(Listener("127.0.0.1", 8000, "hub", status=200, version="4.0.2")),
    "certificate-expires": replace(HOST, certificates=(replace(CERTIFICATE, not_after=NOW + 3 * DAY),)),
    "certificate-not-served": replace(HOST, certificates=(replace(CERTIFICATE, fingerprint="bb"),)),
    "renewal-missing": system(renewal="missing"),
    "docker-socket-for-people": bound(source="/var/run/docker.sock"),
    "docker-socket": hub(binds=(Bind("/var/run/docker.sock", "/var/run/docker.sock"),)),
    "container-privileged": person(privileged=True),
    "container-host-folder": bound(source="/etc"),
    "container-host-namespace": person(network="host"),
    "person-is-root": person(runs_as_root=True),
    "accounts-mount-stale": hub(binds=(Bind("/etc/passwd", "/etc/passwd", stale=True),)),
    "accounts-mount": hub(binds=(Bind("/etc/passwd", "/etc/passwd"),)),
    "database-in-layer": hub(written=("/srv/jupyterhub/jupyterhub.sqlite",)),
    "passwords-in-layer": hub(written=("/srv/jupyterhub/passwords.dbm",)),
    "cookie-secret-in-layer": hub(written=("/srv/jupyterhub/jupyterhub_cookie_secret",)),
    "data-in-nameless-volume": hub(binds=(Bind("/v", "/data", "volume", "a" * 64),)),
    "no-memory-limit": person(memory=0),
    "no-swap-limit": replace(person(memory_swap=-1), system=System(swap=GIB)),
    "no-process-limit": person(pids=0),
    "log-without-limit": hub(log_limited=False),
    "log-large": hub(log_bytes=3 * GIB),
    "not-restarted": hub(restart_policy="no"),
    "container-not-well": hub(health="unhealthy"),
    "image-made-by-hand": hub(built_from=Image(("x:1",), ("x@sha256:1",), "bash")),
    "image-without-name": hub(built_from=Image()),
    "image-here-only": person(built_from=Image(("x:1",))),
    "engine-silent": replace(HOST, engine=Engine(there=True, answers=False)),
    "live-restore-off": replace(HOST, engine=replace(ENGINE, live_restore=False)),
    "share-absent": replace(HOST, shares=(replace(NAS, mounted=False),)),
    "mount-point-written": replace(HOST, shares=(replace(NAS, mounted=False, beneath=3, options=("noauto",)),)),
    "share-other-in-container": bound(source="/mnt/data", other_disk=True),
    "share-bound-directly": bound(source="/mnt/data"),
    "share-stops-boot": replace(HOST, shares=(replace(NAS, options=()),)),
    "password-in-fstab": replace(HOST, shares=(replace(NAS, options=("nofail", "password=x")),)),
    "secret-readable": replace(HOST, files=(File("/root/nas", 0o644),)),
    "config-writable": replace(HOST, files=(File("/srv/jupyterhub_config.py", 0o666, purpose="config"),)),
    "disk-full": replace(HOST, disks=(replace(DISK, free=2 * GIB),)),
    "disk-full-soon": replace(HOST, disks=(replace(DISK, days_left=11.0),)),
    "disk-read-only": replace(HOST, disks=(replace(DISK, read_only=True),)),
    "backup-none": replace(HOST, backups=()),
    "backup-holds-nothing": target(newest_bytes=45),
    "backup-old": target(newest_age_days=40.0),
    "backup-on-same-disk": target(same_disk=True),
    "cron-passes-over": replace(HOST, files=(File("/etc/cron.d/a.b", 0o644, purpose="cron", fault="a dot"),)),
    "cron-not-running": replace(
        HOST, files=(File("/etc/cron.d/a", 0o644, purpose="cron"),), system=System(cron_runs=False)
    ),
    "idle-servers-stay": replace(HOST, hubs=(replace(COMPOSE, culls=False),)),
    "system-without-support": system(name="ubuntu", version="18.04"),
    "updates-not-looked-for": system(lists_age_days=90.0),
    "reboot-due": system(reboot_due_days=30.0),
    "unit-failed": system(failed_units=("jupyterhub.service",)),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_host_has_no_finding(name: str) -> None:
    assert examine(HEALTHY[name]) == []


def test_every_hazard_is_planted() -> None:
    assert set(PLANTED) == set(HAZARDS)
    assert len(HAZARDS) >= 30


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_hazard_is_found_and_nothing_else(name: str) -> None:
    found = examine(PLANTED[name])
    assert {finding.hazard for finding in found} == {name}
    assert all(finding.subject and finding.text and finding.consequence and finding.remedy for finding in found)


def test_the_worst_comes_first_and_many_are_named_shortly() -> None:
    accounts = tuple(
        replace(MIRA, name=f"jupyter-u{n}", uid=30000 + n, home_uid=30000 + n, home_mode=0o755) for n in range(500)
    )
    found = examine(replace(HOST, accounts=accounts, hubs=(), disks=(replace(DISK, free=2 * GIB),)))
    assert [finding.hazard for finding in found] == ["disk-full"] + 6 * ["home-open"]
    assert found[-1].subject == "495 more"
    assert len(found[-1].text) <= 300


def test_what_could_not_be_read_is_no_finding_and_is_named() -> None:
    current = replace(HOST, backups=(), unread=("backups: no answer within 4.5 s",))
    assert examine(current) == []
    data = show.report(current)
    assert cli.exit_status(data) == cli.INCOMPLETE
    assert "not looked at: backups: no answer within 4.5 s" in show.table({"atlas": data})


def test_names_of_others_do_no_harm() -> None:
    evil = "\x1b[2J<script>alert(1)</script>\n\u202eevil"
    data = show.report(person(name=evil, memory=0))
    text, markup = show.table({f"a\n{evil}": data}), show.document({f"a\n{evil}": data}, evil)
    assert "\x1b" not in text + markup and "\u202e" not in text + markup
    assert "<script" not in markup and "&lt;script" in markup
    assert sum(line.startswith("  critical") for line in text.splitlines()) == 1


def test_a_host_that_does_not_answer_comes_first() -> None:
    text = show.table({"atlas": show.report(HOST), "boreas": None})
    assert text.startswith("boreas: no answer")


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="is taken"):
        hazard("disk-full", "critical", "", "")


@pytest.mark.parametrize("path", sorted(Path(str(cli.__file__)).parent.glob("*.py")), ids=lambda path: path.stem)
def test_the_doctor_runs_on_an_old_python(path: Path) -> None:
    """It is for hosts that others have set up: Python 3.9 is that of Debian 11 and Ubuntu's last but two."""
    source = path.read_text()
    ast.parse(source, feature_version=(3, 9))
    assert "from __future__ import annotations" in source or path.stem == "__init__"
    for name in ("strict=", "datetime.UTC", "StrEnum", "import tomllib", "itertools.batched", "pairwise("):
        assert name not in source
