# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every page that people read, READMEs too: what it names exists, and what it quotes is said by the code."""

from __future__ import annotations

import argparse
import ast
import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import collection  # noqa: F401 - makes the checkout importable as the collection
import pytest
import yaml
from ansible_collections.labserver.jupyter.plugins.module_utils import _program
from ansible_collections.labserver.jupyter.plugins.module_utils._common.completion import parser_of
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _inputs, _lab
from paths import ROOT

PAGES = sorted(
    [
        *(path for path in (ROOT / "docs").rglob("*.md") if "made" not in path.parts),
        *ROOT.glob("*.md"),
        *ROOT.glob("roles/*/README.md"),
        ROOT / "examples/README.md",
    ]
)
ROLES = sorted(path.parent.name for path in ROOT.glob("roles/*/README.md"))
FENCED = re.compile(r"^( *)```[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?<=\n\n)((?: {4,}\S[^\n]*\n)+)")
SPAN = re.compile(r"`([^`\n]+)`")
INPUT = re.compile(rf"(?<![\w/.<-])((?:labserver|{'|'.join(ROLES)})_[a-z0-9_]*[a-z0-9])(?![\w/(.*])")
CALL = re.compile(r"(?:^|[\s(]|sudo )labserver ([a-z][a-z-]*)([^#|>;&\n│]*)", re.MULTILINE)
FILE = re.compile(
    r"(?<![\w/.<>-])((?:tools|tests|docs|playbooks|plugins|molecule|examples|roles|inventory/(?:example|demo))/[\w/.-]*\w)"
)
STATE = re.compile(r"(?<![\w.-])/(?:etc|srv|run|var/lib|var/log)/labserver/([\w/.-]*\w)")
OWN_NAME = re.compile(r"(?<![\w/.:-])(labserver-(?!jupyter)[a-z][a-z-]*[a-z])(?![\w/<-])")
# What begins like an input and is none: parts of Ansible, and code that the pages for developers name.
OTHER_WORDS = {"host_vars"}
OF_CODE = re.compile(r"docs/develop/|docs/reference/interfaces|CONTRIBUTING")
# Parts of paths that the pages make up.
EXAMPLES = {"course", "phys", "lab-2026", "zulip"}
SAYS = re.compile(r"\| *(it says|message|what is told|the login page says|the reason says|warning) *\|")
SEES = re.compile(r"\| *(you see|what people see) *\|")
QUOTED = re.compile(r'"([^"]+)"|`([^`]+)`|\*([^*]+)\*')
# Words of other programs: OpenSSH, Ansible, GitLab, JupyterHub, certbot; and what is no message but a name.
OTHERS = {
    "Permission denied (publickey)", "Permission denied (publickey,password)", "REMOTE HOST IDENTIFICATION HAS CHANGED",
    "UNREACHABLE", "Missing sudo password", "Attempting to decrypt but no vault secrets found",
    "The redirect URI included is not valid", "Invalid username or password",
    "playbooks/validate.yml", "playbooks/status.yml", "/mnt", "acme", "files",
}  # fmt: skip


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code_of(text: str) -> str:
    """Return all that stands in a page as code, a line for each span and the lines of its blocks."""
    blocks = [block for _indent, block in FENCED.findall(text)]
    rest = FENCED.sub("", text)
    return "\n".join([*blocks, *INDENTED.findall(rest), *SPAN.findall(INDENTED.sub("", rest))])


