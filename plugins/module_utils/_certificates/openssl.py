# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The openssl command: the host's Python cannot read a certificate, and openssl is where TLS is served."""

from __future__ import annotations

from collections.abc import Sequence

from .._common import process

TIMEOUT_SECONDS = 60


def openssl(arguments: Sequence[str], stdin: bytes = b"") -> bytes:
    """Run openssl and return its output. Keys go in by standard input, never as an argument.

    Raises ValueError with its first complaint, also when it does not end, and OSError when it is missing.
    """
    done = process.call(["openssl", *arguments], TIMEOUT_SECONDS, environment={"LC_ALL": "C"}, stdin=stdin)
    if done.status in (process.NOT_FOUND, process.NOT_STARTED):
        raise OSError(done.reason)
    if done.timed_out:
        raise ValueError(f"openssl {arguments[0]} {done.reason}")
    if done.status:
        raise ValueError(f"openssl {arguments[0]}: {done.words.splitlines()[0]}")
    return done.output
