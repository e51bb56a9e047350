# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which language a person reads, and what a sentence is in it. English is what the code has.

The texts are gettext's: ``locale/<language>/LC_MESSAGES/labhub.po``, compiled when the image is built
(``tests/support/hub_package.py`` does it for tests). The language
belongs to the request that is answered, and to what that request sets going; everything else speaks English.
"""

from __future__ import annotations

import functools
import gettext as gnu
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

ENGLISH = "en"
LANGUAGES = (ENGLISH, "de")
DOMAIN = "labhub"
FOLDER = Path(__file__).parent / "locale"
_CURRENT: ContextVar[str] = ContextVar("language", default=ENGLISH)


def choose(accepted: str, fixed: str = "") -> str:
    """Return the language of an answer: ``fixed`` if there is one, else what the header Accept-Language likes best."""
    if fixed in LANGUAGES:
        return fixed
    wishes: list[tuple[float, str]] = []
    for part in accepted.split(",")[:20]:
        name, _semicolon, weight = part.partition(";q=")
        try:
            wishes.append((-float(weight or 1), name.strip().lower().partition("-")[0]))
        except ValueError:
            continue
    wishes.sort(key=lambda wish: wish[0])
    return next((name for weight, name in wishes if weight < 0 and name in LANGUAGES), ENGLISH)


def use(language: str) -> None:
    """Speak this language from here on in what the present task does."""
    _CURRENT.set(language if language in LANGUAGES else ENGLISH)


def current() -> str:
    """Return the language that is spoken now."""
    return _CURRENT.get()


@functools.cache
def _texts(language: str) -> gnu.NullTranslations:
    return gnu.translation(DOMAIN, FOLDER, [language], fallback=True)


def gettext(message: str) -> str:
    """Return a sentence of the code in the language that is spoken now."""
    return _texts(current()).gettext(message) if message else ""


def ngettext(one: str, many: str, count: float) -> str:
    """Return the sentence for so many things."""
    # A fraction takes the plural: 1.5 hours.
    return _texts(current()).ngettext(one, many, int(count) if count == 1 else 2)


def later(message: str) -> str:
    """Mark a sentence that is put into words where it is shown, not here."""
    return message


def install(environment: Environment) -> None:
    """Give templates ``_``, ``ngettext``, ``trans`` and ``language``."""
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(language=current, said=gettext)


def environment(*folders: Path, **more: Any) -> Environment:
    """Return an environment for templates of our own that are no whole page."""
    made = Environment(loader=FileSystemLoader(folders), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    install(made)
    made.globals.update(more)
    return made