@functools.cache
def inputs() -> set[str]:
    """Return the names of all inputs, what roles hand on to others, and the groups of the inventory."""
    found = {*_inputs.SHARED_INPUTS, *_inputs.RESULTS, *OTHER_WORDS, _lab.HUBS, _lab.REGISTRIES, _lab.CANARIES}
    for spec in ROOT.glob("roles/*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(spec.read_text())["argument_specs"].values():
            found |= set(entry.get("options", {}))
    return found


@functools.cache
def code() -> str:
    """Return the text of everything that runs, the tests left out."""
    found = [ROOT / "Makefile"]
    for folder in ("plugins", "roles", "playbooks", "tools", "inventory"):
        found += [
            path for path in (ROOT / folder).rglob("*")
            if path.is_file() and path.suffix in {".py", ".yml", ".j2", ".sh", ".html", ".json", ".ts", ".js", ""}
        ]  # fmt: skip
    return "\n".join(path.read_text(errors="ignore") for path in found)


@functools.cache
def words() -> set[str]:
    return set(re.findall(r"\w+", code())) | set(re.findall(r"[\w-]+", code())) | set(re.findall(r"[\w.-]+", code()))


@functools.cache
def jobs() -> set[str]:
    texts = [path.read_text() for part in ("tasks", "vars") for path in ROOT.glob(f"roles/*/{part}/*.yml")]
    return set(re.findall(r"^\s*-? *\{?name: ([a-z-]+)", "\n".join(texts), re.MULTILINE))


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site make them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_links_lead_somewhere(page: Path) -> None:
    """The site checks those between its own pages; READMEs are also read where there is no site."""
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", page.read_text())):
        path, _hash, anchor = link.partition("#")
        target = page.parent / path if path else page
        if "://" in link:
            continue
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in headings(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_inputs_exist(page: Path) -> None:
    shown = code_of(page.read_text())
    named = set(INPUT.findall(shown))
    if OF_CODE.search(label(page)):
        named -= words()
    if label(page) == "docs/howto/status.md":  # metrics begin as inputs do
        begins = tuple(name for name in words() if name.endswith("_") and name.count("_") > 1)
        named = {name for name in named - words() if not name.startswith(begins)}
        named = {name for name in named if not name.endswith("_level")}
    if page.parent.parent.name == "roles":  # what a role sets itself may stand in its own page
        named -= words()
    assert named - inputs() == set()
    begun = {name for name in re.findall(r"\b([a-z_]+_)\.\.\.", shown) if name.partition("_")[0] in ROLES}
    assert {name for name in begun if not any(each.startswith(name) for each in inputs())} == set()


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_playbooks_targets_and_files_exist(page: Path) -> None:
    text = page.read_text()
    shown = code_of(text)
    wanted = {f"playbooks/{name}.yml" for name in re.findall(r"playbooks/([a-z_-]+)\.yml", text)}
    wanted |= set() if OF_CODE.search(label(page)) else set(FILE.findall(FENCED.sub("", text)))
    assert {name for name in wanted if not (ROOT / name).exists() and not (page.parent / name).exists()} == set()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|\s)make ([a-z-]+)\b", shown, re.MULTILINE)) <= targets


def wrong_call(name: str, words: str) -> str:
    """Return what is wrong with a call of ``labserver``; ``...`` and names in capitals stand for anything."""
    if name not in _program.COMMANDS:
        return "" if name == "completion" else f"there is no command {name}"
    try:
        given = shlex.split(words)
    except ValueError:
        given = words.split()
    start = given[:1] if given[:1] in (["list"], ["home"], ["file"], ["database"]) else []
    parser = parser_of(_program.command_of(name), start)
    options = {option for each in parsers_under(parser) for option in each._option_string_actions}
    options |= {"--json"}
    wrong = [word for word in given if word.startswith("--") and word.partition("=")[0].rstrip(".,)") not in options]
    return f"labserver {name} has no {', '.join(wrong)}" if wrong else ""


def parsers_under(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from parsers_under(each)


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_commands_of_the_server_and_their_options_exist(page: Path) -> None:
    calls = CALL.findall(code_of(page.read_text()))
    assert [wrong for name, words in calls if (wrong := wrong_call(name, words))] == []


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_jobs_files_and_containers_of_the_server_exist(page: Path) -> None:
    text = page.read_text()
    named = set(re.findall(r"\bjob=([a-z-]+)", text)) | set(re.findall(r"\bjob `([a-z-]+)`", text))
    assert named - jobs() == set()
    parts = {part for path in STATE.findall(text) for part in path.split("/")} - EXAMPLES
    assert {part for part in parts if part not in words()} == set()
    assert set(OWN_NAME.findall(code_of(text))) - words() == set()


def test_code_in_the_tables_of_inputs_is_whole() -> None:
    """Ansible's ``C()`` ends at the first bracket; what has one itself is written as ``V(...\\))``."""
    for page in ROOT.glob("roles/*/README.md"):
        lines = [line for line in page.read_text().splitlines() if line.startswith("| `")]
        spans = [span for line in lines for span in SPAN.findall(line)]
        assert [span for span in spans if span.count("(") != span.count(")")] == [], label(page)


@functools.cache
def said() -> str:
    """Return every text of the code that may become a message; what is put into it at the time is missing."""
    found = []
    for folder in ("plugins", "roles", "playbooks"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix == ".py":
                for node in ast.walk(ast.parse(path.read_text())):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str):
                        found.append(" ".join(node.value.split()))
            elif path.suffix in {".yml", ".html", ".sh", ".ts"}:
                found.append(" ".join(path.read_text().split()))
    return "\n".join(found)


def rows(text: str, head: re.Pattern[str]) -> Iterator[str]:
    """Yield the first cell of each row of the tables that begin so."""
    inside = False
    for line in text.splitlines():
        bare = line.strip()
        if head.match(bare):
            inside = True
        elif not bare.startswith("|"):
            inside = False
        elif inside and not re.match(r"\|[ -]*-", bare):
            yield re.split(r"(?<!\\)\|", bare)[1].strip()


def unsaid(cell: str) -> list[str]:
    """Return the parts of quoted messages that nothing says. Dots and numbers stand for what differs."""
    quoted = [next(filter(None, groups)) for groups in QUOTED.findall(cell)]
    parts = [part.strip(" .:;,") for one in quoted if one not in OTHERS for part in re.split(r"\.\.\.|\d+", one)]
    return [part for part in parts if len(part) > 3 and part not in said()]


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_messages_that_a_page_explains_are_said(page: Path) -> None:
    """One that nobody says any more would be searched in vain. In a table of messages each line quotes one."""
    text = page.read_text()
    assert [cell for cell in rows(text, SAYS) if not QUOTED.search(cell)] == []
    assert [part for head in (SAYS, SEES) for cell in rows(text, head) for part in unsaid(cell)] == []


def test_the_checks_see_something() -> None:
    texts = {label(page): page.read_text() for page in PAGES}
    assert len(INPUT.findall(code_of(texts["docs/howto/course.md"]))) > 5
    assert len(CALL.findall(code_of(texts["docs/howto/restore.md"]))) > 5
    assert sum(len(list(rows(text, head))) for text in texts.values() for head in (SAYS, SEES)) > 80
    assert wrong_call("backup", "list --as-off x") and wrong_call("nothing", "")
    assert unsaid('"The shared folder ... is not available"') == []
    assert unsaid('"The shared folder ... went for a walk"') == ["went for a walk"]
