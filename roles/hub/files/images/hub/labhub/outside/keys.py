# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of SSH: those that people log in with, and those of the containers."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..servers import box

LONGEST_KEY = 8192
"""Letters of a public key."""
KINDS = (
    "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
)  # fmt: skip


def plain(line: str) -> str:
    """Return kind and key of a line of ``authorized_keys`` without its comment; empty for a line with options.

    A key with options (``from=``, ``command=``) is meant for less than everything, so it opens nothing here.
    """
    words = line.split()
    return f"{words[0]} {words[1]}" if len(words) > 1 and words[0] in KINDS and len(line) <= LONGEST_KEY else ""


def usable(lines: Iterable[str]) -> list[str]:
    """Return the keys of a person with which one may log in, each once."""
    return list(dict.fromkeys(found for line in lines if (found := plain(line))))


def new_host_key() -> str:
    """Return a new private key for a container, as its variable has it."""
    raw = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    return base64.b64encode(raw).decode()


def public_host_key(container: Mapping[str, Any]) -> str:
    """Return the public key by which a container, as Docker shows it, is known; raises ValueError without one."""
    for line in container["Config"].get("Env") or ():
        name, _equals, value = str(line).partition("=")
        if name == box.HOST_KEY:
            key = serialization.load_ssh_private_key(base64.b64decode(value), None)
            public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
            return public.decode()
    raise ValueError("the container has no key")
