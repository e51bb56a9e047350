# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files, secrets and dumps of Compose apps: made once, closed to others, never shown."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app.model import (
    Dump,
    Secret,
    env_line,
)
from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app.world import World
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._compose_app.compose_engine import (
    Engine,
    app,
    run,
)


def test_the_data_folder_gets_its_owner(host: World) -> None:
    owners: list[tuple[str, int, int]] = []
    host.chown = lambda path, uid, gid: owners.append((path.name, uid, gid))
    run(host, app())
    assert ("notes", 1000, -1) not in owners
    outcome = run(host, app(data_uid=1000))
    assert [(action.what, action.target) for action in outcome.actions] == [("own", str(host.data_folder / "notes"))]
    assert ("notes", 1000, -1) in owners
    here = (host.data_folder / "notes").stat()
    assert run(host, app(data_uid=here.st_uid, data_gid=here.st_gid)).changed is False


def test_a_dump_is_taken_from_the_old_containers_and_only_the_last_ones_stay(host: World, engine: Engine) -> None:
    dump = Dump("database", ("pg_dumpall",), keep=2)
    assert run(host, app(dump=dump)).dumps == []  # nothing to dump yet
    for stamp, text in (("1", "two"), ("2", "three"), ("3", "four")):
        host.stamp = lambda stamp=stamp: stamp
        engine.commands.clear()
        outcome = run(host, app(dump=dump, text=text))
        assert outcome.dumps == [str(host.data_folder / f"notes/dumps/{stamp}.gz")]
        assert engine.effects() == ["exec", "up"]
    assert sorted(path.name for path in (host.data_folder / "notes/dumps").iterdir()) == ["2.gz", "3.gz"]


def test_secrets_are_made_once_kept_and_never_shown(host: World) -> None:
    first = run(host, app())
    file = host.folder / "notes/secrets/password"
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("made-up-a-32", 0o600)
    run(host, app(text="two"))
    assert file.read_text() == "made-up-a-32"
    given = (Secret("password", "from the vault", uid=os.getuid(), environment="PASSWORD"),)
    second = run(host, app(secrets=given))
    assert (host.folder / "notes/.env").read_text().splitlines()[-1] == "PASSWORD='from the vault'"
    shown = json.dumps([first.diff, second.diff, [a.as_dict() for a in [*first.actions, *second.actions]]])
    assert "PASSWORD='********'" in shown
    assert "made-up" not in shown and "vault" not in shown


@pytest.mark.parametrize(
    "value", ["it's a s3hush$", "back\\slash s3hush", "s3hush of a block\n", "s3hush\nof two lines\n"]
)
def test_secrets_are_not_shown_in_the_form_of_the_env_file_either(host: World, value: str) -> None:
    given = (
        Secret("password", value, uid=os.getuid(), environment="PASSWORD"),
        Secret("part", "s3", uid=os.getuid()),  # must not cut the longer one to pieces
    )
    first = run(host, app(secrets=given))
    second = run(host, app(secrets=(replace(given[0], value="another"), given[1])))
    shown = json.dumps([first.diff, second.diff])
    assert not any(word in shown for word in ("hush", "slash", "block", "lines"))
    assert "PASSWORD=" in shown


def test_a_dump_may_be_binary(host: World, engine: Engine) -> None:
    content = b"PGDMP\x01\xff\xfe\x00\x80"
    run(host, app())
    host.run = lambda argv: (0, content.decode("utf-8", "surrogateescape"), "") if "exec" in argv else engine(argv)
    outcome = run(host, app(dump=Dump("database", ("pg_dump", "-Fc")), text="two"))
    assert gzip.decompress(Path(outcome.dumps[0]).read_bytes()) == content


def test_the_diff_is_the_text_of_the_file(host: World) -> None:
    run(host, app())
    pairs = {pair["after_header"]: pair for pair in run(host, app(text="two"), check=True).diff}
    assert (pairs["notes/conf/site.txt"]["before"], pairs["notes/conf/site.txt"]["after"]) == ("one", "two")


def test_files_that_left_the_project_go_and_unknown_ones_stay(host: World) -> None:
    run(host, app())
    (host.folder / "notes/mine.txt").write_text("by hand")
    files = {path: file for path, file in app().files.items() if path != "conf/site.txt"}
    run(host, replace(app(), files=files))
    assert not (host.folder / "notes/conf/site.txt").exists()
    assert (host.folder / "notes/mine.txt").exists()


def test_project_folder_is_closed(host: World) -> None:
    run(host, app())
    assert (host.folder / "notes").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("plain-1.2/x", "N=plain-1.2/x"),
        ("it costs $5", "N='it costs $5'"),
        ("it's $5", 'N="it\'s \\$5"'),
        ('a "b" \\ c', 'N="a \\"b\\" \\\\ c"'),
        ("two\nlines", 'N="two\\nlines"'),
        ("", "N="),
    ],
)
def test_env_lines(value: str, line: str) -> None:
    """Each line was read back by Docker Compose 2.26 as the value beside it."""
    assert env_line("N", value) == line
