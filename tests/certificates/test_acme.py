# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates by ACME with real parts: certbot and pebble. Time moves by faketime only."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import parts
import pytest
from long_tests import long
from parts import Lab, Pebble


def entry(pebble: Pebble, webroot: Path | None = None, **more: Any) -> dict[str, Any]:
    """A certificate for hub.lab.test through the webroot."""
    acme: dict[str, Any] = {"server": pebble.url, "ca_bundle": str(pebble.ca)}
    acme |= {"challenge": "webroot", "webroot": str(webroot)} if webroot else {}
    acme |= more.pop("acme", {})
    return {"name": "hub", "names": ["hub.lab.test"], "source": "acme", "acme": acme, **more}


def test_webroot_then_nothing_then_renewal_when_due(lab: Lab, pebble: Pebble, webroot: Path) -> None:
    lab.configure(entry(pebble, webroot))
    status, outcome, said = lab.renew()
    assert (status, outcome["renewed"]) == (0, ["hub"]), said
    first = lab.fingerprint("hub")
    argv = ["openssl", "x509", "-in", lab.file("hub"), "-noout", "-checkhost", "hub.lab.test"]
    assert "does match" in subprocess.check_output(argv, text=True)
    assert (lab.file("hub", "key.pem").stat().st_mode & 0o777, lab.file("hub").stat().st_mode & 0o777) == (0o600, 0o644)
    assert lab.file("hub", "hsts.conf").exists()  # a public certificate

    issued = pebble.issued()
    assert lab.renew()[:2][1]["changed"] is False
    assert lab.renew(shift="+59d")[1]["changed"] is False  # 31 of 90 days left
    assert pebble.issued() == issued
    status, outcome, said = lab.renew(shift="+61d")
    assert (status, outcome["renewed"]) == (0, ["hub"]), said
    assert lab.fingerprint("hub") != first
    assert pebble.issued() == issued + 1


@long("soak-long")
def test_force_needs_a_name_and_overrules_the_rest(lab: Lab, pebble: Pebble, webroot: Path) -> None:
    lab.configure(entry(pebble, webroot))
    lab.renew()
    first = lab.fingerprint("hub")
    assert lab.renew("--force")[0] == 2
    assert lab.renew("--force", "hub")[0] == 0
    assert lab.fingerprint("hub") != first


def test_dns_challenge_for_a_wildcard_without_a_secret_in_sight(lab: Lab, pebble: Pebble, tmp_path: Path) -> None:
    for name, path, data in (("auth", "set-txt", ', "value": "$CERTBOT_VALIDATION"'), ("cleanup", "clear-txt", "")):
        hook = tmp_path / name
        api = f"http://127.0.0.1:{pebble.dns_api}/{path}"
        body = f'{{"host": "_acme-challenge.$CERTBOT_DOMAIN."{data}}}'.replace('"', '\\"')
        code = f"import sys, urllib.request; urllib.request.urlopen('{api}', sys.argv[1].encode())"
        hook.write_text(
            f'#!/bin/sh\n[ "$DNS_TOKEN" = s3cret ] || exit 9\nps axww >>{tmp_path}/ps\npython3 -c "{code}" "{body}"\n'
        )
        hook.chmod(0o755)
    hooks = {"dns_auth_hook": str(tmp_path / "auth"), "dns_cleanup_hook": str(tmp_path / "cleanup")}
    acme = {"challenge": "dns", "environment": {"DNS_TOKEN": "s3cret"}, **hooks}
    lab.configure(entry(pebble, acme=acme, names=["*.lab.test", "lab.test"]))
    status, _outcome, said = lab.renew()
    assert status == 0, said
    assert "certbot" in (tmp_path / "ps").read_text()
    everything = said + (tmp_path / "ps").read_text() + (lab.root / "var/lib/labserver/certificates.json").read_text()
    logs = "".join(path.read_text() for path in (lab.root / "var/log/letsencrypt").iterdir())
    assert "s3cret" not in everything + logs


def test_a_failing_dns_hook_is_named(lab: Lab, pebble: Pebble) -> None:
    lab.configure(entry(pebble, acme={"challenge": "dns", "dns_auth_hook": "/bin/false"}))
    status, _outcome, _said = lab.renew()
    assert status == 1
    assert "certbot failed" in lab.state("hub")["failed"]


def test_authority_down_while_not_due_and_while_due(lab: Lab, tmp_path: Path) -> None:
    pebble = Pebble(tmp_path)
    pebble.start()
    with parts.running(parts.Webroot(pebble.http, lab.root / "webroot")):
        lab.configure(entry(pebble, lab.root / "webroot"))
        assert lab.renew()[0] == 0
        first = lab.fingerprint("hub")
        pebble.stop()
        assert lab.renew(shift="+10d")[0] == 0
        status, _outcome, _said = lab.renew(shift="+61d")
        assert status == 0  # once can happen; there are four weeks left
        assert "cannot be reached" in lab.state("hub")["failed"]
        assert lab.renew(shift="+61d")[0] == 0  # left alone for a minute
        assert lab.state("hub")["failures"] == 1
        assert lab.renew(shift="+62d")[0] == 1
        assert "renewal failed 2 times" in lab.state("hub")["message"]
        assert lab.fingerprint("hub") == first
        pebble.start()  # with a new root and no memory of the account, as after a reinstallation
        status, _outcome, said = lab.renew(shift="+63d")
        assert (status, lab.state("hub")["failures"]) == (0, 0), said
        assert lab.fingerprint("hub") != first
        pebble.stop()
        assert lab.renew(shift="+84d")[0] == 2


