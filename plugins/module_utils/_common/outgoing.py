# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How this server reaches the outside: the variables that name the proxy of the lab's network.

The role docker writes them down for everything that runs on the host without Ansible. systemd reads the same file for
the engine (systemd.exec(5), EnvironmentFile).
"""

from __future__ import annotations

import re
from pathlib import Path

FILE = "etc/labserver/outgoing.env"
"""Relative to the root; only root may read it, since the proxy's address may hold a password."""


# What programs say when the way out is not open to them: apt, curl, pip, npm, certbot, restic and the engine.
CAUSES = (
    (
        re.compile(r"Proxy Authentication Required|\bproxy\b.{0,80}\b407\b|\b407\b.{0,40}\bproxy\b", re.I | re.S),
        "the proxy asks for a login, or refuses the one it gets (407): see user and password in labserver_http_proxy",
    ),
    (
        re.compile(
            r"CERTIFICATE_VERIFY_FAILED|certificate (?:verify|verification) failed|x509: certificate signed by"
            r"|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(?:GET_ISSUER_CERT|VERIFY_LEAF)|certificate is NOT trusted",
            re.I,
        ),
        "a certificate is not trusted here: if a firewall on the way out opens TLS, name its authority in "
        "labserver_extra_ca_certificates, or another one than is named there now",
    ),
)


def cause(text: str) -> str:
    """Return why the way out is closed, as far as a program's words tell it; else nothing."""
    return next((sentence for pattern, sentence in CAUSES if pattern.search(text)), "")


def explained(text: str) -> str:
    """Return a program's words, and before them why the way out is closed, if they tell that."""
    found = cause(text)
    return f"{found[0].upper()}{found[1:]} (docs/howto/behind-a-proxy.md). {text}" if found else text


def parse(text: str) -> dict[str, str]:
    """Return the variables of a file as ``render`` writes it."""
    lines = (line.partition("=") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value for name, _equals, value in lines}


def render(variables: dict[str, str]) -> str:
    """Return the file's text. Values have no characters that systemd would take for quotes."""
    return "".join(f"{name}={value}\n" for name, value in variables.items())


def environment(root: Path = Path("/")) -> dict[str, str]:
    """Return what a program that goes outside needs in its environment; nothing where no proxy was named.

    Others than root may not read the file; nothing that they run here goes outside. Other errors raise OSError.
    """
    try:
        return parse((root / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, PermissionError):
        return {}
