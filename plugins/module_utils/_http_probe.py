# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""One GET that asks whether a service of this host answers, on the standard library alone."""

from __future__ import annotations

import http.client
import ssl
import urllib.parse


def get(url: str, timeout_seconds: float) -> tuple[int, bytes]:
    """Return status and body of ``url``, redirects not followed; raise OSError when nothing answers in time.

    Certificates are not checked: whether a service lives is the question, not who it is.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            parts.netloc, timeout=timeout_seconds, context=context
        )
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=timeout_seconds)
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as exc:
        raise OSError(f"{url}: {exc!r}") from exc
    finally:
        connection.close()
