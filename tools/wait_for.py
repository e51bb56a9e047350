# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits until a page answers with 200; for the demo, whose own certificate authority nobody knows.

usage: wait_for.py URL SECONDS
"""

from __future__ import annotations

import ssl
import sys
import time
import urllib.request


def main() -> int:
    url, seconds = sys.argv[1], float(sys.argv[2])
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=10, context=ssl._create_unverified_context()) as answer:
                if answer.status == 200:
                    return 0
        except OSError:
            pass
        time.sleep(1)
    return 1


if __name__ == "__main__":
    sys.exit(main())
