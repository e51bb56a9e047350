# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the catalogues of the hub's pages up to date with the sentences of the code: ``make languages``.

The sentences are those of the package ``labhub`` and of JupyterHub's own templates. New ones come without a
translation, and tests/hub/words fails until somebody writes it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages import pofile
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "roles" / "hub" / "files" / "images" / "hub"))

from labhub.words import foreign, language  # noqa: E402

PACKAGE = Path(language.__file__).parents[1]
TEMPLATES = Path(sys.prefix) / "share" / "jupyterhub" / "templates"
FROM_JUPYTERHUB = ("Invalid username or password", "Forbidden", "Not Found", "Internal Server Error", "Bad Request")
"""Sentences of JupyterHub's code that its templates show."""
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "later": None}
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
HEADER = """\
# The hub's pages in another language.
# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""


def sentences() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """Yield where a sentence is (the file alone: lines change all the time) and the sentence, or both its numbers."""
    for place, _line, message, _comments, _context in extract_from_dir(PACKAGE, METHODS, keywords=KEYWORDS):
        yield f"labhub/{place}", message
    for name, message in foreign.messages(TEMPLATES):
        yield f"jupyterhub/{name}", message
    yield from (("jupyterhub", message) for message in FROM_JUPYTERHUB)


def catalogue(path: Path) -> Catalog:
    """Return the catalogue of a language as it should be: today's sentences with the translations that there are."""
    with path.open("rb") as file:
        old = pofile.read_po(file)
    new = Catalog(locale=path.parts[-3], domain=language.DOMAIN, header_comment=HEADER, fuzzy=False)
    for place, message in sentences():
        known = old.get(message[0] if isinstance(message, tuple) else message)
        new.add(message, known.string if known is not None and known.id == message else None, locations=[(place, None)])
    return new


def write(path: Path) -> None:
    """Write a catalogue anew."""
    new = catalogue(path)
    lines = [HEADER, 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n']
    lines.append('"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n')
    for entry in new:
        if not entry.id:
            continue
        lines.append("\n" + "".join(f"#: {place}\n" for place in sorted({place for place, _line in entry.locations})))
        first = entry.id[0] if isinstance(entry.id, tuple) else entry.id
        lines.append(f"msgid {pofile.normalize(first, width=110)}\n")
        if isinstance(entry.id, tuple):
            lines.append(f"msgid_plural {pofile.normalize(entry.id[1], width=110)}\n")
            both = entry.string if isinstance(entry.string, tuple) else ("", "")
            lines += [f"msgstr[{number}] {pofile.normalize(text, width=110)}\n" for number, text in enumerate(both)]
        else:
            lines.append(f"msgstr {pofile.normalize(str(entry.string or ''), width=110)}\n")
    path.write_text("".join(lines), encoding="utf-8")


def main() -> int:
    """Write all catalogues anew."""
    for path in sorted(language.FOLDER.glob("*/LC_MESSAGES/*.po")):
        write(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
