# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The languages of the pages: which one is spoken, and that no sentence of a page lacks its translation."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from babel.messages import pofile
from hub_package import compile_words
from labhub.exchange.announcements import parse_announcements
from labhub.exchange.file import ExchangeFile
from labhub.exchange.roster import parse_roster
from labhub.portal.board import RESTART, Board
from labhub.servers.failures import Failure, fit, told
from labhub.words import foreign, language
from labhub.words.amounts import amount, cores, span
from paths import ROOT
from samples import TODAY, roster_document

CATALOGUES = sorted(language.FOLDER.glob("*/LC_MESSAGES/*.po"))
TEMPLATES = Path(sys.prefix) / "share" / "jupyterhub" / "templates"


def tool() -> Any:
    """Return the program of ``make languages``."""
    spec = importlib.util.spec_from_file_location("languages", ROOT / "tools" / "languages.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Speak German, by catalogues compiled as for the image."""
    compile_words(language.FOLDER, tmp_path)
    monkeypatch.setattr(language, "FOLDER", tmp_path)
    language._texts.cache_clear()
    language.use("de")
    yield
    language.use(language.ENGLISH)
    language._texts.cache_clear()


@pytest.mark.parametrize(
    ("accepted", "fixed", "spoken"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "", "de"),
        ("en-GB,en;q=0.9,de;q=0.8", "", "en"),
        ("fr,de;q=0.5,en;q=0.3", "", "de"),
        ("en;q=0.2, DE-at;q=0.7", "", "de"),
        ("de;q=0,en", "", "en"),
        ("de;q=x", "", "en"),
        ("", "", "en"),
        ("*", "", "en"),
        ("de", "en", "en"),
        ("fr", "de", "de"),
        ("," * 100_000, "", "en"),
    ],
)
def test_a_page_speaks_what_the_browser_likes_best_or_what_the_lab_has_fixed(
    accepted: str, fixed: str, spoken: str
) -> None:
    assert language.choose(accepted, fixed) == spoken


def test_there_is_a_catalogue_for_each_language_but_english() -> None:
    assert [path.parts[-3] for path in CATALOGUES] == sorted(set(language.LANGUAGES) - {"en"})


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_no_sentence_lacks_its_translation(path: Path) -> None:
    """Of the code, of our templates, and of those of JupyterHub that people see: ``make languages`` adds new ones."""
    with path.open("rb") as file:
        written = {entry.id: entry for entry in pofile.read_po(file) if entry.id}
    wanted = {message for _place, message in tool().sentences()}
    assert len(wanted) > 300, "the sentences are found at all"
    assert sorted(map(str, wanted - set(written))) == [], "new sentences: make languages, then translate them"
    assert sorted(map(str, set(written) - wanted)) == [], "no longer said: make languages"
    empty = []
    for message, entry in written.items():
        texts = entry.string if isinstance(entry.string, tuple) else (entry.string,)
        if not all(texts) or entry.fuzzy:
            empty.append(message)
    assert empty == []


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_a_translation_has_the_same_places_for_values_and_the_same_tags(path: Path) -> None:
    def marks(text: str) -> list[str]:
        return sorted(re.findall(r"\{\w+\}|%\(\w+\)s|<[^>]+>", text))

    with path.open("rb") as file:
        for entry in pofile.read_po(file):
            plural = isinstance(entry.id, tuple)
            pairs = zip(entry.id, entry.string, strict=True) if plural else [(entry.id, entry.string)]
            for original, text in pairs:
                assert not original or marks(original) == marks(text), original


def test_jupyterhubs_templates_are_marked_and_still_templates() -> None:
    environment = language.environment()
    for path in sorted(TEMPLATES.glob("*.html")):
        source = path.read_text()
        marked = foreign.mark(source)
        environment.parse(marked)
        shown = re.sub(r"\{\{ _\('((?:[^'\\]|\\.)*)'\) \}\}", lambda found: found[1].replace("\\'", "'"), marked)
        for _name, text in foreign.messages(TEMPLATES):
            if text in source:
                assert text in " ".join(shown.split()) or text in marked, (path.name, text)


