# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's own authority: its root, the issuers of other hosts, and who trusts it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from parts import CA, INTERNAL, Lab


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


def test_a_public_address_of_the_keeper_is_signed_and_others_are_not(lab: Lab) -> None:
    """Universities give every machine one. 198.51.100.0/24 and 203.0.113.0/24 are for documentation (RFC 5737)."""
    lab.configure({**INTERNAL, "names": ["hub.lab.test", "203.0.113.7"]}, ca={**CA, "domains": []})
    assert lab.renew()[0] == 0

    def verifies(address: str) -> bool:
        argv = ["openssl", "verify", "-CAfile", lab.root / "etc/labserver/public/ca.crt", "-untrusted", lab.file("hub")]
        return subprocess.run([*argv, "-verify_ip", address, lab.file("hub")], check=False).returncode == 0

    assert verifies("203.0.113.7")
    assert not verifies("203.0.113.8")
    lab.configure({**INTERNAL, "names": ["hub.lab.test", "198.51.100.1"]}, ca={**CA, "domains": []})
    status, outcome, _said = lab.renew()
    assert status == 1
    assert "198.51.100.1 is outside" in outcome["problems"][0]


def test_a_network_that_the_inventory_names_is_signed_for(lab: Lab) -> None:
    names = ["hub.lab.test", "203.0.113.7"]
    lab.configure({**INTERNAL, "names": names}, ca={**CA, "domains": ["lab.test", "203.0.113.0/24"]})
    assert lab.renew()[0] == 0
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-ext", "nameConstraints", "-in", lab.root / "etc/labserver/public/ca.crt"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "IP:203.0.113.0/255.255.255.0" in shown


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
