# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host is looked at once; afterwards a task makes a call only where something differs from what it wants."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.action import host_program, host_services, packages, schedule
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._host import seen
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import model, plan
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _seen

JOB = {"name": "renew", "command": ["/usr/local/sbin/labserver", "renew"], "schedule": "daily"}
SHOWN = "Id=cron.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\n"
STATUS = """Package: cron
Status: install ok installed
Architecture: amd64

Package: nginx
Status: hold ok installed

Package: openssl
Status: deinstall ok config-files

Package: broken
Status: install ok half-configured
"""


class Docker:
    """An engine with images, or one that does not answer."""

    def __init__(self, *tags: str, trouble: bool = False) -> None:
        self.tags, self.trouble = tags, trouble

    def get(self, path: str, **query: t.Any) -> t.Any:
        assert path == "/images/json"
        if self.trouble:
            raise EngineError("no answer")
        return [{"RepoTags": [tag]} for tag in self.tags] + [{"RepoTags": None}]


def variables(root: Path, **changes: t.Any) -> dict[str, t.Any]:
    look = seen.look(root, lambda argv: (0, SHOWN), ["cron.service"], Docker())  # type: ignore[arg-type]
    return {_seen.VARIABLE: {"seen": {**look, **changes}}}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with the job, written by the very code that the module runs there. Its files would be root's."""
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(STATUS)
    wanted = schedule.params.ARGUMENTS["jobs"]["options"]
    full = {name: option.get("default") for name, option in wanted.items()} | JOB
    assert not model.problems([full])
    files = plan.desired([full], "cron", "atlas", {"version": 1, "mail": {}, "webhook": {}, "command": []})
    plan.apply(tmp_path, plan.compare(files, {}), lambda argv: (0, ""))
    described = seen._described
    monkeypatch.setattr(seen, "_described", lambda path: [*described(path)[:2], 0])
    return tmp_path


def arguments(**changes: t.Any) -> dict[str, t.Any]:
    return {"host": "atlas", "jobs": [{**JOB, **changes}]}


def test_without_a_look_everything_is_asked_for(root: Path) -> None:
    assert not schedule.unchanged(arguments(), {})
    assert not packages.unchanged({"name": ["cron"]}, {})
    assert not packages.unchanged({"name": []}, {_seen.VARIABLE: {"skipped": True}})
    assert not host_services.unchanged({"services": [{"name": "cron.service"}], "untouched": True}, None)


@pytest.mark.parametrize(
    ("names", "known"),
    [(["cron"], True), ("cron", True), (["cron", "nginx"], True), (["openssl"], False), (["broken"], False)],
)
def test_packages(root: Path, names: t.Any, known: bool) -> None:
    assert packages.unchanged({"name": names}, variables(root)) is known


def test_check_mode_predicts_what_a_bundle_would_bring(root: Path) -> None:
    """Nothing was unpacked then, so apt on the host would know nothing."""
    bundle = {"__labserver_bundle": {"packages": ["cron", "openssl"]}}
    known = {**variables(root), **bundle}
    assert packages.coming({"name": ["cron", "openssl"]}, known) == ["openssl"]
    assert packages.coming({"name": "cron"}, known) == []
    assert packages.coming({"name": ["restic"]}, known) is None, "the host is asked, and says that it cannot be had"
    assert packages.coming({"name": ["openssl"]}, variables(root)) is None


def test_packages_with_another_question_are_asked_for(root: Path) -> None:
    for more in ({"lists": True}, {"refresh": False}, {"kernel_modules": {"cifs": "linux-modules-extra-%k"}}):
        assert not packages.unchanged({"name": ["cron"], **more}, variables(root))


def test_a_job_that_is_there_needs_no_call(root: Path) -> None:
    assert schedule.unchanged(arguments(), variables(root))


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": "weekly"},
        {"name": "other"},
        {"state": "absent"},
        {"at_boot": True},
        {"name": "Not a name"},
        {"x": 1},
    ],
)
def test_a_job_that_differs_or_is_wrong_is_the_modules_business(root: Path, changes: dict[str, t.Any]) -> None:
    assert not schedule.unchanged(arguments(**changes), variables(root))


def test_a_job_that_somebody_changed_is_written_again(root: Path) -> None:
    file = root / "etc/cron.d/labserver-renew"
    file.chmod(0o664)
    assert not schedule.unchanged(arguments(), variables(root))
    file.chmod(0o644)
    assert schedule.unchanged(arguments(), variables(root))
    file.write_text(file.read_text().replace("renew", "restore"))
    assert not schedule.unchanged(arguments(), variables(root))


def test_a_job_that_shall_be_gone_and_is_gone_needs_no_call(root: Path) -> None:
    gone = {"host": "atlas", "jobs": [{"name": "gone", "state": "absent"}]}
    assert schedule.unchanged(gone, variables(root))
    (root / "var/lib/labserver/jobs").mkdir(parents=True)
    (root / "var/lib/labserver/jobs/gone.json").write_text("{}")
    assert not schedule.unchanged(gone, variables(root))


def test_no_hash_of_a_file_with_a_secret_is_returned(root: Path) -> None:
    alerts = {"mail": {}, "webhook": {"url": "https://chat.lab.test/s3cret"}, "command": [], "heartbeat_url": ""}
    for name, wanted in (("token", {**JOB, "environment": {"TOKEN": "s3cret"}}), ("plain", JOB)):
        full = {key: option.get("default") for key, option in schedule.params.ARGUMENTS["jobs"]["options"].items()}
        files = plan.desired([{**full, **wanted, "name": name}], "cron", "atlas", alerts)
        plan.apply(root, plan.compare(files, {}), lambda argv: (0, ""))
    files = variables(root)[_seen.VARIABLE]["seen"]["files"]
    assert [files[f"etc/labserver/{name}.json"][0] for name in ("alerts", "jobs.d/token")] == ["", ""]
    assert files["etc/labserver/jobs.d/plain.json"][0] != ""


def test_services_are_believed_only_when_the_task_says_so(root: Path) -> None:
    wanted = {"services": [{"name": "cron.service"}]}
    assert host_services.unchanged({**wanted, "untouched": True}, variables(root))
    assert not host_services.unchanged(wanted, variables(root))
    assert not host_services.unchanged({"services": [{"name": "nginx.service"}], "untouched": True}, variables(root))
    stopped = {"services": [{"name": "cron.service", "state": "stopped"}], "untouched": True}
    assert not host_services.unchanged(stopped, variables(root))
    (root / "run/labserver/restart-due").mkdir(parents=True)
    (root / "run/labserver/restart-due/cron.service").touch()
    assert not host_services.unchanged({**wanted, "untouched": True}, variables(root))


def test_the_program_is_compared_by_its_content(root: Path) -> None:
    program = root / host_program.PROGRAM
    assert not _seen.program(_seen.seen(variables(root)), b"new")
    program.parent.mkdir(parents=True)
    program.write_bytes(b"new")
    program.chmod(0o755)
    assert _seen.program(_seen.seen(variables(root)), b"new")
    assert not _seen.program(_seen.seen(variables(root)), b"newer")
    program.chmod(0o700)
    assert not _seen.program(_seen.seen(variables(root)), b"new")


def test_images_of_the_collection_alone() -> None:
    engine = Docker("labserver/hub:1", "elsewhere/notebook:1", "labserver/base:2")
    assert seen.images(engine) == ["labserver/base:2", "labserver/hub:1"]  # type: ignore[arg-type]
    assert seen.images(Docker(trouble=True)) == []  # type: ignore[arg-type]
    assert seen.images(None) == []
