# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What programs say when the proxy or the certificates are wrong, recorded from each of them, is told as a sentence."""

from __future__ import annotations

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import outgoing

LOGIN = "the proxy asks for a login, or refuses the one it gets (407)"
AUTHORITY = "a certificate is not trusted here"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "E: Failed to fetch http://deb.example.org/x.deb  407  Proxy Authentication Required [IP: 192.0.2.1 3128]",
            LOGIN,
        ),
        ("Cannot connect to proxy.', OSError('Tunnel connection failed: 407 Proxy Authentication Required')", LOGIN),
        ("curl: (56) CONNECT tunnel failed, response 407; proxy refused", LOGIN),
        ("npm error 407 Proxy Authentication Required - GET https://npm.example.org/left-pad", LOGIN),
        ('Get "https://registry-1.docker.io/v2/": Proxy Authentication Required', LOGIN),
        ("SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed')", AUTHORITY),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", AUTHORITY),
        ("npm error code SELF_SIGNED_CERT_IN_CHAIN", AUTHORITY),
        (
            "Certificate verification failed: The certificate is NOT trusted. The certificate issuer is unknown.",
            AUTHORITY,
        ),
        ("E: Unable to locate package left-pad", ""),
        ("404 Not Found, 407 bytes", ""),
    ],
)
def test_the_cause_is_named(said: str, told: str) -> None:
    assert outgoing.cause(said).startswith(told)
    assert bool(outgoing.cause(said)) == bool(told)
    assert outgoing.explained(said).endswith(said)
