# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of the exchange files against the code: whoever names a file is in it, and every reader has its test."""

from __future__ import annotations

import ast
import importlib
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jsonschema
import pytest
from contract import NEW_KEY, SCHEMAS, Meets, Reader, check, from_a_newer_writer, reading, validate
from exchange_table import TABLE, Exchange
from paths import ROOT
from writers import PUBLIC, people, put

sys.path.insert(0, str(ROOT / "tools"))
import house

EXCHANGES = pytest.mark.parametrize("exchange", TABLE, ids=lambda exchange: exchange.schema)
PAGE = (ROOT / "docs" / "reference" / "interfaces.md").read_text(encoding="utf-8")


def texts_of(source: str) -> Iterator[str]:
    """Yield the texts of a Python file that the program may use: no docstrings, no documentation of modules."""
    tree = ast.parse(source)
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        if isinstance(node, ast.Assign) and any(
            isinstance(name, ast.Name) and name.id in ("DOCUMENTATION", "EXAMPLES", "RETURN") for name in node.targets
        ):
            skipped.add(id(node.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.value


def owner_of(path: Path) -> str:
    """Return the package of a Python file as the table names it; modules and other shells by their own name."""
    if path.parts[0] == "plugins" and path.parts[1] in house.SHELLS:
        return f"{path.parts[1]}/{path.stem}"
    return house.room_of(path) or str(path)


@cache
def all_texts() -> dict[str, list[str]]:
    """Return the texts of everybody who may name a file: packages, modules, roles."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in house.files():
        found[owner_of(path)] += texts_of((ROOT / path).read_text(encoding="utf-8"))
    for role in sorted((ROOT / "roles").iterdir()):
        for folder in ("tasks", "vars", "templates"):
            for path in sorted((role / folder).glob("*")):
                lines = path.read_text(encoding="utf-8").splitlines()
                found[f"roles/{role.name}"] += [line for line in lines if not line.lstrip().startswith("#")]
    return found


@EXCHANGES
def test_whoever_names_a_file_is_in_the_table(exchange: Exchange) -> None:
    found = {who for who, texts in all_texts().items() if any(re.search(exchange.mark, text) for text in texts)}
    assert found - exchange.namers == set(), "add them to tests/contracts/exchange_table.py: writers, readers or names"
    assert exchange.namers - found == set(), "these do not name the file any more"


@EXCHANGES
def test_every_reader_has_a_test(exchange: Exchange) -> None:
    module = importlib.import_module(exchange.test.removesuffix(".py"))
    lists = [value for name, value in vars(module).items() if name.endswith("READERS")]
    tested = {reader.room.partition(" ")[0] for readers in lists for reader in readers}
    # hub.json names the record of the passwords for the check of logins.
    expected = exchange.reading - ({"labhub/exchange"} if exchange.schema == "password-store" else set())
    assert expected - tested == set()


def test_every_exchange_file_has_schema_test_and_a_place_in_the_documentation() -> None:
    assert {exchange.schema for exchange in TABLE} == {path.name.removesuffix(".json") for path in SCHEMAS.iterdir()}
    for exchange in TABLE:
        assert (Path(__file__).parent / exchange.test).exists()
        place = exchange.path.removeprefix("/etc/labserver/") if "/public/" in exchange.path else exchange.path
        place = place.removeprefix("/srv/labserver/hub/")  # a table of that folder
        assert place in PAGE, f"docs/reference/interfaces.md does not describe {exchange.path}"


@pytest.mark.parametrize("path", sorted(SCHEMAS.iterdir()), ids=lambda path: path.name)
def test_schemas_are_schemas_and_say_for_which_file(path: Path) -> None:
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"] in {exchange.path for exchange in TABLE}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"""of x.json"""\nDOCUMENTATION = "x.json"\nA = 1\n', []),
        ('def f():\n    """of x.json"""\n    return open("/etc/x.json")\n', ["/etc/x.json"]),
        ('PATH = f"{FOLDER}/x.json"\n', ["/x.json"]),
    ],
)
def test_the_search_sees_what_the_program_uses(source: str, found: list[str]) -> None:
    assert [text for text in texts_of(source) if "x.json" in text] == found


def test_a_newer_writer_adds_keys_to_every_object() -> None:
    roster = json.loads(from_a_newer_writer(people()[f"{PUBLIC}/roster.json"], "roster"))
    objects = [roster, *roster["users"].values(), *roster["groups"].values()]
    objects += [person["limits"] for person in roster["users"].values()]
    assert all(NEW_KEY in one for one in objects)
    assert NEW_KEY not in roster["users"]


def _careless(root: Path) -> list[str]:
    """Read as one that takes everything for good and a damaged file for an empty one."""
    try:
        return sorted(json.loads((root / PUBLIC / "roster.json").read_bytes())["users"])
    except (OSError, ValueError, TypeError):
        return []


@pytest.mark.parametrize("bad", [Meets.REFUSES, Meets.KEEPS, Meets.LEAVES_OUT])
def test_the_check_sees_a_careless_reader(tmp_path: Path, bad: Meets) -> None:
    reader = Reader("careless", reading(_careless), bad=bad, nothing=[])
    with pytest.raises(AssertionError, match="careless with"):
        check(reader, tmp_path, people(), f"{PUBLIC}/roster.json", "roster")


def test_the_schema_sees_a_key_that_was_renamed(tmp_path: Path) -> None:
    put(tmp_path, people())
    path = f"{PUBLIC}/roster.json"
    renamed = people()[path].replace(b'"system_name"', b'"account"')
    with pytest.raises(AssertionError, match="system_name"):
        validate({path: renamed}, path, "roster")
