# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hash that names an image: it changes with everything that goes into the build, and with nothing else."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.labserver.jupyter.plugins.filter.context_hash import context_hash

SHARED = {"package/store.py": "cores/password_store.py"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a context and a file that it gets from elsewhere."""
    for name, text in (("context/Dockerfile", "FROM x"), ("context/package/a.py", "1"), ("context/package/z.py", "2"),
                       ("cores/password_store.py", "3")):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def of(folder: Path, shared: dict[str, str] | None = None, **options: t.Any) -> str:
    return context_hash(str(folder / "context"), shared_files=shared, shared_root=str(folder), **options)


def test_a_change_of_a_shared_file_is_another_image(folder: Path) -> None:
    before = of(folder, SHARED)
    assert before == of(folder, SHARED) != of(folder)
    (folder / "cores" / "password_store.py").write_text("4")
    assert of(folder, SHARED) != before


def test_a_shared_file_counts_as_if_it_lay_in_the_folder(folder: Path) -> None:
    before = of(folder, SHARED)
    (folder / "context" / "package" / "store.py").write_text("3")
    assert of(folder) == before


def test_contents_rights_and_arguments_count_and_byte_code_does_not(folder: Path) -> None:
    before = of(folder)
    assert of(folder, extra={"BASE": "y"}) != before
    (folder / "context" / "package" / "__pycache__").mkdir()
    (folder / "context" / "package" / "__pycache__" / "a.pyc").write_text("x")
    assert of(folder) == before
    (folder / "context" / "package" / "a.py").chmod(0o755)
    assert of(folder) != before


def test_all_that_is_wrong_with_shared_files_is_told_at_once(folder: Path) -> None:
    shared = {"package/a.py": "cores/password_store.py", "no/such/b.py": "cores/gone.py", "../b.py": "cores/gone.py"}
    with pytest.raises(AnsibleFilterError) as caught:
        of(folder, shared)
    for words in ("package/a.py already exists", "no such file in", "no/such/b.py does not lie in", "../b.py does not"):
        assert words in str(caught.value)
