# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployment, damage and the other sources: real TLS servers and processes, no authority outside needed."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import parts
import pytest
from parts import Consumer, Lab

INTERNAL = {"name": "hub", "names": ["hub.lab.test", "192.168.2.5"], "source": "internal_ca"}
CA = {"keeper": True, "name": "Lab of the tests"}


@pytest.fixture
def files(lab: Lab, tmp_path: Path) -> dict[str, Any]:
    """A certificate that somebody else made."""
    key, certificate = parts.make_pair(tmp_path, "given", "DNS:hub.lab.test", days=90)
    return {
        "name": "hub",
        "names": ["hub.lab.test"],
        "source": "files",
        "files": {"certificate": str(certificate), "key": str(key)},
    }


@pytest.fixture
def consumer(lab: Lab, files: dict[str, Any]) -> Iterator[Consumer]:
    lab.configure(files)
    lab.renew()
    with parts.running(Consumer(lab.root, lab.file("hub"), lab.file("hub", "key.pem"))) as service:
        yield service


def target(consumer: Consumer, **more: Any) -> dict[str, Any]:
    probe = {"port": consumer.port, "server_name": "hub.lab.test", "wait_seconds": 2}
    return {"name": "web", "reload": {"command": consumer.reload}, "probe": probe, **more}


def renew_files(files: dict[str, Any], tmp_path: Path) -> None:
    """Somebody puts a new certificate in the place of the old one."""
    parts.make_pair(tmp_path, "given", "DNS:hub.lab.test", days=91)


def test_what_is_served_changes_only_when_the_file_does(
    lab: Lab, files: dict[str, Any], consumer: Consumer, tmp_path: Path
) -> None:
    lab.configure({**files, "deploy": [target(consumer)]})
    assert lab.renew()[1]["deployed"] == []  # it serves the right one already: no reload
    before = parts.fingerprint_served(consumer.port)
    renew_files(files, tmp_path)
    status, outcome, said = lab.renew()
    assert (status, outcome["deployed"]) == (0, ["hub: web"]), said
    assert parts.fingerprint_served(consumer.port) == lab.fingerprint("hub") != before
    assert lab.renew()[1]["changed"] is False
    assert lab.state("hub")["targets"]["web"]["served"] == "yes"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["/bin/false"], "/bin/false failed with status 1"),
        (["/nowhere/hook"], "is not installed"),
        (["/bin/true"], "still serves another certificate"),  # the hook that lies
        (["/bin/sleep", "34567"], "did not end within 1 s"),
    ],
)
def test_a_deployment_that_failed_stays_pending_and_is_tried_again(
    lab: Lab, files: dict[str, Any], consumer: Consumer, tmp_path: Path, command: list[str], words: str
) -> None:
    bad = target(consumer, reload={"command": command, "timeout_seconds": 1})
    renew_files(files, tmp_path)
    lab.configure({**files, "deploy": [bad]})
    status, outcome, _said = lab.renew()
    assert (status, outcome["renewed"]) == (1, ["hub"])
    assert words in lab.state("hub")["message"]
    assert lab.renew()[0] == 1
    lab.configure({**files, "deploy": [target(consumer)]})
    status, outcome, said = lab.renew()
    assert (status, outcome["renewed"], outcome["deployed"]) == (0, [], ["hub: web"]), said
    assert parts.fingerprint_served(consumer.port) == lab.fingerprint("hub")
    assert subprocess.run(["pgrep", "-f", "^/bin/sleep 34567$"], check=False).returncode == 1


def test_a_service_that_fell_back_to_another_certificate_is_noticed(
    lab: Lab, files: dict[str, Any], consumer: Consumer, tmp_path: Path
) -> None:
    lab.configure({**files, "deploy": [target(consumer)]})
    lab.renew()
    other = parts.make_pair(tmp_path, "other", "DNS:other.lab.test")
    consumer.stop()
    with parts.running(Consumer(lab.root, other[1], other[0])) as wrong:
        lab.configure({**files, "deploy": [target(wrong)]})
        assert lab.renew()[0] == 1
        assert "still serves another certificate" in lab.state("hub")["message"]


def test_a_service_that_is_down_is_told_and_not_reloaded(lab: Lab, files: dict[str, Any], consumer: Consumer) -> None:
    lab.configure({**files, "deploy": [target(consumer)]})
    lab.renew()
    consumer.stop()
    status, outcome, _said = lab.renew()
    assert (status, outcome["deployed"]) == (1, [])
    assert "web does not answer" in lab.state("hub")["message"]


