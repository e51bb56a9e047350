# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hub's files on the host: compared, written once, and secrets kept."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import due
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.files import (
    apply,
    compare,
    diff_of,
    from_params,
)

ME = {"owner": os.getuid(), "group": os.getgid()}


def wishes(folder: Path, content: str = "new\n") -> list[dict[str, Any]]:
    return [
        {"path": str(folder / "etc"), "mode": "0755", **ME},
        {"path": str(folder / "etc" / "secrets"), "mode": "0700", **ME},
        {"path": str(folder / "etc" / "secrets" / "token"), "mode": "0600", "secret_bytes": 32, **ME},
        {
            "path": str(folder / "etc" / "copy"), "mode": "0640",
            "same_as": str(folder / "etc" / "secrets" / "token"), **ME,
        },
        {"path": str(folder / "etc" / "hub.json"), "mode": "0644", "content": content, **ME},
    ]  # fmt: skip


def run(params: list[dict[str, Any]]) -> list[tuple[str, str]]:
    changes = compare(from_params(params))
    apply(changes)
    return [(change.what, Path(change.desired.path).name) for change in changes]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_all_is_made_once(tmp_path: Path) -> None:
    assert run(wishes(tmp_path)) == [
        ("make", "etc"), ("make", "secrets"), ("generate", "token"), ("generate", "copy"), ("write", "hub.json")
    ]  # fmt: skip
    token = tmp_path / "etc" / "secrets" / "token"
    assert len(token.read_text().strip()) == 64
    assert (tmp_path / "etc" / "copy").read_text() == token.read_text()
    assert [mode(tmp_path / "etc"), mode(token.parent), mode(token)] == [0o755, 0o700, 0o600]
    before = token.read_text()
    assert run(wishes(tmp_path)) == []
    assert token.read_text() == before


def test_what_differs_is_mended(tmp_path: Path) -> None:
    run(wishes(tmp_path))
    (tmp_path / "etc" / "secrets").chmod(0o755)
    (tmp_path / "etc" / "copy").write_text("old")
    assert run(wishes(tmp_path, "newer\n")) == [("permit", "secrets"), ("generate", "copy"), ("write", "hub.json")]
    assert mode(tmp_path / "etc" / "secrets") == 0o700
    assert (tmp_path / "etc" / "hub.json").read_text() == "newer\n"


def test_a_file_can_be_unwanted(tmp_path: Path) -> None:
    run(wishes(tmp_path))
    gone = [{"path": str(tmp_path / "etc" / "hub.json"), "mode": "0644", "state": "absent", "content": None, **ME}]
    assert run(gone) == [("remove", "hub.json")]
    assert run(gone) == []


def test_check_mode_on_a_bare_host_tells_all(tmp_path: Path) -> None:
    assert [change.what for change in compare(from_params(wishes(tmp_path)))] == [
        "make", "make", "generate", "generate", "write"
    ]  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_secrets_are_not_in_the_diff(tmp_path: Path) -> None:
    run(wishes(tmp_path))
    secret = (tmp_path / "etc" / "secrets" / "token").read_text().strip()
    (tmp_path / "etc" / "copy").write_text("old secret")
    changes = compare(from_params(wishes(tmp_path, "other\n")))
    text = str(diff_of(changes))
    assert secret not in text
    assert "old secret" not in text
    assert "other" in text


def test_given_secrets_are_written_and_never_shown(tmp_path: Path) -> None:
    wish = {"path": str(tmp_path / "secret"), "mode": "0600", "secret": "geheim-1", **ME}
    first = compare(from_params([wish]))
    assert "geheim" not in str(diff_of(first))
    apply(first)
    assert (tmp_path / "secret").read_text() == "geheim-1\n"
    assert mode(tmp_path / "secret") == 0o600
    assert compare(from_params([wish])) == ()
    second = compare(from_params([{**wish, "secret": "geheim-2"}]))
    assert [change.what for change in second] == ["write"]
    assert "geheim" not in str(diff_of(second))
    assert run([{**wish, "state": "absent"}]) == [("remove", "secret")]
    assert not (tmp_path / "secret").exists()


def test_a_restart_is_marked_before_the_file_is_changed(tmp_path: Path) -> None:
    wish = {"path": str(tmp_path / "none" / "a.json"), "mode": "0644", "content": "{}", "restarts": ["a.service"], **ME}
    plan = compare(from_params([wish]))
    with pytest.raises(FileNotFoundError):
        apply(plan, tmp_path)
    assert due.marked(tmp_path, "a.service"), "a run that ends here is made up for"
    (tmp_path / "none").mkdir()
    apply(plan, tmp_path)
    due.clear(tmp_path, "a.service")
    apply(compare(from_params([wish])), tmp_path)
    assert not due.marked(tmp_path, "a.service"), "nothing was changed"