def test_an_untrusted_authority_is_refused(lab: Lab, pebble: Pebble, webroot: Path) -> None:
    lab.configure(entry(pebble, webroot, acme={"ca_bundle": ""}))
    assert lab.renew()[0] == 1
    assert "not trusted" in lab.state("hub")["failed"]
    assert lab.state("hub")["placeholder"] is True  # a service can start all the same


def test_a_rate_limit_is_left_alone_for_a_day(lab: Lab, pebble: Pebble, webroot: Path) -> None:
    limiter = parts.RateLimiter(pebble)
    lab.configure(entry(pebble, webroot, acme={"server": limiter.url}))
    assert lab.renew()[0] == 1
    assert "rate limited" in lab.state("hub")["failed"]
    assert lab.renew(shift="+23h")[0] == 1
    assert lab.state("hub")["failures"] == 1
    lab.renew(shift="+25h")
    assert lab.state("hub")["failures"] == 2


def test_a_port_that_is_taken_is_named_with_its_holder(lab: Lab, pebble: Pebble, webroot: Path) -> None:
    acme = {"challenge": "standalone", "http_port": pebble.http}
    lab.configure(entry(pebble, acme=acme))
    assert lab.renew()[0] == 1
    holder = re.escape(f"port {pebble.http} is taken by ") + rf".+ \(process {os.getpid()}\)"
    assert re.search(holder, lab.state("hub")["failed"])


