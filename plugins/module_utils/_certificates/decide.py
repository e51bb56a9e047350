# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The decisions about certificates: is it due, is the new one worse, how bad is it, when to try again. All pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from .._common.clock import SKEW
from .x509 import Certificate, covers

# Lifetimes shrink (90, 64, 45 days, 160 hours): every limit is a fraction of the lifetime, as RFC 9773 has it.
RENEW_FRACTION = 1 / 3
RENEW_FRACTION_SHORT = 1 / 2
SHORT = timedelta(days=10)
CRITICAL_FRACTION = 1 / 10

# Waits after the first, second ... failure in a row; the last one stays (Let's Encrypt's advice to clients).
WAITS = (timedelta(minutes=1), timedelta(minutes=10), timedelta(minutes=100), timedelta(days=1))
RATE_LIMITED_WAIT = timedelta(days=1)


def renew_fraction(certificate: Certificate) -> float:
    """At which fraction left a certificate is renewed when nobody says otherwise."""
    return RENEW_FRACTION_SHORT if certificate.lifetime < SHORT else RENEW_FRACTION


def due(certificate: Certificate | None, names: Sequence[str], fraction: float | None, now: datetime) -> str:
    """Why a certificate has to be got now; an empty string when the present one will do."""
    if certificate is None:
        return "there is none yet"
    missing = [name for name in names if not covers(certificate, name)]
    if missing:
        return f"{', '.join(missing)} is not in it"
    left = certificate.fraction_left(now)
    if left <= 0:
        return "it has expired"
    if certificate.not_before > now + SKEW:  # made while the clock was ahead
        return f"it is valid only from {certificate.not_before:%Y-%m-%d}"
    limit = renew_fraction(certificate) if fraction is None else fraction
    if left <= limit:
        return f"{left:.0%} of its lifetime is left"
    return ""


def worse(new: Certificate, old: Certificate | None, names: Sequence[str], now: datetime, moved: bool = False) -> str:
    """Why ``new`` must not replace ``old``; an empty string when it may.

    A certificate that has expired, is not valid yet or lacks a wanted name is not worth keeping. Otherwise nothing
    replaces one that an authority signed by a self-signed one, or one that lasts longer by one that lasts shorter. The
    latter does not hold when somebody chose another source (``moved``): a bought one of a year makes way for 90 days,
    which would otherwise be got in vain again and again.
    """
    if old is None or old.not_after <= now or old.not_before > now + SKEW:
        return ""
    if not all(covers(old, name) for name in names):
        return ""
    if new.self_signed and not old.self_signed:
        return "it is self-signed and the present one is not"
    if old.self_signed and not new.self_signed:
        return ""
    if new.not_after < old.not_after and not moved:
        return f"it ends on {new.not_after:%Y-%m-%d}, before the present one ({old.not_after:%Y-%m-%d})"
    return ""


def level(certificate: Certificate | None, warn_fraction: float, now: datetime) -> str:
    """How bad the state of an installed certificate is: ok, warning or critical."""
    if certificate is None or certificate.not_after <= now or certificate.not_before > now + SKEW:
        return "critical"
    left = certificate.fraction_left(now)
    if left <= min(CRITICAL_FRACTION, warn_fraction):
        return "critical"
    return "warning" if left <= warn_fraction else "ok"


def wait_after(failures: int, rate_limited: bool) -> timedelta:
    """How long to leave the authority alone after so many failures in a row (1 or more)."""
    if rate_limited:
        return RATE_LIMITED_WAIT
    return WAITS[min(failures, len(WAITS)) - 1]
