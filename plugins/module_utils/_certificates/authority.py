# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's own certificate authority, for a LAN without public DNS.

One host keeps the root (ten years and more, constrained to the lab's names: whoever steals it cannot pose as a bank).
Every host has an issuer of its own, signed by the root and constrained to that host's names, so that leaves are renewed
on the host by cron, and a host that is broken into can pose as itself only.
"""

from __future__ import annotations

import ipaddress
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from .._common import files as common_files
from .store import Pair
from .x509 import Certificate, inspect, is_address, new_key, openssl

FOLDER = "etc/labserver/ca"
ROOT_DAYS = 7300
ISSUER_DAYS = 1825
LEAF_DAYS = 90
ISSUER_RENEW_FRACTION = 1 / 3

# Names below these belong to nobody else (RFC 6762, RFC 8375, RFC 2606, ICANN), so a whole one may be the lab's.
PRIVATE_DOMAINS = frozenset(
    {"lan", "local", "internal", "test", "home.arpa", "intranet", "private", "corp", "home", "lab"}
)
PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fd00::/8", "::1/128")


class CaError(Exception):
    """The authority cannot or must not do what was asked; the text says what to do."""


def domains(names: Sequence[str]) -> list[str]:
    """The domains that a root for such names is constrained to, when the inventory names none."""
    found = set()
    for name in names:
        if is_address(name):
            continue
        bare = name.removeprefix("*.").lower()
        above = bare.partition(".")[2]
        found.add(above if "." in above or above in PRIVATE_DOMAINS else bare)
    return sorted(found)


def permits(permitted: Sequence[str], networks: Sequence[str], name: str) -> bool:
    """Whether a constraint to these domains and networks lets the name pass (RFC 5280, 4.2.1.10)."""
    if is_address(name):
        address = ipaddress.ip_address(name)
        return any(address in ipaddress.ip_network(network) for network in networks)
    bare = name.removeprefix("*.").lower()
    return any(bare == domain or bare.endswith(f".{domain}") for domain in permitted)


def own(names: Sequence[str]) -> list[str]:
    """The domains and addresses that an issuer for such names is constrained to."""
    return sorted({name.removeprefix("*.").lower() for name in names})


def constraints(permitted: Sequence[str], networks: Sequence[str]) -> str:
    """The value of the extension; a kind of name without an entry is excluded, not left open."""
    # "invalid" is a name that nobody can have (RFC 2606): with it as the only one, no name passes.
    parts = [f"permitted;DNS:{domain}" for domain in permitted or ["invalid"]]
    for version, everything in ((4, "0.0.0.0/0.0.0.0"), (6, "0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0")):
        mine = [ipaddress.ip_network(network) for network in networks]
        mine = [network for network in mine if network.version == version]
        parts += [f"permitted;IP:{network.network_address.exploded}/{network.netmask.exploded}" for network in mine]
        parts += [] if mine else [f"excluded;IP:{everything}"]
    return ",".join(["critical", *parts])


def _sign(arguments: Sequence[str], extensions: Mapping[str, str], files: Mapping[str, bytes], stdin: bytes) -> bytes:
    """Run openssl with an extension file and further files (name -> content), named in the arguments as ``@name``."""
    with tempfile.TemporaryDirectory(prefix="labserver-ca-") as folder:  # mode 0700
        lines = ["[req]", "distinguished_name=dn", "prompt=no", "[dn]", "CN=unused", "[extensions]"]
        lines += [f"{key}={value}" for key, value in extensions.items()]
        everything = {"config": "\n".join([*lines, ""]).encode(), **files}
        for name, content in everything.items():
            (Path(folder) / name).write_bytes(content)
        return openssl([f"{folder}/{word[1:]}" if word.startswith("@") else word for word in arguments], stdin)


def _request(key: bytes) -> bytes:
    """A signing request by the key; who signs it decides on names and all else."""
    return _sign(["req", "-new", "-key", "@key", "-subj", "/CN=unused", "-config", "@config"], {}, {"key": key}, b"")


def _certificate(
    subject: str, days: float, extensions: Mapping[str, str], csr: bytes, key: bytes, issuer: bytes = b""
) -> bytes:
    """Any certificate is made here: ``key`` of ``issuer`` vouches for it, or without an issuer it does so itself."""
    by = ["-CA", "@ca", "-CAkey", "@key"] if issuer else ["-signkey", "@key"]
    extensions = {**extensions, **({"authorityKeyIdentifier": "keyid"} if issuer else {})}
    made = ["-set_serial", f"0x{secrets.token_hex(16)}", "-days", str(max(1, round(days))), "-subj", subject]
    how = ["-extfile", "@config", "-extensions", "extensions"]
    return _sign(["x509", "-req", "-sha256", *by, *made, *how], extensions, {"ca": issuer, "key": key}, csr)


CA_USE = {"subjectKeyIdentifier": "hash", "keyUsage": "critical,keyCertSign,cRLSign"}


def ensure_root(root: Path, settings: Mapping[str, Any], names: Sequence[str], host: str) -> bool:
    """Make the root on the host that keeps it, unless it is there; returns whether it was made.

    Raises CaError when the inventory's domains are no longer those that the root was made for, or when the root of
    another keeper is there without its key.
    """
    folder = root / FOLDER
    wanted = list(settings.get("domains") or domains(names))
    networks = list(settings.get("networks") or PRIVATE_NETWORKS)
    if (folder / "root.pem").exists() and (folder / "root.key").exists():
        asked = settings.get("domains") or []
        made_for = (folder / "root.domains").read_text().split() if (folder / "root.domains").exists() else []
        if asked and set(asked) - set(made_for):
            more = ", ".join(sorted(set(asked) - set(made_for)))
            raise CaError(
                f"the lab's authority was made for {', '.join(made_for)}, not for {more}; to make a new one (every"
                f" browser has to import it), move /{FOLDER} away on this host and run the playbook again"
            )
        return False
    if (folder / "root.pem").exists():
        raise CaError(
            f"this host knows the lab's authority without its key, so it cannot keep it; copy /{FOLDER}/root.key and"
            f" root.domains from the host that kept it, or, to make a new authority (every browser has to import it),"
            f" move /{FOLDER} away on this host and run the playbook again"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = new_key("ecdsa")
    name = settings.get("name") or f"Lab CA of {host}"
    certificate = _certificate(
        f"/CN={_escape(name)}",
        settings.get("root_days") or ROOT_DAYS,
        {**CA_USE, "basicConstraints": "critical,CA:TRUE,pathlen:1", "nameConstraints": constraints(wanted, networks)},
        _request(key),
        key,
    )
    common_files.replace(folder / "root.domains", "\n".join(wanted).encode() + b"\n", 0o644)
    common_files.replace(folder / "root.key", key, 0o600)
    common_files.replace(folder / "root.pem", certificate, 0o644)
    return True


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("/", "\\/")


def root_certificate(root: Path) -> bytes:
    """The root that this host knows of; empty when it knows none."""
    try:
        return (root / FOLDER / "root.pem").read_bytes()
    except FileNotFoundError:
        return b""


def request(root: Path, names: Sequence[str], now: datetime) -> bytes:
    """A request for this host's issuer, or nothing when the present one will do for these names."""
    folder = root / FOLDER
    if not issuer_problem(root, names, now):
        return b""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / "issuer.key").exists():
        common_files.replace(folder / "issuer.key", new_key("ecdsa"), 0o600)
    return _request((folder / "issuer.key").read_bytes())


