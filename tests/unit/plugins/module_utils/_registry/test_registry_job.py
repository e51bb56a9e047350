# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may work on the registry's store at the same time: one."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._backup import run as backup
from ansible_collections.labserver.jupyter.plugins.module_utils._common import job_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._common.lock import BusyError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import job

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
