# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures of the status: how full something is, and how it went over the days. All pure."""

from __future__ import annotations

from collections.abc import Sequence

from .._common.page import Html, text


def gauge(part: float, whole: float, shown: str) -> Html:
    """Return how full something is as a picture with its words."""
    share = max(0.0, min(1.0, part / whole)) if whole else 0.0
    colour = "--bad" if share > 0.95 else "--warn" if share > 0.85 else "--bar"
    picture = (
        f'<svg width="120" height="12" viewBox="0 0 120 12" role="img" aria-label="{text(shown)}">'
        f'<rect width="120" height="12" rx="3" style="fill:var(--line)"/>'
        f'<rect width="{120 * share:.1f}" height="12" rx="3" style="fill:var({colour})"/></svg>'
    )
    return Html(f"{picture} {text(shown)}")


def curve(points: Sequence[Sequence[float]], total: float, what: str = "free") -> Html:
    """Return ``what`` (a part of ``total``) over the last days as a line; nothing for fewer than two points."""
    if len(points) < 2 or not total:
        return Html("")
    few = [*points[:: max(1, len(points) // 120)], points[-1]]
    first, last = few[0][0], few[-1][0]
    places = (
        f"{(at - first) / (last - first or 1) * 158 + 1:.1f},{39 - min(1.0, part / total) * 38:.1f}" for at, part in few
    )
    days = (last - first) / 86400
    return Html(
        f'<svg width="160" height="40" viewBox="0 0 160 40" role="img" aria-label="{text(what)} over {days:.0f} days">'
        '<path d="M0 39.5H160" style="stroke:var(--line)"/>'
        f'<polyline points="{" ".join(places)}" style="fill:none;stroke:var(--bar);stroke-width:1.5"/></svg>'
    )
