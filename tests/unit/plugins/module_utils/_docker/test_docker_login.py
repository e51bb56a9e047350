# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login of a run stands beside the logins that root has."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._docker.login import environment


def login(tmp_path: Path, password: str | None) -> list[dict[str, str]]:
    file = tmp_path / "secret"
    if password is not None:
        file.write_text(password)
    return [{"registry": "lab:5000", "username": "puller", "password_file": str(file)}]


def test_what_root_has_stays_and_the_login_comes_besides(tmp_path: Path) -> None:
    root = tmp_path / ".docker"
    (root / "cli-plugins").mkdir(parents=True)
    (root / "config.json").write_text('{"auths": {"other": {"auth": "eDp5"}}, "currentContext": "default"}')
    variables = environment(login(tmp_path, "se:cr et\n"), tmp_path / "new", root)
    folder = Path(variables["DOCKER_CONFIG"])
    written = json.loads((folder / "config.json").read_text())
    assert base64.b64decode(written["auths"].pop("lab:5000")["auth"]) == b"puller:se:cr et"
    assert written == {"auths": {"other": {"auth": "eDp5"}}, "currentContext": "default"}
    assert (folder / "cli-plugins").resolve() == root / "cli-plugins"
    assert stat.S_IMODE((folder / "config.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_credential_helper_of_root_is_not_asked_for_this_registry(tmp_path: Path) -> None:
    root = tmp_path / ".docker"
    root.mkdir()
    (root / "config.json").write_text('{"credsStore": "pass"}')
    environment(login(tmp_path, "secret"), tmp_path / "new", root)
    written = json.loads((tmp_path / "new" / "config.json").read_text())
    assert (written["credsStore"], written["credHelpers"]) == ("pass", {"lab:5000": ""})


def test_what_docker_left_empty_is_no_obstacle(tmp_path: Path) -> None:
    root = tmp_path / ".docker"
    root.mkdir()
    (root / "config.json").write_text('{"auths": null}')
    environment(login(tmp_path, "secret"), tmp_path / "new", root)
    assert list(json.loads((tmp_path / "new" / "config.json").read_text())["auths"]) == ["lab:5000"]


def test_without_the_file_there_is_no_login(tmp_path: Path) -> None:
    environment(login(tmp_path, None), tmp_path / "new", tmp_path / "none")
    assert json.loads((tmp_path / "new" / "config.json").read_text()) == {"auths": {}}


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_broken_file_of_root_is_named(tmp_path: Path, text: str) -> None:
    root = tmp_path / ".docker"
    root.mkdir()
    (root / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"\.docker/config\.json: .*mend or remove it"):
        environment([], tmp_path / "new", root)
