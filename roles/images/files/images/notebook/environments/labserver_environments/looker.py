# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks for shared environments beside the server, which must not wait for a file server that does not answer."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .find import Environment

PATIENCE_SECONDS = 1.0
"""So long a list of kernels waits for shared folders; one that does not answer must not hold up the server."""


class Looker:
    """Looks beside the server; who asks gets the last answer when the next takes long."""

    def __init__(self, look: Callable[[], list[Environment]]):
        self._look = look
        self._last: list[Environment] = []
        self._done = threading.Event()
        self._busy = False

    def __call__(self) -> list[Environment]:
        if not self._busy:
            self._busy = True
            self._done.clear()
            threading.Thread(target=self._work, daemon=True).start()
        self._done.wait(PATIENCE_SECONDS)
        return self._last

    def _work(self) -> None:
        try:
            self._last = self._look()
        finally:
            self._busy = False
            self._done.set()
