# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The openssl command: the host's Python cannot read a certificate, and openssl is where TLS is served."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

TIMEOUT_SECONDS = 60


def openssl(arguments: Sequence[str], stdin: bytes = b"") -> bytes:
    """Run openssl and return its output. Keys go in by standard input, never as an argument.

    Raises ValueError with its first complaint, also when it does not end, and OSError when it is missing.
    """
    try:
        result = subprocess.run(
            ["openssl", *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
            start_new_session=True,  # without a terminal nothing can be asked
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"openssl {arguments[0]} did not end within {TIMEOUT_SECONDS} s") from error
    if result.returncode:
        lines = result.stderr.decode("utf-8", "replace").splitlines()
        raise ValueError(f"openssl {arguments[0]}: {lines[0] if lines else result.returncode}")
    return result.stdout
