# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every exchange file is held to: its schema, and how its readers meet files that are not as they should be."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import jsonschema
from paths import ROOT
from writers import Files, put

SCHEMAS = ROOT / "docs" / "reference" / "schemas"

Look = Callable[[], Any]


class Meets(StrEnum):
    """How a reader meets a file of another version, one that is half written, or none at all."""

    REFUSES = "raises an error that says what is wrong"
    KEEPS = "goes on with the last valid content, and says why"
    LEAVES_OUT = "goes on without what the file would say"


@dataclass(frozen=True)
class Reader:
    """One reader of an exchange file.

    ``room`` is the package (or ``modules/<name>``) that reads. ``open`` takes the root of a host and returns what looks
    at the file: each call returns what the reader makes of it now. ``bad`` and ``missing`` say how it meets a file that
    is wrong or absent, ``nothing`` is what it returns where it leaves out, ``unknown_keys`` whether it skips them
    (else it meets a file with one like a wrong one).
    """

    room: str
    open: Callable[[Path], Look]
    bad: Meets = Meets.REFUSES
    missing: Meets = Meets.LEAVES_OUT
    nothing: Any = None
    unknown_keys: bool = True


def reading(read: Callable[[Path], Any]) -> Callable[[Path], Look]:
    """Return the ``open`` of a reader that remembers nothing between two looks."""
    return lambda root: lambda: read(root)


def schema(name: str) -> dict[str, Any]:
    """Return a schema of docs/reference/schemas."""
    loaded: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def validate(files: Files, pattern: str, name: str) -> list[Any]:
    """Validate all files whose path matches; returns their documents. Fails with every violation."""
    wanted = {path: json.loads(content) for path, content in files.items() if Path(path).match(pattern)}
    assert wanted, f"nothing was written to {pattern}"
    validator = jsonschema.Draft202012Validator(schema(name))
    wrong = [
        f"{path}: {error.json_path}: {error.message}"
        for path, document in wanted.items()
        for error in validator.iter_errors(document)
    ]
    assert not wrong, "\n".join(wrong)
    return list(wanted.values())


def _objects(value: Any, rule: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the objects of a document whose keys are fields by the schema (those of a mapping are names)."""
    for choice in rule.get("anyOf", ()):
        yield from _objects(value, choice)
    if isinstance(value, dict):
        fields = rule.get("properties")
        inner = rule.get("additionalProperties")
        if fields is not None:
            yield value
        for key, item in value.items():
            below = (fields or {}).get(key, inner)
            if isinstance(below, dict):
                yield from _objects(item, below)
    elif isinstance(value, list) and isinstance(rule.get("items"), dict):
        for item in value:
            yield from _objects(item, rule["items"])


NEW_KEY = "a_key_of_tomorrow"


def from_a_newer_writer(content: bytes, name: str) -> bytes:
    """Return the file with a key that nobody knows in each of its objects."""
    document = copy.deepcopy(json.loads(content))
    for found in list(_objects(document, schema(name))):
        found[NEW_KEY] = {"of": ["a", "newer", "release"]}
    return json.dumps(document).encode()


def without_new_key(value: Any) -> Any:
    """Return a value without that key: for readers that hand mappings on to those who pick keys by name."""
    if isinstance(value, dict):
        return {key: without_new_key(item) for key, item in value.items() if key != NEW_KEY}
    return [without_new_key(item) for item in value] if isinstance(value, list | tuple) else value


def check(reader: Reader, root: Path, files: Files, path: str, name: str) -> None:
    """Hold a reader to the rules of docs/reference/interfaces.md for the file ``path``; ``name`` is its schema's."""
    put(root, files)
    look = reader.open(root)
    good = look()
    assert good not in (None, reader.nothing), f"{reader.room} makes nothing of {path}"
    newer = from_a_newer_writer(files[path], name)
    _replace(root / path, newer)
    if reader.unknown_keys:
        assert look() == good, f"{reader.room} does not skip unknown keys of {path}"
    else:
        words = _meet(look, reader, reader.bad, good, "a file with an unknown key")
        assert words is None or NEW_KEY in words
    document = json.loads(files[path])
    if reader.bad is Meets.KEEPS:  # else what is kept could not be told from what is read
        document = {key: type(value)() if isinstance(value, dict | list) else value for key, value in document.items()}
    cases = {
        "another version": json.dumps({**document, "version": 2}).encode(),
        "no version": json.dumps({key: value for key, value in document.items() if key != "version"}).encode(),
        "the first half": files[path][: len(files[path]) // 2],
        "nothing in it": b"",
        "another kind of document": b"[]\n",
    }
    for case, content in cases.items():
        _replace(root / path, files[path])
        assert look() == good
        _replace(root / path, content)
        words = _meet(look, reader, reader.bad, good, case)
        if words is not None and "version" in case:
            assert "version" in words, f"{reader.room} does not say that the version is another one: {words}"
    _replace(root / path, files[path])
    assert look() == good, f"{reader.room} does not see that {path} is whole again"
    (root / path).unlink()
    _meet(look, reader, reader.missing, good, "no file")


def _replace(path: Path, content: bytes) -> None:
    """Replace a file as its writers do: by a new one."""
    new = path.with_name(".new")
    new.write_bytes(content)
    new.replace(path)


def _meet(look: Look, reader: Reader, how: Meets, good: Any, case: str) -> str | None:
    """Look, and compare with what the reader is to do; returns the words of a refusal."""
    if how is Meets.REFUSES:
        return _refusal(look, reader, case)
    wanted = good if how is Meets.KEEPS else reader.nothing
    assert look() == wanted, f"{reader.room} with {case}: it does not do what is said of it: it {how}"
    return None


class RefusedError(Exception):
    """A module ended with this message (its ``fail_json``)."""


def _refusal(look: Look, reader: Reader, case: str) -> str:
    try:
        found = look()
    except Exception as error:  # of whichever kind the room has
        assert str(error), f"{reader.room} with {case}: {type(error).__name__} without a word"
        assert not isinstance(error, KeyError | TypeError | AttributeError | IndexError), (
            f"{reader.room} with {case}: {error!r} is a fault of the program, not a sentence"
        )
        return str(error)
    raise AssertionError(f"{reader.room} with {case}: it was to be refused, and was read as {found!r}")