def test_texts_attributes_and_words_of_scripts_are_marked_and_nothing_else() -> None:
    source = (
        '<a title="Stop it" href="/stop">It\'s <b>{{ name }}</b> 100% {# a note #}</a>{% if a < b %}x y{% endif %}'
        "<script>status.text('Stopping...'); var name = 'kept';</script><style>b { color: red }</style>{{ message }}"
    )
    assert foreign.mark(source) == (
        "<a title=\"{{ _('Stop it') }}\" href=\"/stop\">{{ _('It\\'s') }} <b>{{ name }}</b> 100% {# a note #}</a>"
        "{% if a < b %}x y{% endif %}<script>status.text({{ _('Stopping...') | tojson }}); var name = 'kept';</script>"
        "<style>b { color: red }</style>{{ said(message) }}"
    )


@pytest.mark.usefixtures("german")
def test_sentences_numbers_and_sizes_are_german() -> None:
    assert language.gettext("The two passwords differ.") == "Die beiden Passwörter sind verschieden."
    assert language.gettext("nobody says this") == "nobody says this"
    assert language.gettext("") == "", "gettext itself would return the head of the catalogue"
    assert (amount(3 << 29), cores(1), cores(1.5), span(7200)) == ("1,5 GiB", "1 Kern", "1,5 Kerne", "2 Stunden")
    carol = parse_roster(roster_document()).people["carol"]
    assert carol.refusal(TODAY) == "das Konto ist gesperrt"


@pytest.mark.usefixtures("german")
def test_a_failure_is_told_in_german_and_kept_in_english() -> None:
    failure = Failure("exit", "The server stopped by itself with exit code {code}.", values={"code": "3"})
    assert failure.sentence == "The server stopped by itself with exit code 3."
    assert failure.told() == "Der Server hat sich mit dem Status 3 selbst beendet."
    entry = fit({"sentence": failure.sentence, "text": failure.text, "values": failure.values})
    assert told(entry) == failure.told()
    assert told({"sentence": "The disk is full. Please tell the administrator."}).startswith("Die Platte ist voll.")
    wrong = ({"text": "{0}{x}"}, {"text": "{code}", "values": {"x": "y"}}, {"text": 1, "values": {"code": "3"}})
    for broken in wrong:
        assert told({"sentence": "as it was kept", **broken}) == "as it was kept"


@pytest.mark.usefixtures("german")
async def test_each_task_speaks_its_own_language() -> None:
    async def speak(name: str) -> str:
        language.use(name)
        await asyncio.sleep(0.01)
        return language.current()

    assert await asyncio.gather(speak("en"), speak("de"), speak("en")) == ["en", "de", "en"]
    assert language.current() == "de"


def restart_told(folder: Path) -> str:
    """What the hub shows of what the host's job says of a restart: the sentence in English, and what is put into it."""
    values = {"begins": "2026-11-22 04:00", "ends": "06:00 CET"}
    document = {"version": 1, "announcements": [{"text": RESTART, "values": values}]}
    (folder / "reboot.json").write_text(json.dumps(document))
    file = ExchangeFile(folder / "reboot.json", parse_announcements, ())
    nobody = ExchangeFile(folder / "roster.json", parse_roster, parse_roster(roster_document()))
    (shown,) = Board((file,), nobody).shown(datetime(2026, 11, 21, tzinfo=UTC))
    return str(shown["text"])


def test_a_restart_of_the_host_is_told_in_english(tmp_path: Path) -> None:
    said = restart_told(tmp_path)
    assert said.startswith("This lab server is restarted for updates between 2026-11-22 04:00 and 06:00 CET.")


@pytest.mark.usefixtures("german")
def test_a_restart_of_the_host_is_told_in_german(tmp_path: Path) -> None:
    said = restart_told(tmp_path)
    assert said.startswith("Dieser Lab-Server wird für Updates zwischen 2026-11-22 04:00 und 06:00 CET neu gestartet.")
