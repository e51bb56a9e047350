# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates and keys as facts: what the program needs to know of a PEM file, asked of the openssl command."""

from __future__ import annotations

import hashlib
import ipaddress
import itertools
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .._common.clock import SKEW
from .names import is_address
from .openssl import openssl
from .pem import NO_PASS_PHRASE, split


@dataclass(frozen=True)
class Certificate:
    """Facts of one certificate; names and addresses are the subject's alternative names, lower case."""

    names: frozenset[str]
    not_before: datetime
    not_after: datetime
    fingerprint: str  # SHA-256 of the DER form, hexadecimal
    subject: str
    issuer: str
    public_key: str  # SHA-256 of the public key

    @property
    def self_signed(self) -> bool:
        return self.subject == self.issuer

    @property
    def lifetime(self) -> timedelta:
        return self.not_after - self.not_before

    def fraction_left(self, now: datetime) -> float:
        """How much of the lifetime is left: 1 when fresh, 0 or less when expired."""
        return (self.not_after - now) / self.lifetime if self.lifetime else 0.0


def inspect(pem: bytes) -> Certificate:
    """Read the first certificate of ``pem``. Raises ValueError when there is none or it cannot be read."""
    blocks = split(pem)
    if not blocks:
        raise ValueError("holds no certificate (empty or not PEM)")
    shown = ["-subject", "-issuer", "-dates", "-nameopt", "RFC2253", "-ext", "subjectAltName", "-pubkey"]
    text = openssl(["x509", "-noout", *shown], blocks[0]).decode("utf-8", "replace")
    fields = dict(re.findall(r"^(subject|issuer|notBefore|notAfter)=(.*)$", text, re.MULTILINE))
    names = {name.lower() for name in re.findall(r"DNS:([^,\s]+)", text)}
    names |= {str(ipaddress.ip_address(address)) for address in re.findall(r"IP Address:([0-9A-Fa-f:.]+)", text)}
    public = re.search(r"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", text, re.DOTALL)
    return Certificate(
        names=frozenset(names),
        not_before=_time(fields["notBefore"]),
        not_after=_time(fields["notAfter"]),
        fingerprint=hashlib.sha256(ssl.PEM_cert_to_DER_cert(blocks[0].decode())).hexdigest(),
        subject=fields["subject"],
        issuer=fields["issuer"],
        public_key=_hash(public.group(0) if public else ""),
    )


def _time(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


def _hash(public_pem: str) -> str:
    return hashlib.sha256("".join(public_pem.split()).encode()).hexdigest()


def public_key(key: bytes) -> str:
    """The hash of a private key's public half, as in ``Certificate.public_key``. Raises ValueError."""
    return _hash(openssl(["pkey", "-pubout", *NO_PASS_PHRASE], key).decode())


def new_key(kind: str) -> bytes:
    """Make a private key: ``ecdsa`` (P-256) or ``rsa`` (2048 bits)."""
    if kind == "rsa":
        return openssl(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
    return openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])


def covers(certificate: Certificate, name: str) -> bool:
    """Whether the certificate is good for the name; a wildcard stands for exactly one label."""
    wanted = str(ipaddress.ip_address(name)) if is_address(name) else name.lower()
    if wanted in certificate.names:
        return True
    return "." in wanted and not is_address(wanted) and f"*.{wanted.split('.', 1)[1]}" in certificate.names


def pair_problems(key: bytes, chain: bytes, names: Sequence[str], now: datetime) -> list[str]:
    """Why this key with this chain must not be served under these names; empty when it may."""
    try:
        certificate = inspect(chain)
    except ValueError as error:
        return [f"the certificate {error}"]
    found = []
    try:
        if public_key(key) != certificate.public_key:
            found.append("the key does not belong to the certificate")
    except ValueError:
        found.append("the private key cannot be read (empty, encrypted or not PEM)")
    missing = [name for name in names if not covers(certificate, name)]
    if missing:
        found.append(f"the certificate is not made out to {', '.join(missing)}")
    if certificate.not_before > now + SKEW:
        found.append(
            f"the certificate is valid only from {certificate.not_before:%Y-%m-%d %H:%M} UTC; is the clock right?"
        )
    if certificate.not_after <= now:
        found.append(f"the certificate has expired on {certificate.not_after:%Y-%m-%d %H:%M} UTC")
    above = [inspect(block) for block in split(chain)]
    for lower, upper in itertools.pairwise(above):
        if lower.issuer != upper.subject:
            found.append(f'the chain is out of order: "{lower.subject}" was not issued by "{upper.subject}"')
    return found


def missing_intermediate(chain: bytes, ca: bytes = b"") -> str:
    """Return what is said of a chain that is a server's certificate alone; empty when clients get along with it."""
    blocks = split(chain)
    leaf = inspect(chain)
    if len(blocks) > 1 or leaf.self_signed or ca:
        return ""
    try:
        openssl(["verify", "-no_check_time"], blocks[0])  # against the roots that this host trusts
    except ValueError:
        return f'the chain lacks the certificate of "{leaf.issuer}"; append it, or most clients refuse the server'
    return ""
