# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a certificate lies on the host: ``/etc/labserver/tls/<name>/{key,cert,ca}.pem``.

``<name>`` is a symlink to a folder of one version, replaced in one step: nobody ever sees the key of one version with
the certificate of another, whatever kills the program in between. ``cert.pem`` is the full chain.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import ssl
from dataclasses import dataclass
from pathlib import Path

from .._common import files
from .x509 import Certificate, inspect, public_key

FOLDER = "etc/labserver/tls"
VERSIONS = ".versions"
KEEP = 3  # versions of each certificate
# The front door includes it: behind a certificate that nobody can check no password is to be typed.
CLOSED = b"""default_type text/plain;
add_header Retry-After 60 always;
return 503 "This server has no certificate yet. Please try again in some minutes, or ask its administrator.\\n";
"""
HSTS = b"add_header Strict-Transport-Security 'max-age=63072000' always;\n"


@dataclass(frozen=True)
class Pair:
    """Key and chain as bytes; ``ca`` is what a client has to trust, empty when it knows the authority anyway."""

    key: bytes
    chain: bytes
    ca: bytes = b""


@dataclass(frozen=True)
class Installed:
    """An installed pair; ``placeholder`` marks the self-signed one that stands in until the first real one, ``hsts``
    whether the front door is to tell browsers to use TLS only."""

    pair: Pair
    certificate: Certificate
    placeholder: bool = False
    hsts: bool = False


def read(root: Path, name: str) -> Installed | None:
    """The installed pair, or None when there is none or it is damaged (then a new one has to be got)."""
    folder = root / FOLDER / name
    try:
        pair = Pair((folder / "key.pem").read_bytes(), (folder / "cert.pem").read_bytes(), _optional(folder / "ca.pem"))
        certificate = inspect(pair.chain)
        if public_key(pair.key) != certificate.public_key:
            return None
        return Installed(pair, certificate, (folder / "placeholder").exists(), (folder / "hsts.conf").exists())
    except (OSError, ValueError):
        return None


def _optional(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def install(root: Path, name: str, pair: Pair, placeholder: bool = False, hsts: bool = False) -> Path:
    """Make ``pair`` the installed one; returns the folder of its version.

    Raises OSError, or ValueError when no server could load the pair; what was installed before stays in both cases.
    """
    base = root / FOLDER
    version = base / VERSIONS / name / inspect(pair.chain).fingerprint[:16]
    base.mkdir(mode=0o755, parents=True, exist_ok=True)
    _load(base, pair)
    (base / VERSIONS).mkdir(mode=0o755, exist_ok=True)
    version.mkdir(mode=0o755, parents=True, exist_ok=True)
    wanted = {"key.pem": pair.key, "cert.pem": pair.chain}
    wanted |= {"ca.pem": pair.ca} if pair.ca else {}
    if placeholder:
        wanted |= {"placeholder": b"self-signed until the first real certificate\n", "closed.conf": CLOSED}
    wanted |= {"hsts.conf": HSTS} if hsts else {}
    for file, content in wanted.items():
        files.replace(version / file, content, 0o600 if file == "key.pem" else 0o644)
    for old in version.iterdir():
        if old.name not in wanted:
            old.unlink()
    link = base / name
    if link.is_dir() and not link.is_symlink():
        # A backup that follows symlinks was restored: its plain folder makes way, with all that is in it.
        link.rename(base / VERSIONS / name / "restored-as-plain-files")
    temporary = base / f".{name}.new"
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    temporary.symlink_to(os.path.relpath(version, base))
    temporary.replace(link)
    _forget(base / VERSIONS / name, version)
    return version


def _load(folder: Path, pair: Pair) -> None:
    """Load the pair once as a server would; raises ValueError when that fails."""
    with files.candidate(folder, pair.key) as key, files.candidate(folder, pair.chain) as chain:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key, password=lambda: "")
        except ssl.SSLError as error:
            raise ValueError(f"no server can load the certificate with its key: {error.reason or error}") from error


def set_hsts(root: Path, name: str, wanted: bool) -> None:
    """Put the header in or out of the installed version, for an entry that changed its mind. Raises OSError."""
    path = root / FOLDER / name / "hsts.conf"
    if wanted:
        files.replace(path, HSTS, 0o644)
    else:
        path.unlink(missing_ok=True)


def _forget(folder: Path, current: Path) -> None:
    versions = sorted((path for path in folder.iterdir() if path != current), key=lambda path: path.stat().st_mtime)
    for old in versions[: -(KEEP - 1)]:
        shutil.rmtree(old, ignore_errors=True)