def issuer_problem(root: Path, names: Sequence[str], now: datetime) -> str:
    """Why this host needs another issuer for these names; empty when the present one will do."""
    problem = _unfit(root, names)
    if problem:
        return problem
    issuer = inspect((root / FOLDER / "issuer.pem").read_bytes())
    if issuer.fraction_left(now) <= ISSUER_RENEW_FRACTION:
        return f"this host's issuer ends on {issuer.not_after:%Y-%m-%d}"
    return ""


def _unfit(root: Path, names: Sequence[str]) -> str:
    """Why no client would believe what this host's issuer signs for these names; empty when it would."""
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


def _signed_by(issuer: Path, anchor: Path) -> bool:
    """Whether the key of ``anchor`` made the issuer: a root that was made anew may have the name of the old one."""
    try:
        # How long both last is judged elsewhere.
        openssl(["verify", "-no_check_time", "-no-CApath", "-no-CAstore", "-CAfile", str(anchor), str(issuer)])
    except ValueError:
        return False
    return True


def sign(root: Path, host: str, names: Sequence[str], csr: bytes, networks: Sequence[str] = ()) -> bytes:
    """On the host that keeps the root: sign another host's issuer for these names. Raises CaError."""
    folder = root / FOLDER
    permitted = (folder / "root.domains").read_text().split()
    networks = list(networks or PRIVATE_NETWORKS)
    outside = [name for name in names if not permits(permitted, networks, name)]
    if outside:
        raise CaError(
            f"{', '.join(outside)} is outside what the lab's authority was made for ({', '.join(permitted)} and"
            f" {', '.join(networks)}); use such a name, or name its domain in certificates_ca_domains before the"
            " authority is made"
        )
    mine = own(names)
    addresses = [name for name in mine if is_address(name)]
    # The subject has to differ with each signing: same subject and other key would confuse clients.
    subject = f"/CN={_escape(f'Lab issuer {host} {secrets.token_hex(4)}')}"
    return _certificate(
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
    files = {"root.pem": anchor}
    if issuer:
        files |= {"issuer.names": "\n".join(own(names)).encode() + b"\n", "issuer.pem": issuer}
    changed = False
    for name, content in files.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != content:
            common_files.replace(path, content, 0o644)
            changed = True
    return changed


def issue(root: Path, names: Sequence[str], key_type: str, days: float, now: datetime) -> Pair:
    """Sign a new leaf with a new key by this host's issuer. Raises CaError or ValueError."""
    problem = _unfit(root, names)
    if problem:
        raise CaError(f"{problem}; run the playbook with the host that keeps the authority in reach")
    folder = root / FOLDER
    issuer = (folder / "issuer.pem").read_bytes()
    anchor = (folder / "root.pem").read_bytes()
    left: Certificate = inspect(issuer)
    lifetime = min(float(days), (left.not_after - now).total_seconds() / 86400)
    if lifetime < 1:
        raise CaError(f"this host's issuer ends on {left.not_after:%Y-%m-%d}; run the playbook")
    key = new_key(key_type)
    signer = (folder / "issuer.key").read_bytes()
    leaf = _certificate("/", lifetime, leaf_extensions(names), _request(key), signer, issuer)
    return Pair(key, leaf + issuer, anchor)


def leaf_extensions(names: Sequence[str]) -> dict[str, str]:
    """What makes a server's certificate; the names are in the alternative names only, as clients want it."""
    return {
        "basicConstraints": "critical,CA:FALSE",
        "keyUsage": "critical,digitalSignature",
        "extendedKeyUsage": "serverAuth",
        "subjectKeyIdentifier": "hash",
        # Critical because the subject is empty (RFC 5280, 4.2.1.6).
        "subjectAltName": "critical," + ",".join(f"{'IP' if is_address(name) else 'DNS'}:{name}" for name in names),
    }


def self_signed(names: Sequence[str], key_type: str, days: float) -> Pair:
    """A certificate that vouches for itself."""
    key = new_key(key_type)
    extensions = leaf_extensions(names)
    extensions["subjectAltName"] = extensions["subjectAltName"].removeprefix("critical,")
    certificate = _certificate(f"/CN={names[0][:64]}", days, extensions, _request(key), key)
    return Pair(key, certificate, certificate)
