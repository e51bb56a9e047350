# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signatures of manifests: Ed25519, by openssl(1), with keys that the administrator made.

A person checks the same by hand: ``openssl pkeyutl -verify -pubin -inkey KEY -rawin -in manifest.json -sigfile
manifest.sig``.
"""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

from .._common import files, process
from .model import BundleError

LIMIT_SECONDS = 30.0
MAKE_KEYS = (
    "make keys with: openssl genpkey -algorithm ed25519 -out bundle.key; "
    "openssl pkey -in bundle.key -pubout -out bundle.pub"
)


def sign(content: bytes, key: Path) -> bytes:
    """Return the signature of a manifest; equal manifests have equal ones. Raises BundleError."""
    if not key.is_file():
        raise BundleError(f"bundle_signing_key: there is no file {key}; {MAKE_KEYS}")
    with _candidate(content) as file:
        done = process.call(
            ["openssl", "pkeyutl", "-sign", "-inkey", str(key), "-rawin", "-in", str(file)], LIMIT_SECONDS
        )
    if done.status != 0 or len(done.output) != 64:
        raise BundleError(f"bundle_signing_key: {key} does not sign as an Ed25519 key ({done.words}); {MAKE_KEYS}")
    return done.output


def judge(content: bytes, signature: bytes, key: Path | None, *, accept_unsigned: bool) -> None:
    """Raise BundleError unless the manifest is signed by ``key``, or nothing is wanted.

    ``accept_unsigned`` accepts a bundle without a signature, and one whose signature nobody can judge for want of a
    key; never one with a wrong signature.
    """
    if key is None:
        if accept_unsigned:
            return
        raise BundleError(
            "who made it is not known: name the public key of the one who did in bundle_public_key, "
            "or write bundle_accept_unsigned: true if you brought it here yourself"
        )
    if not key.is_file():
        raise BundleError(f"bundle_public_key: there is no file {key} on the controller; {MAKE_KEYS}")
    if not signature:
        if accept_unsigned:
            return
        raise BundleError(
            "it is not signed, and bundle_public_key asks for a signature; make it with bundle_signing_key, "
            "or write bundle_accept_unsigned: true"
        )
    with _candidate(content) as file, _candidate(signature) as given:
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(key), "-rawin", "-in", str(file)]
        done = process.call([*command, "-sigfile", str(given)], LIMIT_SECONDS)
    if done.status == process.NOT_FOUND:
        raise BundleError("openssl is not installed on the controller; it checks the signature of the bundle")
    if done.status != 0:
        raise BundleError(
            f"its signature was not made with the key of {key.name}, or the manifest was changed afterwards; "
            "use the key of the one who made the bundle, and no bundle of another origin"
        )


def _candidate(content: bytes) -> AbstractContextManager[Path]:
    return files.candidate(Path(tempfile.gettempdir()), content)
