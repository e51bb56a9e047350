# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks the texts of JupyterHub's own templates for translation: JupyterHub has them in English alone.

While a template is read, each text between tags, and each attribute that is read out or shown, becomes a call of
gettext. So JupyterHub's pages stay JupyterHub's, and a newer version needs new sentences in the catalogue at most;
``messages`` yields them, and a test compares.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from jinja2.ext import Extension

# Comments, statements and expressions of jinja, scripts and styles, tags; what is left is text.
_PARTS = re.compile(
    r"(\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<script\b.*?</script>|<style\b.*?</style>|<(?:[^<>{]|\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|\{)*>)",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r'(?<=[\s])(aria-label|title|alt|placeholder)="([^"{}]*[A-Za-z][^"{}]*)"')
_SUBMIT = re.compile(r"""(?<=\s)value='([^'{}]*[A-Za-z][^'{}]*)'""")
"""What stands on a button that is an input."""
_SCRIPT_TEXT = re.compile(r"\.text\('([^'\\]*[A-Za-z][^'\\]*)'\)")
_VARIABLE = re.compile(r"\{\{\s*(login_error|status_message|message|error_message|failed_message)\s*\}\}")
"""What JupyterHub says in these comes from its code."""
# Names and what stands alone as a word of the web.
KEPT = frozenset({"JupyterHub", "JupyterHub logo", "API", "N/A", "URL"})


def _plain(text: str) -> str:
    return " ".join(text.split())


def _wanted(text: str) -> bool:
    return re.search("[A-Za-z]{2}", text) is not None and text not in KEPT


def _call(text: str) -> str:
    return "{{ _('" + text.replace("\\", "\\\\").replace("'", "\\'").replace("%", "%%") + "') }}"


def mark(source: str) -> str:
    """Return a template of JupyterHub with its texts marked."""
    done = []
    for number, part in enumerate(_PARTS.split(source)):
        if number % 2:
            done.append(_marked(part))
        elif _wanted(text := _plain(part)):
            head, tail = part[: len(part) - len(part.lstrip())], part[len(part.rstrip()) :]
            done.append(head + _call(text) + tail)
        else:
            done.append(part)
    return "".join(done).replace('<html lang="en">', '<html lang="{{ language() }}">')


def _marked(part: str) -> str:
    if 'type="submit"' in part:
        part = _SUBMIT.sub(lambda found: f'value="{_call(_plain(found[1]))}"', part)
    if part.startswith("<") and not part.startswith(("<script", "<style", "<meta")):
        return _ATTRIBUTE.sub(
            lambda found: f'{found[1]}="{_call(_plain(found[2]))}"' if _wanted(_plain(found[2])) else found[0],
            part,
        )
    if part.startswith("<script"):
        return _SCRIPT_TEXT.sub(lambda found: f".text({_call(found[1])[:-3]} | tojson }}}})", part)
    return _VARIABLE.sub(r"{{ said(\1) }}", part)


def messages(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the name of a template and a text of it, for all templates of JupyterHub that people are shown."""
    for path in sorted(folder.glob("*.html")):
        for number, part in enumerate(_PARTS.split(path.read_text())):
            found = [_plain(part)]
            if number % 2:
                tag = part.startswith("<") and not part.startswith(("<script", "<style", "<meta"))
                found = [_plain(one[1]) for one in _ATTRIBUTE.findall(part)] if tag else []
                found += _SUBMIT.findall(part) if 'type="submit"' in part else []
                found += _SCRIPT_TEXT.findall(part) if part.startswith("<script") else []
            yield from ((path.name, text) for text in found if _wanted(text))


class Marked(Extension):
    """Marks each template that comes from a file of JupyterHub; ``own`` is where ours lie."""

    own = str(Path(__file__).resolve().parents[1])

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Mark the source; jinja calls this before it reads it."""
        return source if filename is None or filename.startswith(self.own) else mark(source)
