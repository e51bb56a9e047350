# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may work on the registry's store at the same time: one."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._backup import run as backup
from ansible_collections.labserver.jupyter.plugins.module_utils._common import job_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._common.lock import BusyError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import job
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.maintenance import Outcome, RefusedError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.model import Plan
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.outlook import Outlook, Row

NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(("holder", "told"), [(backup.JOB, "backup is"), ("", "the job registry-maintenance is")])
def test_pruning_by_hand_does_not_begin_while_another_is_at_work(tmp_path: Path, holder: str, told: str) -> None:
    assert backup.MAINTENANCE == job.JOB
    with (
        job_lock.hold(tmp_path, backup.MAINTENANCE, NOW, time.sleep, holder),
        pytest.raises(BusyError, match=rf"^{told} at work on the registry; try again"),
        job.undisturbed(tmp_path, "playbooks/prune.yml"),
    ):
        pytest.fail("it began")
    with job.undisturbed(tmp_path, "playbooks/prune.yml"):
        assert job_lock.last_held(tmp_path, job.JOB)[1] == "playbooks/prune.yml"
        assert job_lock.running_since(tmp_path, job.JOB) is not None


def test_the_command_by_hand_waits_for_nobody_and_disturbs_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--root", str(tmp_path), "--config", str(tmp_path / "none.json")]
    monkeypatch.delenv("LABSERVER_JOB", raising=False)
    with job_lock.hold(tmp_path, job.JOB, NOW, time.sleep, backup.JOB):
        assert job.main(arguments) == 3
        assert "backup is at work on the registry" in capsys.readouterr().err
        monkeypatch.setenv("LABSERVER_JOB", "another-job")
        assert job.main(arguments) == 3
        monkeypatch.setenv("LABSERVER_JOB", job.JOB)
        assert job.main(arguments) == 2, "its runner holds the lock: it goes on as far as the file that is not there"
        monkeypatch.delenv("LABSERVER_JOB")
        assert job.main([*arguments, "--check"]) == 2, "whoever only looks disturbs nobody"


@pytest.mark.parametrize(
    ("words", "refusal", "status", "free", "line"),
    [
        (["--check"], "", 0, 7 << 30, "0 would be removed, 7.0 GiB would come free"),
        ([], "", 0, 0, "0 removed, 7.0 GiB freed"),
        (["--check"], "all 3 tags\x1b would be removed", 2, 7 << 30, ""),
    ],
)
def test_each_look_notes_what_the_next_run_would_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], refusal: str, status: int, free: int, line: str
) -> None:
    outcome = Outcome(Plan((), (refusal,) if refusal else ()), 0.0, freed=7 << 30, outlook=Outlook({"stm": Row(3, 5)}))

    def converge(*_given: Any, check: bool) -> Outcome:
        assert check == bool(words)
        if refusal:
            raise RefusedError(outcome)
        return outcome

    given = SimpleNamespace(client=contextlib.nullcontext, store=tmp_path, pause=lambda: None, desired=lambda: None)
    monkeypatch.setattr(job.settings, "read", lambda _path: given)
    monkeypatch.setattr(job, "converge", converge)
    monkeypatch.setenv("LABSERVER_SUMMARY", str(tmp_path / "summary"))
    cache = tmp_path / "state" / "manifests.jsonl"
    assert job.main([*words, "--cache", str(cache), "--root", str(tmp_path)]) == status
    noted = json.loads((cache.parent / "outlook.json").read_text())
    assert noted["free_bytes"] == free and noted["repositories"]["stm"]["tags"] == 3
    assert noted["refused"] == refusal.replace("\x1b", "")
    assert not line or (tmp_path / "summary").read_text() == f"{line}\n"