def test_certificates_that_certbot_had_before_are_renewed_by_their_own_settings_and_watched(
    lab: Lab, pebble: Pebble, webroot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timer of certbot's package is masked, so nobody else would."""
    (tmp_path / "bin").mkdir()
    wrapper = tmp_path / "bin/certbot"
    wrapper.write_text(f'#!/bin/sh\nREQUESTS_CA_BUNDLE={pebble.ca} exec /usr/bin/certbot "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setattr(parts, "PATH", f"{tmp_path}/bin:{parts.PATH}")
    told = tmp_path / "told"
    folders = {"config": "etc", "work": "var/lib", "logs": "var/log"}
    command = [str(wrapper), "certonly", "--non-interactive", "--agree-tos", "--register-unsafely-without-email"]
    command += [
        word for kind, path in folders.items() for word in (f"--{kind}-dir", str(lab.root / path / "letsencrypt"))
    ]
    command += ["--server", pebble.url, "--webroot", "--webroot-path", str(webroot), "--cert-name", "wiki"]
    webroot.mkdir(parents=True, exist_ok=True)
    subprocess.run([*command, "-d", "wiki.lab.test", "--deploy-hook", f"touch {told}"], check=True, capture_output=True)
    told.unlink(missing_ok=True)

    lab.configure(entry(pebble, webroot))
    status, outcome, said = lab.renew()
    assert (status, outcome["renewed"]) == (0, ["hub"]), said
    found = lab.state("certbot/wiki")
    assert (found["level"], found["names"], found["source"]) == ("ok", ["wiki.lab.test"], "certbot")
    assert "days left; not in the inventory" in found["message"]
    first = found["fingerprint"]
    assert lab.renew(shift="+61d")[0] == 0
    assert lab.state("certbot/wiki")["fingerprint"] != first
    assert told.exists(), "its own deploy hook has run"
    # It cannot be renewed any more: said, as a warning, before it ends.
    conf = lab.root / "etc/letsencrypt/renewal/wiki.conf"
    conf.write_text(conf.read_text().replace(pebble.url, "https://127.0.0.1:1/dir"))
    assert lab.renew(shift="+80d")[0] == 1
    found = lab.state("certbot/wiki")
    assert found["level"] == "warning"
    assert "renewal failed 1 times: certbot failed: " in found["message"]
    # Where this collection does not use certbot, the timer is not masked: watched only.
    lab.configure({"name": "own", "names": ["a.lab.test"], "source": "self_signed"})
    lab.renew(shift="+80d")
    assert "renewal failed" not in lab.state("certbot/wiki")["message"]


def test_standalone(lab: Lab, pebble: Pebble) -> None:
    lab.configure(entry(pebble, acme={"challenge": "standalone", "http_port": pebble.http}, key_type="rsa"))
    assert lab.renew()[0] == 0
    shown = subprocess.check_output(["openssl", "x509", "-in", lab.file("hub"), "-noout", "-text"], text=True)
    assert "rsaEncryption" in shown


LONG = long("soak-long")


@pytest.mark.parametrize(
    "damage",
    [
        "plain files",
        "conf empty",
        *(pytest.param(damage, marks=LONG) for damage in ("live missing", "empty certificate", "conf missing")),
    ],
)
def test_damaged_files_of_certbot_burn_one_certificate_only(
    lab: Lab, pebble: Pebble, webroot: Path, damage: str
) -> None:
    lab.configure(entry(pebble, webroot))
    lab.renew()
    base = lab.root / "etc/letsencrypt"
    live, conf = base / "live/hub", base / "renewal/hub.conf"
    if damage == "live missing":
        shutil.rmtree(live)
    elif damage == "plain files":  # restored by cp -L or rsync -L
        shutil.copytree(live, base / "live/copy")
        shutil.rmtree(live)
        (base / "live/copy").rename(live)
    elif damage == "empty certificate":
        (live / "cert.pem").resolve().write_bytes(b"")
    elif damage == "conf empty":
        conf.write_text("")
    else:
        conf.unlink()
    issued = pebble.issued()
    assert lab.renew()[0] == 0  # the installed one is good; nothing is due
    assert pebble.issued() == issued
    status, outcome, said = lab.renew(shift="+61d")
    assert (status, outcome["renewed"]) == (0, ["hub"]), said
    assert pebble.issued() == issued + 1
    assert sorted(path.name for path in (base / "live").iterdir() if path.is_dir()) == ["hub"]
    assert any((base / "labserver-damaged").iterdir())
    assert lab.renew()[1]["changed"] is False  # pebble's clock was not moved


@pytest.mark.parametrize("client", ["Debian 12's", "a stand-in"])
def test_an_old_client_is_not_used_for_short_lived_profiles(
    lab: Lab, pebble: Pebble, webroot: Path, tmp_path: Path, client: str
) -> None:
    acme = {"profile": "shortlived"}
    if client == "a stand-in":
        old = tmp_path / "certbot"
        old.write_text(f'#!/bin/sh\n[ "$1" = --version ] && {{ echo certbot 2.1.0; exit; }}\ntouch {tmp_path}/used\n')
        old.chmod(0o755)
        acme["program"] = str(old)
    elif not subprocess.check_output(["certbot", "--version"], text=True).startswith("certbot 2."):
        pytest.skip("this Debian's certbot knows profiles")
    lab.configure(entry(pebble, webroot, acme=acme))
    issued = pebble.issued()
    assert lab.renew()[0] == 1
    assert "knows no profiles" in lab.state("hub")["failed"]
    assert not (tmp_path / "used").exists()
    assert pebble.issued() == issued


def test_a_client_that_hangs_is_ended(lab: Lab, pebble: Pebble, webroot: Path, tmp_path: Path) -> None:
    slow = tmp_path / "certbot"
    slow.write_text('#!/bin/sh\n[ "$1" = --version ] && { echo certbot 2.1.0; exit; }\nsleep 54321\n')
    slow.chmod(0o755)
    lab.configure(entry(pebble, webroot, acme={"program": str(slow), "timeout_seconds": 1}))
    assert lab.renew()[0] == 1
    assert "did not end within 1 s" in lab.state("hub")["failed"]
    assert subprocess.run(["pgrep", "-f", "^sleep 54321$"], check=False).returncode == 1


def test_a_full_disk_while_the_client_writes(lab: Lab, pebble: Pebble) -> None:
    """A file system of its own that is really full: certbot's files, the certificate and the state are all on it."""
    lab.root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", lab.root], check=True)
    try:
        with parts.running(parts.Webroot(pebble.http, lab.root / "webroot")):
            lab.configure(entry(pebble, lab.root / "webroot"))
            assert lab.renew()[0] == 0
            good = lab.fingerprint("hub")
            filler = lab.root / "full"
            subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=1k"], check=False, capture_output=True)
            status, outcome, said = lab.renew(shift="+61d")
            assert (status, outcome["renewed"]) == (1, []), said
            assert "certificates.json could not be written: No space left" in " ".join(outcome["problems"])
            assert lab.fingerprint("hub") == good
            filler.unlink()
            status, outcome, said = lab.renew(shift="+62d")
            assert (status, outcome["renewed"]) == (0, ["hub"]), said
    finally:
        subprocess.run(["umount", lab.root], check=True)


def test_a_clock_that_is_wrong_is_told(lab: Lab, pebble: Pebble, webroot: Path) -> None:
    lab.configure(entry(pebble, webroot))
    lab.renew()
    first = lab.fingerprint("hub")
    assert lab.renew(shift="-400d")[0] == 2
    assert "is the clock right?" in lab.state("hub")["message"]
    assert lab.fingerprint("hub") == first
    assert lab.renew()[0] == 0


def test_the_state_says_no_more_than_it_must(lab: Lab, pebble: Pebble, webroot: Path) -> None:
    lab.configure(entry(pebble, webroot))
    lab.renew()
    path = lab.root / "var/lib/labserver/certificates.json"
    assert path.stat().st_mode & 0o777 == 0o644
    assert "PRIVATE KEY" not in path.read_text()
    assert json.loads(path.read_text())["version"] == 1
