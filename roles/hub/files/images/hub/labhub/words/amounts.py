# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes and lengths of time, for people."""

from __future__ import annotations

from .language import current, ngettext


def number(value: float, digits: int = 3) -> str:
    """Return a number with at most so many digits that count, with the decimal sign of the language."""
    text = f"{value:.{digits}g}"
    return text.replace(".", ",") if current() == "de" else text


def tenths(value: float) -> str:
    """Return a number with one digit behind the decimal sign of the language."""
    text = f"{value:.1f}"
    return text.replace(".", ",") if current() == "de" else text


def amount(size: float) -> str:
    """Return a number of bytes for people: ``512 MiB``, ``1.5 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1000:
            return f"{number(size)} {unit}"
        size /= 1024
    return f"{number(size)} TiB"


def span(seconds: float) -> str:
    """Return a length of time for people: ``5 minutes``, ``1 hour``, ``2 days``."""
    if seconds >= 86400:
        count = round(seconds / 86400)
        return ngettext("{count} day", "{count} days", count).format(count=count)
    if seconds >= 3600:
        count = round(seconds / 3600)
        return ngettext("{count} hour", "{count} hours", count).format(count=count)
    if seconds >= 60:
        count = round(seconds / 60)
        return ngettext("{count} minute", "{count} minutes", count).format(count=count)
    count = round(seconds)
    return ngettext("{count} second", "{count} seconds", count).format(count=count)


def cores(count: float) -> str:
    """Return a number of processor cores for people: ``1 core``, ``1.5 cores``."""
    return ngettext("{count} core", "{count} cores", count).format(count=number(count))
