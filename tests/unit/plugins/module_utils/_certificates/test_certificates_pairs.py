# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people hand over as certificate and key, made by the openssl command, and a clock that was ahead for a while."""

from __future__ import annotations

import json
import ssl
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._certificates import (
    authority,
    decide,
    deploy,
    model,
    pem,
    renew,
    state,
    store,
    upkeep,
)
from ansible_collections.labserver.jupyter.plugins.module_utils._certificates.world import World
from ansible_collections.labserver.jupyter.plugins.module_utils._common import process

NOW = datetime.now(UTC)
TWO_YEARS = timedelta(days=730)


def openssl(*arguments: str | Path) -> bytes:
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True).stdout


class Lab:
    """A server below a folder with one certificate by files, and an authority of somebody else beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root / "server"
        self.bought = root / "bought"
        self.bought.mkdir()
        self.key, self.chain = self.bought / "key.pem", self.bought / "chain.pem"
        made = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90")
        ca = self.bought / "ca"
        openssl(*made, "-keyout", f"{ca}.key", "-out", f"{ca}.pem", "-subj", "/CN=Bought CA")
        request, extensions = self.bought / "request", self.bought / "extensions"
        extensions.write_text("subjectAltName=DNS:hub.lab.test\n")
        openssl("req", *made[2:7], "-keyout", self.key, "-out", request, "-subj", "/CN=hub.lab.test")
        openssl("x509", "-req", "-in", request, "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial",
                "-days", "90", "-extfile", extensions, "-out", self.bought / "leaf.pem")  # fmt: skip
        self.leaf = (self.bought / "leaf.pem").read_bytes()
        self.ca = Path(f"{ca}.pem").read_bytes()
        self.chain.write_bytes(self.leaf + self.ca)
        self.log: list[bytes] = []
        self.now = NOW + timedelta(minutes=1)

    def certificate(self, source: str = "files", **more: Any) -> None:
        path = self.root / model.CONFIG
        path.parent.mkdir(parents=True, exist_ok=True)
        item = {"name": "server", "names": ["hub.lab.test"], "source": source}
        if source == "files":
            item["files"] = {"certificate": str(self.chain), "key": str(self.key)}
        path.write_text(json.dumps({"version": 1, "certificates": [item], **more}))

    def renew(self, *only: str) -> state.State:
        world = World(self.root, lambda: self.now, lambda _seconds: None, "lab1")
        return renew.renew(world, self.log.append, only).states["server"]

    def installed(self, name: str) -> Path:
        return self.root / store.FOLDER / "server" / name

    def loads(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.installed("cert.pem"), self.installed("key.pem"))


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def combined(lab: Lab) -> None:
    """What ``openssl pkcs12 -nodes`` writes: attributes, the key and the certificates in one file."""
    text = b"Bag Attributes\n    localKeyID: 01\n" + lab.key.read_bytes() + lab.chain.read_bytes()
    lab.chain.write_bytes(text)
    lab.key.write_bytes(text)


def glued(lab: Lab) -> None:
    lab.chain.write_bytes(lab.leaf.rstrip() + lab.ca)


def byte_order_mark(lab: Lab) -> None:
    lab.chain.write_bytes(b"\xef\xbb\xbf" + lab.chain.read_bytes().replace(b"\n", b"\r\n"))
    lab.key.write_bytes(b"\xef\xbb\xbf" + lab.key.read_bytes())


def der(lab: Lab) -> None:
    lab.key.write_bytes(openssl("pkey", "-in", lab.key, "-outform", "DER"))


def pkcs12(lab: Lab) -> None:
    packed = openssl("pkcs12", "-export", "-in", lab.chain, "-inkey", lab.key, "-passout", "pass:")
    lab.chain.write_bytes(packed)
    lab.key.write_bytes(packed)


@pytest.mark.parametrize("form", [combined, glued, byte_order_mark, der, pkcs12])
def test_whatever_form_it_comes_in_servers_load_it_and_the_key_is_roots_alone(
    lab: Lab, form: Callable[[Lab], None]
) -> None:
    form(lab)
    lab.certificate()
    found = lab.renew()
    assert (found.failed, found.level) == ("", "ok")
    lab.loads()
    assert b"PRIVATE KEY" not in lab.installed("cert.pem").read_bytes()
    assert pem.split(lab.installed("cert.pem").read_bytes()) == [*pem.split(lab.leaf), *pem.split(lab.ca)]
    assert lab.installed("key.pem").stat().st_mode & 0o777 == 0o600
    again = lab.renew()
    assert (again.level, again.renewed) == ("ok", found.renewed)


def test_a_key_that_everybody_could_read_is_taken_out_of_the_certificate_at_the_next_run(lab: Lab) -> None:
    lab.certificate()
    lab.renew()
    lab.installed("cert.pem").write_bytes(lab.key.read_bytes() + lab.chain.read_bytes())
    lab.chain.unlink()  # also when the source has nothing to give
    lab.renew()
    assert b"PRIVATE KEY" not in lab.installed("cert.pem").read_bytes()
    assert b"get a new key" in b"".join(lab.log)
    lab.loads()


@pytest.mark.parametrize("form", ["pkcs8", "traditional"])
def test_an_encrypted_key_is_named_at_once(lab: Lab, form: str) -> None:
    more = ["-traditional"] if form == "traditional" else []
    lab.key.write_bytes(openssl("pkey", "-in", lab.key, "-aes256", "-passout", "pass:secret", *more))
    lab.certificate()
    began = time.monotonic()
    found = lab.renew()
    assert time.monotonic() - began < 20
    assert "the private key is encrypted" in found.failed
    assert "take it off: openssl pkey" in found.failed
    assert found.placeholder


def test_a_pkcs12_file_with_a_password_says_how(lab: Lab) -> None:
    lab.chain.write_bytes(openssl("pkcs12", "-export", "-in", lab.chain, "-inkey", lab.key, "-passout", "pass:abc"))
    lab.certificate()
    assert "openssl pkcs12 -in FILE -noenc" in lab.renew().failed


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01", b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"]
)
def test_a_good_pair_is_not_replaced_by_one_that_cannot_be_loaded(lab: Lab, content: bytes) -> None:
    lab.certificate()
    lab.renew()
    before = lab.installed("cert.pem").read_bytes()
    lab.chain.write_bytes(content)
    found = lab.renew()
    assert found.failed.startswith("what files gave is not installed: ")
    assert lab.installed("cert.pem").read_bytes() == before
    with pytest.raises(ValueError, match="no server can load"):
        store.install(lab.root, "server", store.Pair(b"-----BEGIN PRIVATE KEY-----\n", before))
    assert lab.installed("cert.pem").read_bytes() == before
    lab.loads()


def test_a_certificate_without_its_intermediate_is_a_warning(lab: Lab) -> None:
    lab.chain.write_bytes(lab.leaf)
    lab.certificate()
    found = lab.renew()
    assert (found.level, 'the chain lacks the certificate of "CN=Bought CA"' in found.message) == ("warning", True)


def test_a_service_whose_configuration_is_broken_is_not_reloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []

    def capture(argv: list[str], *_more: object, **_options: object) -> tuple[process.Result, str]:
        ran.append(list(argv))
        return process.Result(1), "nginx: [warn] x\nnginx: [emerg] cannot load certificate\n"

    monkeypatch.setattr(process, "capture", capture)
    failed = deploy.reload({"service": "nginx"}, lambda _piece: None)
    assert failed == "nginx refuses its configuration: nginx: [emerg] cannot load certificate"
    assert ran == [["nginx", "-t", "-q"]]


def test_what_was_made_while_the_clock_was_ahead_is_made_again(lab: Lab) -> None:
    lab.certificate("internal_ca", ca={"keeper": True, "domains": ["lab.test"]})
    lab.now = NOW - timedelta(days=10)
    # Root, issuer and leaf begin at the real time, which is ahead of the clock.
    found = lab.renew()
    assert found.level == "critical"
    assert "it was made while the clock was wrong" in found.message
    kept = upkeep.keep(World(lab.root, lambda: lab.now, lambda _seconds: None, "lab1"), model.load(lab.root))
    assert "move /etc/labserver/ca away" in kept.problems[0]
    lab.now = NOW + timedelta(minutes=1)
    assert lab.renew().level == "ok"


def test_a_leaf_and_an_issuer_from_the_future_are_renewed_without_force(lab: Lab) -> None:
    early = NOW - timedelta(days=10)
    assert "valid only from" in authority_problem(lab, early)
    certificate = store.read(lab.root, "server")
    assert certificate is not None
    assert "valid only from" in decide.due(certificate.certificate, ["hub.lab.test"], None, early)
    assert decide.worse(certificate.certificate, certificate.certificate, ["hub.lab.test"], early) == ""


def authority_problem(lab: Lab, now: datetime) -> str:
    lab.certificate("internal_ca", ca={"keeper": True, "domains": ["lab.test"]})
    lab.renew()
    return authority.issuer_problem(lab.root, ["hub.lab.test"], now)


def test_a_wait_that_ends_in_two_years_is_none() -> None:
    later = state.State(next_try=(NOW + TWO_YEARS).isoformat())
    soon = state.State(next_try=(NOW + timedelta(hours=20)).isoformat())
    assert not later.waits(NOW)
    assert soon.waits(NOW)
