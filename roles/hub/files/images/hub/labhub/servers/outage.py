# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says once that somebody does not answer, and once that they do again: who asks every few seconds fills no log."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import docker.errors

from .container import NOT_FOUND, REFUSED


@dataclass
class Outage:
    """``lost`` and ``back`` are what the log says; ``lost`` is followed by the error."""

    lost: str
    back: str
    lasts: bool = False

    def begin(self, log: logging.Logger, error: BaseException) -> None:
        """Tell of an error, unless it was told of since the last answer."""
        if not self.lasts:
            log.warning("%s: %s", self.lost, str(error) or type(error).__name__)
        self.lasts = True

    def end(self, log: logging.Logger) -> None:
        """Tell of an answer after an error."""
        if self.lasts:
            log.warning("%s", self.back)
        self.lasts = False


def is_silence(error: BaseException) -> bool:
    """Tell whether an error means that Docker or the guard does not answer, and not that one container is gone."""
    return not (isinstance(error, docker.errors.APIError) and error.status_code in (REFUSED, NOT_FOUND))
