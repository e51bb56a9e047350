# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that the pages tell: each can be given as it stands, cheap ones are run, others name their test.

``<!-- run -->`` before a block of commands runs it here, so it may only read. ``<!-- proved by FILE::TEST -->`` names
what runs it elsewhere.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from ansible.cli.playbook import PlaybookCLI
from paths import ROOT

PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "examples/README.md"])
RUN = re.compile(r"<!-- run -->\n\n((?: {4}\S.*\n)+)")
PROVED = re.compile(r"<!-- proved by ([^\s:]+)(?:::(\w+))? -->")
BOOK = re.compile(r"^ {4,}(ansible-playbook (?:.*\\\n)*.*?)(?: {2,}#.*)?$|`(ansible-playbook [^`]*)`", re.MULTILINE)
PICTURES = ROOT / "docs/_static/pictures"
BLOCKS = [(page, block) for page in PAGES for block in RUN.findall(page.read_text())]


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


def calls(page: Path) -> list[str]:
    """Return the calls of ansible-playbook in a page."""
    return [(first or second).replace("\\\n", " ") for first, second in BOOK.findall(page.read_text())]


def variables_of(book: Path) -> str:
    """Return the text in which a variable given with -e has to occur: the playbook, the roles and plugins."""
    return book.read_text() + "".join(path.read_text() for path in ROOT.glob("roles/*/defaults/main.yml")) + SHARED


SHARED = (ROOT / "plugins/plugin_utils/_inputs.py").read_text()


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_calls_of_ansible_playbook_can_be_given_as_they_stand(page: Path) -> None:
    for command in calls(page):
        parser = PlaybookCLI(shlex.split(command))
        parser.init_parser()
        options = parser.parser.parse_args(shlex.split(command)[1:])  # ends the test with what is wrong
        for name in options.args:
            own = name.startswith("labserver.jupyter.")
            book = f"playbooks/{name.rpartition('.')[2]}.yml" if own else name
            assert (ROOT / book).is_file(), command
            for given in options.extra_vars:
                assert re.search(rf"\b{given.partition('=')[0]}\b", variables_of(ROOT / book)), command


def test_there_are_commands_to_run() -> None:
    assert len(BLOCKS) >= 3
    assert sum(len(calls(page)) for page in PAGES) > 20


@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=[label(page) for page, _block in BLOCKS])
def test_marked_commands_do_what_the_page_says(page: Path, block: str, tmp_path: Path) -> None:
    environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_HOME": str(tmp_path)}
    for command in block.splitlines():
        done = subprocess.run(
            command, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, f"{page}: {command}\n{done.stdout}{done.stderr}"
        assert done.stdout.strip(), command


def test_what_proves_a_command_exists() -> None:
    found = [(page, *proof) for page in PAGES for proof in PROVED.findall(page.read_text())]
    assert len(found) >= 3
    for page, file, name in found:
        assert (ROOT / file).is_file(), f"{page}: {file}"
        if name:
            assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE), f"{page}: {file}::{name}"


def test_pictures_are_shown_and_made_by_a_test() -> None:
    shown = {name for page in PAGES for name in re.findall(r"_static/pictures/([\w-]+)\.png", page.read_text())}
    kept = {path.stem for path in PICTURES.iterdir()}
    assert shown == kept
    test = (ROOT / "tests/hub_process/test_live_pictures.py").read_text()
    # What the browser of tests/soak/images leaves in .cache/screenshots/images, looked at and copied by hand.
    of_images = {"desktop", "full-home", "vscode"}
    for name in kept - of_images:
        page_name, width, scheme = name.rsplit("-", 2)
        assert f'"{page_name}-{{width}}-{{scheme}}"' in test
        assert width in ("1280", "390") and scheme in ("light", "dark")


def test_the_readme_fits_on_one_screen() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 50
