# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a takeover and the way back, on a small host below a folder."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._adopt import keep, takeover
from ansible_collections.labserver.jupyter.plugins.module_utils._adopt.model import Choices
from ansible_collections.labserver.jupyter.plugins.module_utils._doctor.model import Container
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._adopt.adopt_host import HASH
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._adopt.taking_host import Host, switched

NEWER = HASH[:-1] + "b"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(os, "chown", lambda *_words: None)
    return Host.make(tmp_path / "host")


def taken(host: Host) -> None:
    """Take the host over."""
    switched(host)
    takeover.finish(host.effects)


def test_passwords_are_taken_over_as_people_chose_them(host: Host) -> None:
    taken(host)
    assert host.entries() == {"ada": (HASH, 0), "ben": (HASH, 0)}
    assert stat.S_IMODE((host.root / takeover.STORE).stat().st_mode) == 0o600
    record = (host.root / takeover.RECORD).read_text()
    assert '"added": 2' in record and HASH not in record


def test_the_old_hub_is_stopped_and_kept(host: Host) -> None:
    taken(host)
    assert "systemctl disable --now jupyterhub.service" in host.commands.given
    assert "systemctl stop jupyter-*.service" in host.commands.given
    assert not any("nginx" in line and ("disable" in line or "stop" in line) for line in host.commands.given)
    assert (host.root / "opt/tljh/state/jupyterhub.sqlite").exists()


def test_the_way_back_is_equal_to_the_byte(host: Host) -> None:
    before = host.touched()
    taken(host)
    assert host.touched() != before
    assert takeover.may_go_back(host.effects, over_changes=False).changed
    outcome = takeover.back(host.effects)
    assert host.touched() == before
    assert outcome.notes == (
        f"a home that was made here is kept as {host.root}/home/.taken-back-1800000000-jupyter-dora",
    )
    words = ("enable", "disable", "start", "stop", "--all")
    assert [line for line in host.commands.given if line.split()[1] in words][-7:] == [
        "systemctl disable nginx.service",
        "systemctl stop nginx.service",
        "systemctl enable jupyterhub.service",
        "systemctl start jupyterhub.service",
        "systemctl enable traefik.service",
        "systemctl start traefik.service",
        "mount --all",
    ]


def test_every_step_may_be_repeated(host: Host) -> None:
    taken(host)
    for again in (
        takeover.prepare(host.effects, host.look, Choices()),
        takeover.switch(host.effects, host.look, Choices()),
        takeover.finish(host.effects),
    ):
        assert not again.changed and again.state == "done"
    takeover.back(host.effects)
    assert not takeover.back(host.effects).changed


def test_the_second_takeover_brings_passwords_that_changed_in_between(host: Host) -> None:
    taken(host)
    takeover.back(host.effects)
    import dbm.dumb  # noqa: PLC0415

    with dbm.dumb.open(str(host.root / "opt/tljh/state/passwords.dbm"), "c") as store:
        store["ben"] = NEWER
    shutil.rmtree(host.root / "home/.taken-back-1800000000-jupyter-dora")
    taken(host)
    assert host.entries()["ben"] == (NEWER, 0)


def test_check_mode_touches_nothing(host: Host) -> None:
    before = host.touched()
    assert takeover.prepare(host.effects, host.look, Choices(), check=True).changed
    assert host.touched() == before and not (host.root / keep.FOLDER).exists()
    with pytest.raises(keep.AdoptError, match="was not taken over"):
        takeover.switch(host.effects, host.look, Choices(), check=True)
    taken(host)
    given = list(host.commands.given)
    assert takeover.back(host.effects, check=True).changed
    assert host.commands.given == given


def test_what_others_changed_since_is_not_undone_without_a_word(host: Host) -> None:
    taken(host)
    (host.root / "etc/group").write_text("a group that came later\n")
    with pytest.raises(keep.AdoptError, match=r"/etc/group changed after the takeover.*adopt_over_changes=true"):
        takeover.may_go_back(host.effects, over_changes=False)
    assert takeover.may_go_back(host.effects, over_changes=True).changed


def test_damaged_copies_are_found_before_anything_is_touched(host: Host) -> None:
    taken(host)
    (host.root / keep.FOLDER / "files/etc%shadow").write_text("damaged")
    with pytest.raises(keep.AdoptError, match="/etc/shadow below /var/lib/labserver/adopt/files are damaged"):
        takeover.may_go_back(host.effects, over_changes=True)


def test_a_record_that_is_unreadable_is_not_made_anew(host: Host) -> None:
    taken(host)
    (host.root / keep.FOLDER / "before.json").write_text("{")
    with pytest.raises(keep.AdoptError, match="unreadable"):
        takeover.prepare(host.effects, host.look, Choices())
    assert host.look().adopted == "unreadable"


def test_what_is_in_the_way_leaves_all_as_it_is(host: Host) -> None:
    before = host.touched()
    with pytest.raises(keep.AdoptError, match="who is nobody"):
        takeover.prepare(host.effects, host.look, Choices(without=frozenset({"nobody"})))
    assert host.touched() == before and not (host.root / keep.FOLDER).exists()
    assert host.commands.given == []


def test_the_next_step_waits_for_the_one_before(host: Host) -> None:
    with pytest.raises(keep.AdoptError, match="was not taken over"):
        takeover.may_go_back(host.effects, over_changes=False)
    takeover.prepare(host.effects, host.look, Choices())
    with pytest.raises(keep.AdoptError, match="state kept, not switched"):
        takeover.finish(host.effects)


def test_a_command_that_fails_is_told(host: Host) -> None:
    takeover.prepare(host.effects, host.look, Choices())
    host.commands.failing = "disable --now jupyterhub"
    with pytest.raises(keep.AdoptError, match=r"systemctl disable --now jupyterhub.service failed: it broke"):
        takeover.switch(host.effects, host.look, Choices())
    assert keep.read(host.root).state == "switching", "the host goes back by itself unless the run does"


def test_containers_of_compose_are_stopped_and_started_as_they_were(host: Host) -> None:
    marks = {"com.docker.compose.project": "hub"}
    containers = (
        Container("hub-1", role="hub", labels=marks, restart_policy="unless-stopped"),
        Container("registry-1", role="registry", labels=marks),
        Container("old-1", role="proxy", labels=marks, running=False),
        Container("else-1", role="hub", labels={"com.docker.compose.project": "else"}),
        Container("jupyter-ben", role="person"),
    )
    found = host.look()
    hub = replace(found.hubs[0], kind="compose", container="hub-1")
    current = replace(found, hubs=(hub,), containers=containers)
    before = keep.keep(host.effects, current, [])
    assert keep.read(host.root) == before
    host.commands.given.clear()
    keep.stop_old(host.effects, before, current)
    assert host.commands.given[-1] == "docker stop --time=10 hub-1 registry-1 jupyter-ben"
    assert not any("else-1" in line for line in host.commands.given)
    keep.start_old(host.effects, before)
    assert "docker update --restart=unless-stopped hub-1" in host.commands.given
    assert host.commands.given[-1] == "docker start hub-1 registry-1"
