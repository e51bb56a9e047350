# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words of others (names, labels, messages, logs) as they may be shown: one line, no control characters, bounded."""

from __future__ import annotations

import re

# C0 and C1 control characters, line and paragraph separators, and what turns the direction of writing around.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")


def clean(value: object, most: int = 200) -> str:
    """Return ``value`` as one line of at most ``most`` characters that no terminal, log or page takes for orders."""
    line = " ".join(CONTROL.sub(" ", str(value)).split())
    line = line.encode("utf-8", "replace").decode("utf-8")  # lone surrogates cannot be printed
    return line if len(line) <= most else line[: most - 1] + "…"