def test_a_chain_that_was_completed_is_installed_and_deployed(
    lab: Lab, files: dict[str, Any], consumer: Consumer, tmp_path: Path
) -> None:
    counted = tmp_path / "reloads"
    reload = {"command": ["/bin/sh", "-c", f"echo reload >>{counted}"]}
    lab.configure({**files, "deploy": [target(consumer, reload=reload)]})
    lab.renew()
    given = Path(files["files"]["certificate"])
    # The same certificate with one more below it, as when the intermediate was forgotten at first.
    given.write_bytes(given.read_bytes() * 2)
    status, outcome, said = lab.renew()
    assert (status, outcome["renewed"], outcome["deployed"]) == (0, ["hub"], ["hub: web"]), said
    assert lab.file("hub").read_bytes() == given.read_bytes()
    assert counted.read_text() == "reload\n"
    assert lab.renew()[1]["changed"] is False


@pytest.mark.parametrize("change", ["chain", "hsts"])
def test_a_failed_reload_for_the_same_certificate_is_owed(
    lab: Lab, files: dict[str, Any], consumer: Consumer, change: str
) -> None:
    """The fingerprint that is served is right all the time, so it cannot tell that the service reads older files."""
    lab.configure({**files, "deploy": [target(consumer)]})
    lab.renew()
    if change == "chain":
        given = Path(files["files"]["certificate"])
        given.write_bytes(given.read_bytes() * 2)
    else:
        files = {**files, "hsts": True}
    lab.configure({**files, "deploy": [target(consumer, reload={"command": ["/bin/false"]})]})
    for _run in range(2):
        assert lab.renew()[0] == 1
        assert "/bin/false failed" in lab.state("hub")["message"]
    lab.configure({**files, "deploy": [target(consumer)]})
    assert lab.renew()[:2][1]["deployed"] == ["hub: web"]
    assert lab.renew()[1]["changed"] is False


def test_hsts_is_changed_at_once_and_restarts_no_copy(lab: Lab, files: dict[str, Any], tmp_path: Path) -> None:
    counted = {name: tmp_path / name for name in ("front", "cocalc")}
    reloads = {name: {"command": ["/bin/sh", "-c", f"echo x >>{path}"]} for name, path in counted.items()}
    copy = {"name": "cocalc", "copy": {"folder": str(tmp_path / "copy")}, "reload": reloads["cocalc"]}
    entry = {**files, "deploy": [{"name": "front", "reload": reloads["front"]}, copy]}
    lab.configure(entry)
    lab.renew()
    before = lab.fingerprint("hub")
    for number, wanted in enumerate((True, False, False), start=2):
        lab.configure({**entry, "hsts": wanted})
        lab.renew()
        assert lab.file("hub", "hsts.conf").exists() is wanted
        assert counted["front"].read_text() == "x\n" * min(number, 3)
    assert counted["cocalc"].read_text() == "x\n"
    assert lab.fingerprint("hub") == before


