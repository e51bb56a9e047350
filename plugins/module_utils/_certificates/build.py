# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates and signing requests as the openssl command makes them. Keys go in by files in a folder of root's."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from .._common import files
from .names import is_address
from .openssl import openssl
from .store import Pair
from .x509 import new_key

CA_USE = {"subjectKeyIdentifier": "hash", "keyUsage": "critical,keyCertSign,cRLSign"}


def _openssl(
    arguments: Sequence[str], extensions: Mapping[str, str], contents: Mapping[str, bytes], stdin: bytes
) -> bytes:
    """Run openssl with an extension file and further files (name -> content), named in the arguments as ``@name``."""
    with tempfile.TemporaryDirectory(prefix="labserver-ca-") as folder:  # mode 0700
        lines = ["[req]", "distinguished_name=dn", "prompt=no", "[dn]", "CN=unused", "[extensions]"]
        lines += [f"{key}={value}" for key, value in extensions.items()]
        everything = {"config": "\n".join([*lines, ""]).encode(), **contents}
        for name, content in everything.items():
            files.create(Path(folder) / name, content)
        return openssl([f"{folder}/{word[1:]}" if word.startswith("@") else word for word in arguments], stdin)


def request(key: bytes) -> bytes:
    """Return a signing request by the key; who signs it decides on names and all else."""
    return _openssl(["req", "-new", "-key", "@key", "-subj", "/CN=unused", "-config", "@config"], {}, {"key": key}, b"")


def certificate(
    subject: str, days: float, extensions: Mapping[str, str], csr: bytes, key: bytes, issuer: bytes = b""
) -> bytes:
    """Make a certificate of any kind: ``key`` of ``issuer`` vouches for it, without an issuer it does so itself."""
    by = ["-CA", "@ca", "-CAkey", "@key"] if issuer else ["-signkey", "@key"]
    extensions = {**extensions, **({"authorityKeyIdentifier": "keyid"} if issuer else {})}
    made = ["-set_serial", f"0x{secrets.token_hex(16)}", "-days", str(max(1, round(days))), "-subj", subject]
    how = ["-extfile", "@config", "-extensions", "extensions"]
    return _openssl(["x509", "-req", "-sha256", *by, *made, *how], extensions, {"ca": issuer, "key": key}, csr)


def subject_of(name: str) -> str:
    """Return the subject of openssl's command line for a common name."""
    escaped = name.replace("\\", "\\\\").replace("/", "\\/")
    return f"/CN={escaped}"


def leaf_extensions(names: Sequence[str]) -> dict[str, str]:
    """Return what makes a server's certificate; the names are in the alternative names only, as clients want it."""
    return {
        "basicConstraints": "critical,CA:FALSE",
        "keyUsage": "critical,digitalSignature",
        "extendedKeyUsage": "serverAuth",
        "subjectKeyIdentifier": "hash",
        # Critical because the subject is empty (RFC 5280, 4.2.1.6).
        "subjectAltName": "critical," + ",".join(f"{'IP' if is_address(name) else 'DNS'}:{name}" for name in names),
    }


def self_signed(names: Sequence[str], key_type: str, days: float) -> Pair:
    """Make a key and a certificate that vouches for itself."""
    key = new_key(key_type)
    extensions = leaf_extensions(names)
    extensions["subjectAltName"] = extensions["subjectAltName"].removeprefix("critical,")
    made = certificate(f"/CN={names[0][:64]}", days, extensions, request(key), key)
    return Pair(key, made, made)
