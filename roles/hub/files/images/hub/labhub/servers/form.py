# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The form on which people choose what to start."""

from __future__ import annotations

import datetime
import html
from collections.abc import Sequence

from ..exchange.images import Changes, Image


def _age(created: str, now: datetime.datetime) -> str:
    try:
        made = datetime.datetime.fromisoformat(created)
    except ValueError:
        return ""
    days = (now - made).days if made.tzinfo else -1
    return "" if days < 0 else "made today" if days == 0 else f"made {days} day{'s' if days > 1 else ''} ago"


def gpu_fields(most: int, chosen: int, words: str) -> str:
    """Return the HTML that lets a person choose up to ``most`` graphics cards and shows who uses which."""
    if most < 1:
        return ""
    rows = "".join(
        "<div class='form-check form-check-inline'>"
        f"<input class='form-check-input' type='radio' name='gpus' id='gpus-{count}' value='{count}'"
        f"{' checked' if count == min(chosen, most) else ''}>"
        f"<label class='form-check-label' for='gpus-{count}'>{count or 'none'}</label></div>"
        for count in range(most + 1)
    )
    return (
        f"<fieldset class='mt-3'><legend>Graphics cards</legend>{rows}"
        f"<p id='gpu-book'><small class='text-body-secondary'>{html.escape(words)}</small></p></fieldset>"
    )


def _changes(changes: Changes | None) -> str:
    """Return the HTML that tells what changed in an image; its lines are shown when somebody asks."""
    if changes is None:
        return ""
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in changes.lines)
    return (
        "<details class='changes text-break'><summary><small>Compared with "
        f"<code>{html.escape(changes.since)}</code>: {html.escape(changes.summary)}</small></summary>"
        f"<ul><small>{lines}</small></ul></details>"
    )


def _withheld(images: Sequence[Image]) -> str:
    if not images:
        return ""
    rows = "".join(
        f"<li><code>{html.escape(image.name)}</code>: {html.escape(image.reason or 'it is being downloaded')}</li>"
        for image in images
    )
    return (
        "<details class='mt-3' id='withheld'><summary>Images that were pushed, but cannot be started</summary>"
        f"<ul class='text-break'>{rows}</ul></details>"
    )


def _nothing(ready: int) -> str:
    words = "No image is ready on this server. Please tell the administrator."
    if ready:
        words = (
            f"None of the {ready} images of this server is for you: they are for other groups, or your account may not"
            " use them. Please ask the administrator."
        )
    # Nothing can be started, so there is no button for it.
    style = "<style>#spawn_form button[type=submit] { display: none }</style>"
    return f"<p class='alert alert-danger' id='no-image'>{words}</p>{style}"


def options_form(
    images: Sequence[Image],
    chosen: Image | None,
    hints: Sequence[str],
    now: datetime.datetime,
    withheld: Sequence[Image] = (),
    more: str = "",
    ready: int = 0,
) -> str:
    """Return the HTML of the form, or an empty string if there is nothing to choose or to show.

    ``withheld``: images that are not offered, so that the person who pushed them sees why. ``more``: HTML of further
    fields. ``ready``: how many images others may start.
    """
    notes = "".join(f"<p class='alert alert-warning'>{html.escape(hint)}</p>" for hint in hints)
    if not images:
        return notes + _nothing(ready) + _withheld(withheld)
    if len(images) == 1 and not hints and not withheld and not more:
        return ""
    rows = []
    for image in images:
        checked = " checked" if chosen is not None and image.name == chosen.name else ""
        detail = ", ".join(part for part in (image.description, _age(image.created, now), image.digest[7:19]) if part)
        rows.append(
            "<div class='form-check mb-2'>"
            f"<input class='form-check-input' type='radio' name='image' id='image-{html.escape(image.name)}'"
            f" value='{html.escape(image.name, quote=True)}'{checked} required>"
            f"<label class='form-check-label text-break' for='image-{html.escape(image.name)}'>"
            f"<strong>{html.escape(image.title)}</strong> <code>{html.escape(image.name)}</code><br>"
            f"<small class='text-body-secondary'>{html.escape(detail)}</small></label>"
            f"{_changes(image.changes)}</div>"
        )
    return notes + "<fieldset><legend>Image</legend>" + "".join(rows) + "</fieldset>" + more + _withheld(withheld)