def test_copies_are_repaired_and_have_the_wanted_mode(lab: Lab, files: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "cocalc/conf/cert"
    log = tmp_path / "reloads"
    command = ["/bin/sh", "-c", f"echo x >>{log}"]
    copy = {"folder": str(folder), "key_mode": "0640", "certificate": "cert.pem", "key": "key.pem"}
    lab.configure({**files, "deploy": [{"name": "cocalc", "copy": copy, "reload": {"command": command}}]})
    lab.renew()
    lab.renew()
    assert log.read_text() == "x\n"
    assert (folder / "key.pem").stat().st_mode & 0o777 == 0o640
    assert parts.fingerprint_of_file(folder / "cert.pem") == lab.fingerprint("hub")
    # Killed between key and certificate: the copy holds the new key and an old certificate.
    old = parts.make_pair(tmp_path, "older", "DNS:hub.lab.test")[1]
    (folder / "cert.pem").write_bytes(old.read_bytes())
    assert lab.renew()[1]["deployed"] == ["hub: cocalc"]
    assert parts.fingerprint_of_file(folder / "cert.pem") == lab.fingerprint("hub")
    (folder / "key.pem").chmod(0o644)
    lab.renew()
    assert (folder / "key.pem").stat().st_mode & 0o777 == 0o640
    (folder / "key.pem").unlink()
    (folder / "key.pem").mkdir()
    assert lab.renew()[0] == 1


@pytest.mark.parametrize(
    "damage", ["key mismatch", "empty key", "empty certificate", "directory", "other name", "expired"]
)
def test_a_worse_certificate_never_replaces_a_good_one(
    lab: Lab, files: dict[str, Any], tmp_path: Path, damage: str
) -> None:
    lab.configure(files)
    assert lab.renew()[0] == 0
    good = lab.fingerprint("hub")
    other = parts.make_pair(tmp_path, "other", "DNS:other.lab.test", days=200)
    certificate, key = Path(files["files"]["certificate"]), Path(files["files"]["key"])
    words = {
        "key mismatch": "does not belong",
        "empty key": "cannot be read",
        "empty certificate": "holds no certificate",
        "directory": "Is a directory",
        "other name": "not made out to hub.lab.test",
        "expired": "before the present one",
    }[damage]
    if damage == "key mismatch":
        key.write_bytes(other[0].read_bytes())
    elif damage == "empty key":
        key.write_bytes(b"")
    elif damage == "empty certificate":
        certificate.write_bytes(b"")
    elif damage == "directory":
        certificate.unlink()
        certificate.mkdir()
    elif damage == "other name":
        key.write_bytes(other[0].read_bytes())
        certificate.write_bytes(other[1].read_bytes())
    else:
        parts.make_pair(tmp_path, "given", "DNS:hub.lab.test", days=30)
    assert lab.renew()[0] == 1
    assert words in lab.state("hub")["message"]
    assert lab.fingerprint("hub") == good


def test_another_source_may_give_a_certificate_that_ends_earlier(lab: Lab) -> None:
    bought = {**INTERNAL, "name": "bought", "internal_ca": {"days": 365}}
    place = {"certificate": str(lab.file("bought")), "key": str(lab.file("bought", "key.pem"))}
    lab.configure(bought, {**INTERNAL, "source": "files", "files": place}, ca=CA)
    assert lab.renew()[0] == 0
    assert lab.fingerprint("hub") == lab.fingerprint("bought")
    lab.configure(bought, INTERNAL, ca=CA)
    assert lab.renew()[:2][1]["renewed"] == ["hub"]
    assert lab.renew()[1]["changed"] is False


def test_a_name_that_nobody_knows_is_told(lab: Lab) -> None:
    lab.configure(INTERNAL, ca=CA)
    status, _outcome, said = lab.renew("--force", "hbu")
    assert status == 2
    assert "there is no certificate hbu; there are: hub" in said


def test_a_signed_certificate_is_not_replaced_by_a_self_signed_one(lab: Lab) -> None:
    lab.configure(INTERNAL, ca=CA)
    assert lab.renew()[0] == 0
    good = lab.fingerprint("hub")
    lab.configure({**INTERNAL, "source": "self_signed"}, ca=CA)
    lab.renew()
    assert lab.fingerprint("hub") == good
    assert "it is self-signed" in lab.state("hub")["failed"]
    lab.renew("--force", "hub")  # somebody means it
    assert lab.fingerprint("hub") != good


def test_the_lab_s_authority(lab: Lab) -> None:
    lab.configure(INTERNAL, ca={**CA, "registries": ["hub.lab.test:5443"]})
    assert lab.renew()[0] == 0
    root = lab.root / "etc/labserver/public/ca.crt"
    trusted = lab.root / "etc/docker/certs.d/hub.lab.test:5443/labserver-ca.crt"
    assert root.read_bytes() == trusted.read_bytes() == lab.file("hub", "ca.pem").read_bytes()

    def verify(chain: Path, name: str) -> bool:
        kind = "-verify_ip" if name[0].isdigit() else "-verify_hostname"
        argv = ["openssl", "verify", "-CAfile", root, "-untrusted", chain, kind, name, chain]
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0

    assert verify(lab.file("hub"), "hub.lab.test")
    assert verify(lab.file("hub"), "192.168.2.5")
    assert not verify(lab.file("hub"), "bank.example")

    # Whoever has the host's issuer still cannot pose as somebody else: made by hand with openssl.
    ca = lab.root / "etc/labserver/ca"
    names = {"x.hub.lab.test": True, "nas.lab.test": False, "bank.example": False}
    for name, good in {**names, "192.168.2.5": True, "192.168.2.6": False}.items():
        kind = "IP" if name[0].isdigit() else "DNS"
        work = lab.root / name
        work.mkdir()
        subprocess.run(
            f"openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out r -subj /CN=x"
            f" -addext subjectAltName={kind}:{name} && openssl x509 -req -in r -CA {ca}/issuer.pem"
            f" -CAkey {ca}/issuer.key -CAcreateserial -copy_extensions copy -days 30 -out c && cat {ca}/issuer.pem >>c",
            shell=True, cwd=work, check=True, capture_output=True,
        )  # fmt: skip
        assert verify(work / "c", name) is good, name

    first, key = lab.fingerprint("hub"), lab.file("hub", "key.pem").read_bytes()
    assert lab.renew(shift="+59d")[1]["changed"] is False
    assert lab.renew(shift="+61d")[1]["renewed"] == ["hub"]
    assert lab.fingerprint("hub") != first
    assert lab.file("hub", "key.pem").read_bytes() != key


def test_containers_get_all_that_the_host_trusts(lab: Lab) -> None:
    store = lab.root / "etc/ssl/certs/ca-certificates.crt"
    store.parent.mkdir(parents=True)
    store.write_text("as update-ca-certificates made it\n")
    lab.configure(INTERNAL, ca=CA)
    lab.renew()
    bundle = lab.root / "etc/labserver/public/ca-bundle.crt"
    assert (bundle.read_bytes(), bundle.stat().st_mode & 0o777) == (store.read_bytes(), 0o644)
    store.write_text("as an update of the package ca-certificates made it\n")
    assert lab.renew()[1]["trusted"] == ["/etc/labserver/public/ca-bundle.crt"]
    assert bundle.read_bytes() == store.read_bytes()
    assert lab.renew()[1]["changed"] is False


def test_names_outside_the_authority_are_refused_with_the_way_out(lab: Lab) -> None:
    lab.configure(INTERNAL, ca=CA)
    lab.renew()
    first = lab.fingerprint("hub")
    lab.configure({**INTERNAL, "names": ["hub.elsewhere.test"]}, ca=CA)
    status, outcome, _said = lab.renew()
    assert status == 1
    assert "hub.elsewhere.test is outside" in outcome["problems"][0]
    assert lab.fingerprint("hub") == first  # the issuer's signature under that name would be worth nothing


def test_another_host_gets_an_issuer_of_its_own(lab: Lab, tmp_path: Path) -> None:
    lab.configure(INTERNAL, ca=CA)
    lab.renew()
    other = Lab(tmp_path / "other", lab.program)
    other.configure({**INTERNAL, "names": ["nas.lab.test"]}, ca={"keeper": False})
    assert other.renew()[0] == 1
    assert "run the playbook" in other.state("hub")["message"]

    def step(host: Lab, *arguments: str, given: str = "") -> str:
        done = subprocess.run(host.command("ca", *arguments), input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    signed = step(lab, "sign", "--host", "other", given=step(other, "request"))
    assert "PRIVATE KEY" not in signed
    assert step(other, "accept", given=signed) == "changed\n"
    assert step(other, "accept", given=signed) == ""
    assert other.renew()[0] == 0
    argv = ["openssl", "verify", "-CAfile", lab.root / "etc/labserver/ca/root.pem", "-untrusted", other.file("hub")]
    assert subprocess.run([*argv, "-verify_hostname", "nas.lab.test", other.file("hub")], check=False).returncode == 0
    assert json.loads(step(other, "request"))["csr"] == ""

    # The root is made anew, with the name of the old one: what its old issuer signs is believed by nobody.
    (lab.root / "etc/labserver/ca").rename(tmp_path / "away")
    first = other.fingerprint("hub")
    assert step(other, "accept", given=step(lab, "sign", given=step(other, "request"))) == "changed\n"
    status, outcome, _said = other.renew()
    assert (status, other.fingerprint("hub")) == (1, first)
    assert "not of the present root; run the playbook" in outcome["problems"][0]
    assert step(other, "accept", given=step(lab, "sign", given=step(other, "request"))) == "changed\n"
    assert other.renew()[:2][1]["renewed"] == ["hub"]
    assert subprocess.run([*argv, "-verify_hostname", "nas.lab.test", other.file("hub")], check=False).returncode == 0


def test_a_host_that_knows_the_root_does_not_make_another(lab: Lab, tmp_path: Path) -> None:
    lab.configure(INTERNAL, ca=CA)
    lab.renew()
    other = Lab(tmp_path / "other", lab.program)
    other.configure({**INTERNAL, "names": ["nas.lab.test"]}, ca={"keeper": False})
    ca = other.root / "etc/labserver/ca"
    ca.mkdir()
    (ca / "root.pem").write_bytes((lab.root / "etc/labserver/ca/root.pem").read_bytes())
    other.configure({**INTERNAL, "names": ["nas.lab.test"]}, ca=CA)  # the inventory names another keeper
    status, outcome, _said = other.renew()
    assert status == 1
    assert "without its key" in outcome["problems"][0]
    assert (ca / "root.pem").read_bytes() == (lab.root / "etc/labserver/ca/root.pem").read_bytes()


def test_a_damaged_state_or_store_is_made_anew(lab: Lab) -> None:
    lab.configure(INTERNAL, ca=CA)
    lab.renew()
    first = lab.fingerprint("hub")
    state = lab.root / "var/lib/labserver/certificates.json"
    state.write_bytes(state.read_bytes()[:100])
    assert lab.renew()[:2][1]["renewed"] == []
    assert lab.fingerprint("hub") == first
    lab.file("hub", "key.pem").write_bytes(b"")
    status, outcome, _said = lab.renew()
    assert (status, outcome["renewed"]) == (0, ["hub"])
    # A backup that follows symlinks was restored: a plain folder where the symlink was.
    link = lab.root / "etc/labserver/tls/hub"
    subprocess.run(f"cp -rL {link} {link}.copy && rm {link} && mv {link}.copy {link}", shell=True, check=True)
    assert lab.renew()[1]["renewed"] == []
    assert lab.renew("--force", "hub")[1]["renewed"] == ["hub"]
    assert link.is_symlink()


def test_a_full_disk_leaves_the_good_certificate(lab: Lab) -> None:
    folder = lab.root / "etc/labserver"
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], check=True)
    try:
        lab.configure(INTERNAL, ca=CA)
        assert lab.renew()[0] == 0
        good = lab.fingerprint("hub")
        subprocess.run(["dd", "if=/dev/zero", f"of={folder}/full", "bs=1k"], check=False, capture_output=True)
        assert lab.renew(shift="+61d")[0] == 0
        assert lab.renew(shift="+62d")[0] == 1
        assert "No space left" in lab.state("hub")["message"]
        assert lab.fingerprint("hub") == good
        assert lab.file("hub", "key.pem").stat().st_size > 100
        (folder / "full").unlink()
        assert lab.renew(shift="+63d")[1]["renewed"] == ["hub"]
    finally:
        subprocess.run(["umount", folder], check=True)


