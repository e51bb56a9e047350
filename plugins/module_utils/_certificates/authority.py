# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's own certificate authority, for a LAN without public DNS.

One host keeps the root (ten years and more, constrained to the lab's names: whoever steals it cannot pose as a bank).
Every host has an issuer of its own, signed by the root and constrained to that host's names, so that leaves are renewed
on the host by cron, and a host that is broken into can pose as itself only.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from .._common import files
from .._common.clock import SKEW
from .build import CA_USE, certificate, leaf_extensions, request, subject_of
from .names import PRIVATE_NETWORKS, constraints, domains, is_address, is_network, own, permits, public_addresses
from .openssl import openssl
from .pem import split
from .store import Pair
from .x509 import inspect, new_key

FOLDER = "etc/labserver/ca"
ROOT_DAYS = 7300
ISSUER_DAYS = 1825
LEAF_DAYS = 90
ISSUER_RENEW_FRACTION = 1 / 3


class AuthorityError(Exception):
    """The authority cannot or must not do what was asked; the text says what to do."""


def ensure_root(root: Path, settings: Mapping[str, Any], names: Sequence[str], host: str) -> bool:
    """Make the root on the host that keeps it, unless it is there; returns whether it was made.

    Raises AuthorityError when the inventory's domains are no longer those that the root was made for, or when the root
    of another keeper is there without its key.
    """
    folder = root / FOLDER
    wanted = list(settings.get("domains") or [*domains(names), *public_addresses(names)])
    if (folder / "root.pem").exists() and (folder / "root.key").exists():
        asked = settings.get("domains") or []
        made_for = (folder / "root.domains").read_text().split() if (folder / "root.domains").exists() else []
        if asked and set(asked) - set(made_for):
            more = ", ".join(sorted(set(asked) - set(made_for)))
            raise AuthorityError(
                f"the lab's authority was made for {', '.join(made_for)}, not for {more}; to make a new one (every"
                f" browser has to import it), move /{FOLDER} away on this host and run the playbook again"
            )
        return False
    if (folder / "root.pem").exists():
        raise AuthorityError(
            f"this host knows the lab's authority without its key, so it cannot keep it; copy /{FOLDER}/root.key and"
            f" root.domains from the host that kept it, or, to make a new authority (every browser has to import it),"
            f" move /{FOLDER} away on this host and run the playbook again"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = new_key("ecdsa")
    permitted, networks = _made_for(wanted, settings.get("networks") or ())
    name = settings.get("name") or f"Lab CA of {host}"
    made = certificate(
        subject_of(name),
        settings.get("root_days") or ROOT_DAYS,
        {
            **CA_USE,
            "basicConstraints": "critical,CA:TRUE,pathlen:1",
            "nameConstraints": constraints(permitted, networks),
        },
        request(key),
        key,
    )
    files.replace(folder / "root.domains", "\n".join(wanted).encode() + b"\n", 0o644)
    files.replace(folder / "root.key", key, 0o600)
    files.replace(folder / "root.pem", made, 0o644)
    return True


def _made_for(entries: Sequence[str], networks: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the domains and the networks that the authority may sign for; ``networks`` are private ones of the lab."""
    return (
        [entry for entry in entries if not is_network(entry)],
        [*(networks or PRIVATE_NETWORKS), *(entry for entry in entries if is_network(entry))],
    )


def root_certificate(root: Path) -> bytes:
    """Return the root that this host knows of; empty when it knows none."""
    try:
        return (root / FOLDER / "root.pem").read_bytes()
    except FileNotFoundError:
        return b""


def issuer_request(root: Path, names: Sequence[str], now: datetime) -> bytes:
    """Return a signing request for this host's issuer, or nothing when the present one will do for these names."""
    folder = root / FOLDER
    if not issuer_problem(root, names, now):
        return b""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / "issuer.key").exists():
        files.replace(folder / "issuer.key", new_key("ecdsa"), 0o600)
    return request((folder / "issuer.key").read_bytes())


def issuer_problem(root: Path, names: Sequence[str], now: datetime) -> str:
    """Return why this host needs another issuer for these names; empty when the present one will do."""
    problem = _unfit(root, names)
    if problem:
        return problem
    issuer = inspect((root / FOLDER / "issuer.pem").read_bytes())
    if issuer.not_before > now + SKEW:
        return f"this host's issuer is valid only from {issuer.not_before:%Y-%m-%d}"
    if issuer.fraction_left(now) <= ISSUER_RENEW_FRACTION:
        return f"this host's issuer ends on {issuer.not_after:%Y-%m-%d}"
    return ""


def _unfit(root: Path, names: Sequence[str]) -> str:
    """Return why no client would believe what this host's issuer signs for these names; empty when it would."""
    folder = root / FOLDER
    try:
        inspect((folder / "issuer.pem").read_bytes())
        permitted = (folder / "issuer.names").read_text().split()
        inspect((folder / "root.pem").read_bytes())
    except (OSError, ValueError):
        return "this host has no issuer of the lab's authority yet"
    addresses = [name for name in permitted if is_address(name)]
    outside = [name for name in names if not permits([*set(permitted) - set(addresses)], addresses, name)]
    if outside:
        return f"this host's issuer is not made for {', '.join(outside)}"
    if not _signed_by(folder / "issuer.pem", folder / "root.pem"):
        return "this host's issuer is not of the present root"
    return ""


def is_issuer_of(root: Path, chain: bytes) -> bool:
    """Return whether the chain holds this host's present issuer."""
    try:
        issuer = (root / FOLDER / "issuer.pem").read_bytes()
    except OSError:
        return False
    return bool(set(split(issuer)) & set(split(chain)))


def _signed_by(issuer: Path, anchor: Path) -> bool:
    """Whether the key of ``anchor`` made the issuer: a root that was made anew may have the name of the old one."""
    try:
        # How long both last is judged elsewhere.
        openssl(["verify", "-no_check_time", "-no-CApath", "-no-CAstore", "-CAfile", str(anchor), str(issuer)])
    except ValueError:
        return False
    return True


def sign(root: Path, host: str, names: Sequence[str], csr: bytes, networks: Sequence[str] = ()) -> bytes:
    """On the host that keeps the root: sign another host's issuer for these names. Raises AuthorityError."""
    folder = root / FOLDER
    permitted, networks = _made_for((folder / "root.domains").read_text().split(), networks)
    outside = [name for name in names if not permits(permitted, networks, name)]
    if outside:
        raise AuthorityError(
            f"{', '.join(outside)} is outside what the lab's authority was made for ({', '.join(permitted)} and"
            f" {', '.join(networks)}); use such a name, or name its domain or network in certificates_ca_domains"
            " before the authority is made"
        )
    mine = own(names)
    addresses = [name for name in mine if is_address(name)]
    # The subject has to differ with each signing: same subject and other key would confuse clients.
    subject = subject_of(f"Lab issuer {host} {secrets.token_hex(4)}")
    return certificate(
        subject,
        ISSUER_DAYS,
        {
            **CA_USE,
            "basicConstraints": "critical,CA:TRUE,pathlen:0",
            "extendedKeyUsage": "serverAuth",
            # Its own addresses only: with the lab's networks a host could pose as every other one.
            "nameConstraints": constraints([name for name in mine if name not in addresses], addresses),
        },
        csr,
        (folder / "root.key").read_bytes(),
        (folder / "root.pem").read_bytes(),
    )


def accept(root: Path, anchor: bytes, issuer: bytes, names: Sequence[str]) -> bool:
    """Store what the root's host gave (the root, and an issuer unless empty); returns whether anything is new."""
    folder = root / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    wanted = {"root.pem": anchor}
    if issuer:
        wanted |= {"issuer.names": "\n".join(own(names)).encode() + b"\n", "issuer.pem": issuer}
    changed = False
    for name, content in wanted.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != content:
            files.replace(path, content, 0o644)
            changed = True
    return changed


def issue(root: Path, names: Sequence[str], key_type: str, days: float, now: datetime) -> Pair:
    """Sign a new leaf with a new key by this host's issuer. Raises AuthorityError or ValueError."""
    problem = _unfit(root, names)
    if problem:
        raise AuthorityError(f"{problem}; run the playbook with the host that keeps the authority in reach")
    folder = root / FOLDER
    issuer = (folder / "issuer.pem").read_bytes()
    anchor = (folder / "root.pem").read_bytes()
    left = inspect(issuer)
    lifetime = min(float(days), (left.not_after - now).total_seconds() / 86400)
    if lifetime < 1:
        raise AuthorityError(f"this host's issuer ends on {left.not_after:%Y-%m-%d}; run the playbook")
    key = new_key(key_type)
    signer = (folder / "issuer.key").read_bytes()
    leaf = certificate("/", lifetime, leaf_extensions(names), request(key), signer, issuer)
    return Pair(key, leaf + issuer, anchor)