def test_two_runs_at_once(lab: Lab, files: dict[str, Any]) -> None:
    lab.configure({**files, "deploy": [{"name": "slow", "reload": {"command": ["/bin/sleep", "3"]}}]})
    first = subprocess.Popen(lab.command("renew"), stdout=subprocess.DEVNULL)
    time.sleep(1.5)
    assert lab.renew()[0] == 3
    assert first.wait() == 0


def test_killed_at_any_moment_key_and_certificate_belong_together(lab: Lab) -> None:
    lab.configure({**INTERNAL, "renew_fraction": 0.99999}, ca=CA)
    lab.renew()
    seen = set()
    for number in range(12):
        run = subprocess.Popen(
            lab.command("renew", "--force", "hub"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(0.12 + number * 0.03)
        run.kill()
        run.wait()
        key = subprocess.check_output(["openssl", "pkey", "-in", lab.file("hub", "key.pem"), "-pubout"])
        assert key == subprocess.check_output(["openssl", "x509", "-in", lab.file("hub"), "-noout", "-pubkey"])
        seen.add(key)
    assert lab.renew()[0] == 0


def test_one_damaged_certificate_does_not_stop_the_others(lab: Lab, files: dict[str, Any]) -> None:
    lab.configure({**files, "files": {"certificate": "/nowhere", "key": "/nowhere"}, "name": "a"}, INTERNAL, ca=CA)
    status, outcome, _said = lab.renew()
    assert status == 1
    assert sorted(outcome["renewed"]) == ["a", "hub"]
    assert lab.state("a")["placeholder"] is True
    assert lab.state("hub")["level"] == "ok"


def test_levels_follow_the_lifetime_and_not_a_number_of_days(lab: Lab, files: dict[str, Any]) -> None:
    lab.configure(files)
    assert lab.renew()[0] == 0
    # A certificate made elsewhere cannot be renewed here, so somebody has to hear of it in time.
    assert [lab.renew(shift=f"+{day}d")[0] for day in (66, 69, 80, 82, 91)] == [0, 1, 1, 2, 2]


def test_a_damaged_consumer_file_is_left_out_and_told(lab: Lab, files: dict[str, Any]) -> None:
    lab.configure(files)
    folder = lab.root / "etc/labserver/certificates.d"
    folder.mkdir(parents=True)
    (folder / "bad.json").write_text("{")
    status, outcome, _said = lab.renew()
    assert status == 1
    assert "bad.json" in outcome["problems"][0]
    (folder / "bad.json").write_text('{"version": 1, "targets": [{"certificate": "hub"}]}')  # without a name
    status, outcome, _said = lab.renew()
    assert status == 1
    assert "bad.json" in outcome["problems"][0]


def test_without_a_configuration_it_says_so(lab: Lab) -> None:
    status, _outcome, said = lab.renew()
    assert status == 2
    assert "certificates.json" in said
