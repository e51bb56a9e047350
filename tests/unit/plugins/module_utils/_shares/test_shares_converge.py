# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs of the shares on a machine of make-believe; each defect measured in ansible.posix.mount has its test."""

from __future__ import annotations

import copy
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import converge as core
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import world as host_core
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._shares.shares_machine import Machine
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = "/srv/labserver/shares"
DATA = f"{ROOT}/data/files"
INPUTS: dict[str, Any] = {
    "shares_root": ROOT,
    "shares_credentials": {
        "r": {"username": "reader", "password": "one"},
        "w": {"username": "writer", "password": "two", "domain": "LAB"},
    },
    "shares_list": [
        {"name": "data", "source": "//nas/data", "credentials": "r", "access": {"leem": "ro", "xps": "ro"}},
        {"name": "books", "source": "//nas/lab books#1", "credentials": "w", "access": {"leem": "rw"}},
    ],
}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def inputs() -> dict[str, Any]:
    return copy.deepcopy(INPUTS)


def run(machine: Machine, inputs: dict[str, Any], check: bool = False) -> dict[str, Any]:
    return core.converge(machine, inputs, check=check, stamp="now")


def steps(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(action["what"], action["path"]) for action in result["actions"]]


def test_first_run_mounts_and_second_changes_nothing(machine: Machine, inputs: dict[str, Any]) -> None:
    first = run(machine, inputs)
    assert first["changed"]
    assert machine.live() == [(f"{ROOT}/books/files", "//nas/lab books#1"), (DATA, "//nas/data")]
    assert {name: share["mounted"] for name, share in first["shares"].items()} == {"data": True, "books": True}
    assert (machine.base / "mnt/data").readlink() == Path(DATA)
    before = machine.tree()
    second = run(machine, inputs)
    assert (second["changed"], steps(second)) == (False, [])
    assert machine.tree() == before


def test_check_mode_predicts_and_touches_nothing(machine: Machine, inputs: dict[str, Any]) -> None:
    before = machine.tree()
    predicted = run(machine, inputs, check=True)
    assert machine.tree() == before and machine.commands == []
    assert predicted["changed"] and steps(predicted) == steps(run(machine, inputs))


def test_groups_that_do_not_exist_yet(machine: Machine, inputs: dict[str, Any]) -> None:
    inputs["shares_list"][0]["access"] = {"physics": "ro"}
    assert 'group "physics"' in run(machine, inputs, check=True)["warnings"][0]
    with pytest.raises(core.RefusedError, match="physics"):
        run(machine, inputs)


def test_roster_gids_win_over_the_hosts(machine: Machine, inputs: dict[str, Any]) -> None:
    roster = {"version": 1, "users": {}, "groups": {"leem": {"gid": 40001}}}
    machine.file("/etc/labserver/public/roster.json", json.dumps(roster))
    run(machine, inputs)
    assert "gid=40001,file_mode=0660,dir_mode=0770" in machine.fstab


def test_foreign_lines_stay_byte_for_byte(machine: Machine, inputs: dict[str, Any]) -> None:
    foreign = b"# \xfc\n\n/dev/sda1  /\text4 errors=remount-ro 0 1 # words\nproc /proc proc\n"
    (machine.base / "etc/fstab").write_bytes(foreign)
    run(machine, inputs)
    assert (machine.base / "etc/fstab").read_bytes().startswith(foreign)
    assert (machine.base / "etc/fstab.now").read_bytes() == foreign
    run(machine, inputs | {"shares_list": []})
    assert (machine.base / "etc/fstab").read_bytes() == foreign


def test_new_fstab_is_judged_before_anything_is_unmounted(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    before, live = machine.fstab, machine.live()
    inputs["shares_list"][0]["source"] = "//nas/other"
    machine.verdicts = ["/x\n   [E] old trouble", f"/x\n   [E] old trouble\n{DATA}\n   [E] unsupported source"]
    with pytest.raises(host_core.ApplyError, match=f"{DATA}: unsupported source"):
        run(machine, inputs)
    assert (machine.fstab, machine.live()) == (before, live)
    assert not list((machine.base / "etc").glob("fstab.labserver*"))


def test_old_trouble_in_fstab_is_not_held_against_the_new_one(machine: Machine, inputs: dict[str, Any]) -> None:
    machine.verdicts = ["/x\n   [E] old trouble", "/x\n   [E] old trouble"]
    assert run(machine, inputs)["shares"]["data"]["mounted"]


def test_a_silent_share_does_not_keep_others_from_being_mounted(machine: Machine, inputs: dict[str, Any]) -> None:
    """findmnt, systemd and umount look at every mount point and wait for the server of a mounted one."""
    run(machine, inputs)
    machine.silent, machine.away = {DATA}, {"//nas/data"}
    new = {"name": "late", "source": "//nas/late", "credentials": "r", "access": {"leem": "ro"}}
    result = run(machine, inputs | {"shares_list": [*inputs["shares_list"], new]})
    assert (f"{ROOT}/late/files", "//nas/late") in machine.live()
    assert result["warnings"] == [f"{DATA} did not answer within 10 s and was detached"]
    assert not result["shares"]["data"]["mounted"] and result["shares"]["books"]["mounted"]
    machine.silent, machine.away = set(), set()
    machine.command(["stat", f"{DATA}/."], 1)  # somebody looks: the automount is still there
    assert (DATA, "//nas/data") in machine.live()


def test_a_silent_mount_that_cannot_be_detached_ends_the_run_with_a_reason(
    machine: Machine, inputs: dict[str, Any]
) -> None:
    """Without an automount nothing would bring it back, so it stays, and with it what waits for it."""
    inputs["shares_options"] = {"cifs": {"x-systemd.automount": False}}
    run(machine, inputs)
    machine.silent = {DATA}
    new = {"name": "late", "source": "//nas/late", "credentials": "r", "access": {"leem": "ro"}}
    late = inputs | {"shares_list": [*inputs["shares_list"], new]}
    machine.verdicts = [f"{ROOT}/late/files\n   [E] unsupported source"]
    with pytest.raises(host_core.ApplyError, match="unsupported source"):
        run(machine, late)
    with pytest.raises(host_core.ApplyError, match=f"did not read /etc/fstab again within 40 s .*{DATA}.*repeats it"):
        run(machine, late)
    machine.silent = set()
    assert run(machine, late)["shares"]["late"]["mounted"]


def test_another_root_takes_all_shares_along(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    moved = inputs | {"shares_root": "/data/shares"}
    predicted = steps(run(machine, moved, check=True))
    assert steps(run(machine, moved)) == predicted
    assert [target for target, _source in machine.live()] == ["/data/shares/books/files", "/data/shares/data/files"]
    assert ROOT not in machine.fstab and not list((machine.base / ROOT.lstrip("/")).iterdir())
    assert (machine.base / "mnt/data").readlink() == Path("/data/shares/data/files")
    assert not (machine.base / "etc/systemd/system/srv-labserver-shares-.mount.d/labserver.conf").exists()
    assert run(machine, moved)["changed"] is False


def test_a_root_that_a_failed_run_had_begun_is_not_forgotten(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    machine.verdicts = ["", "/x\n   [E] trouble"]
    with pytest.raises(host_core.ApplyError, match="trouble"):
        run(machine, inputs | {"shares_root": "/data/shares"})
    assert (machine.base / "data/shares/data").is_dir()
    run(machine, inputs)
    assert not list((machine.base / "data/shares").iterdir()) and run(machine, inputs)["changed"] is False


def test_a_root_within_the_former_one_is_refused(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    before = machine.tree()
    with pytest.raises(core.RefusedError, match="give one outside of it"):
        run(machine, inputs | {"shares_root": f"{ROOT}/new"})
    assert machine.tree() == before


def test_a_run_that_ended_before_systemd_had_read_fstab_is_made_good(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    machine.stack, machine.units = [], {}
    machine._show()
    assert all(share["mounted"] for share in run(machine, inputs)["shares"].values())


def test_another_source_is_really_mounted(machine: Machine, inputs: dict[str, Any]) -> None:
    """posix.mount: "changed", the old share still mounted, the next run content."""
    run(machine, inputs)
    inputs["shares_list"][0]["source"] = "//nas/other"
    result = run(machine, inputs)
    assert ("unmount", DATA) in steps(result) and (DATA, "//nas/other") in machine.live()
    assert (DATA, "//nas/data") not in machine.live() and len(machine.live()) == 2
    assert run(machine, inputs)["changed"] is False


@pytest.mark.parametrize("option", [{"seal": True}, {"vers": "3.0"}, {"file_mode": "0640"}, {"mfsymlinks": False}])
def test_changed_options_take_effect(machine: Machine, inputs: dict[str, Any], option: dict[str, Any]) -> None:
    """posix.mount: `seal` and `vers` "changed" by a remount that the kernel ignores."""
    run(machine, inputs)
    machine.commands.clear()
    inputs["shares_list"][1]["options"] = option
    result = run(machine, inputs)
    assert [step for step in steps(result) if step[0] in ("unmount", "mount")] == [
        ("unmount", f"{ROOT}/books/files"),
        ("mount", f"{ROOT}/books/files"),
    ]
    assert not any("remount" in word for command in machine.commands for word in command)


def test_a_new_password_mounts_anew_only_what_uses_it(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    machine.passwords["writer"] = inputs["shares_credentials"]["w"]["password"] = "new\\"
    result = run(machine, inputs)
    assert {path for what, path in steps(result) if what in ("mount", "unmount")} == {f"{ROOT}/books/files"}
    assert result["shares"]["books"] == {"mounted": True, "reason": ""}
    assert run(machine, inputs)["changed"] is False


def test_unreachable_server_is_not_called_mounted(machine: Machine, inputs: dict[str, Any]) -> None:
    """posix.mount: with nofail "mounted, changed" in every run; without it, fstab is rolled back."""
    machine.away = {"//nas/data"}
    first = run(machine, inputs)
    assert first["shares"]["data"] == {
        "mounted": False,
        "reason": "not mounted: the server cannot be reached (error 113)",
    }
    assert "//nas/data" in machine.fstab
    assert run(machine, inputs)["changed"] is False
    machine.away.clear()
    healed = run(machine, inputs)
    assert (healed["changed"], healed["shares"]["data"]["mounted"]) == (
        False,
        True,
    )  # by its automount, not by a change


def test_without_automount_a_failed_mount_is_no_change(machine: Machine, inputs: dict[str, Any]) -> None:
    inputs["shares_options"] = {"cifs": {"x-systemd.automount": False}}
    machine.away = {"//nas/data"}
    assert not run(machine, inputs)["shares"]["data"]["mounted"]
    again = run(machine, inputs)
    assert (again["changed"], again["shares"]["data"]["reason"]) == (False, "the server cannot be reached (error 113)")


def test_wrong_password_is_said_in_words(machine: Machine, inputs: dict[str, Any]) -> None:
    machine.passwords["reader"] = "other"
    assert "refused the user name or password" in run(machine, inputs)["shares"]["data"]["reason"]


def test_systemd_is_told(machine: Machine, inputs: dict[str, Any]) -> None:
    """posix.mount: no daemon-reload, the automount unit does not exist."""
    run(machine, inputs)
    reload = machine.commands.index(["systemctl", "daemon-reload"])
    start = machine.commands.index(["systemctl", "start", "srv-labserver-shares-data-files.automount"])
    assert reload < start
    text = machine.file("/etc/systemd/system/srv-labserver-shares-.mount.d/labserver.conf")
    assert "StartLimitIntervalSec=0" in text


@pytest.mark.parametrize("systemd", [False, True], ids=["without systemd", "in a container with systemd"])
def test_without_automounts_shares_are_mounted_directly(tmp_path: Path, inputs: dict[str, Any], systemd: bool) -> None:
    machine = Machine(tmp_path / "host", systemd=systemd)
    (machine.base / "dev/autofs").unlink(missing_ok=True)
    run(machine, inputs)
    assert len(machine.live()) == len(machine.stack) == 2
    assert run(machine, inputs)["changed"] is False


@pytest.mark.parametrize(
    "line",
    [
        "//old/data /mnt/data cifs credentials=/root/c,auto,ro,mfsymlinks 0 0\n",
        "//old/data /mnt/data/ cifs\n",
        "//old/data\t/mnt/data  cifs ro # by hand\n",
    ],
)
def test_a_hand_made_mount_is_taken_over(machine: Machine, inputs: dict[str, Any], line: str) -> None:
    machine.file("/etc/fstab", f"# mine\n{line}# end\n")
    (machine.base / "mnt/data").mkdir()
    machine.put("/mnt/data", "//old/data", "cifs", "ro,vers=1.0")
    run(machine, inputs)
    assert "//old/data" not in machine.fstab and machine.fstab.startswith("# mine\n//nas/data ")
    assert [mount for mount in machine.live() if mount[0] == "/mnt/data"] == []
    assert (machine.base / "mnt/data").readlink() == Path(DATA)
    assert run(machine, inputs)["changed"] is False


def test_files_that_were_hidden_beneath_a_hand_made_mount_are_kept(machine: Machine, inputs: dict[str, Any]) -> None:
    machine.file("/etc/fstab", "//old/data /mnt/data cifs ro 0 0\n")
    machine.file("/mnt/data/lost.txt", "written while the NAS was away")
    machine.put("/mnt/data", "//old/data", "cifs", "ro")
    result = run(machine, inputs)
    assert machine.file("/mnt/data.before-share-now/lost.txt") and "/mnt/data.before-share-now" in result["warnings"][0]


def test_nothing_replaces_a_disk_or_a_full_folder_or_a_link(machine: Machine, inputs: dict[str, Any]) -> None:
    machine.file("/etc/fstab", "/dev/sdb1 /mnt/data ext4 defaults 0 2\n")
    machine.file("/mnt/books/mine.txt", "x")
    before = machine.tree()
    with pytest.raises(core.RefusedError) as caught:
        run(machine, inputs)
    assert len(caught.value.problems) == 2
    assert "line 1 of /etc/fstab mounts /dev/sdb1 (ext4)" in caught.value.problems[0]
    assert "/mnt/books is a folder with content" in caught.value.problems[1]
    assert machine.tree() == before


def test_a_share_that_is_not_listed_any_more_goes(machine: Machine, inputs: dict[str, Any]) -> None:
    """posix.mount: `absent` overlooks short lines and fails on automounts."""
    run(machine, inputs)
    gone = inputs["shares_list"].pop(1)
    result = run(machine, inputs)
    assert machine.live() == [(DATA, "//nas/data")] and gone["source"].split()[0] not in machine.fstab.split()
    assert not (machine.base / "mnt/books").is_symlink()
    assert not (machine.base / ROOT.strip("/") / "books").exists()
    assert [path for what, path in steps(result) if what == "remove file"] == ["/etc/labserver/shares/credentials/w"]
    assert "books" not in json.loads(machine.file("/etc/labserver/public/shares.json"))["shares"]
    assert run(machine, inputs)["changed"] is False


def test_files_beneath_a_share_that_goes_are_kept_and_told_without_a_change(
    machine: Machine, inputs: dict[str, Any]
) -> None:
    run(machine, inputs)
    left = machine.base / ROOT.strip("/") / "books/files/left"
    left.parent.chmod(0o700)
    left.write_text("written before the share was mounted")
    inputs["shares_list"].pop(1)
    assert f"{ROOT}/books/files stays: Directory not empty" in run(machine, inputs)["warnings"]
    for check in (True, False):
        again = run(machine, inputs, check)
        assert (again["changed"], steps(again)) == (False, [])
        assert f"{ROOT}/books belongs to no share any more, but holds files; look at them" in again["warnings"]
    assert left.read_text() == "written before the share was mounted"


def test_everything_goes_and_the_others_learn_of_it(machine: Machine, inputs: dict[str, Any]) -> None:
    before = machine.fstab
    run(machine, inputs)
    nothing = inputs | {"shares_list": [], "shares_credentials": {}}
    run(machine, nothing)
    assert (machine.fstab, machine.stack) == (before, [])
    assert json.loads(machine.file("/etc/labserver/public/shares.json")) == {"version": 1, "shares": {}}
    assert not (machine.base / "etc/labserver/shares/credentials/r").exists()
    assert run(machine, nothing)["changed"] is False


def test_a_mount_that_is_stuck_is_detached(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    machine.stuck = {DATA}
    run(machine, inputs | {"shares_list": inputs["shares_list"][1:]})
    assert machine.live() == [(f"{ROOT}/books/files", "//nas/lab books#1")]


def test_what_somebody_did_by_hand_is_seen(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    machine.stack = [("/x", "tmpfs", "tmpfs", "rw")]
    machine._show()
    assert {reason["reason"] for reason in run(machine, inputs)["actions"]} == {"not mounted"}
    assert len(machine.live()) == 3
    machine.stack = [(target, source.replace("data", "wrong"), *rest) for target, source, *rest in machine.stack]  # type: ignore[misc]
    machine._show()
    assert {action["reason"] for action in run(machine, inputs)["actions"]} == {"//nas/wrong is mounted"}


def test_guard_and_rights_of_the_folders(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    for name in ("data", "data/files", "books", "books/files"):
        assert f"{machine.base}{ROOT}/{name}" in machine.immutable
    assert stat.S_IMODE((machine.base / ROOT.strip("/") / "books/files").stat().st_mode) == 0
    assert stat.S_IMODE((machine.base / ROOT.strip("/") / "books").stat().st_mode) == 0o750
    machine.immutable.clear()
    machine.stack = []
    machine._show()
    assert ("make folder", DATA) in steps(run(machine, inputs))
    assert f"{machine.base}{DATA}" in machine.immutable


def test_passwords_are_in_their_file_and_nowhere_else(machine: Machine, inputs: dict[str, Any]) -> None:
    secret = ", a#b 'c' \"d\" =\u00e4%x\\"
    machine.passwords["writer"] = inputs["shares_credentials"]["w"]["password"] = secret
    machine.file("/etc/fstab", "//nas/x /x cifs user=a,password=Foreign1 0 0\n")
    result = run(machine, inputs)
    place = machine.base / "etc/labserver/shares/credentials/w"
    assert place.read_text() == f"username=writer\npassword={secret}\ndomain=LAB\n"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600 and stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert secret not in repr(machine.commands) and secret not in repr(result)
    assert "Foreign1" not in repr(result["diff"]) and "password=Foreign1" in machine.fstab
    others = [content for name, content in machine.tree().items() if not name.endswith("credentials/w")]
    assert secret.encode() not in b"".join(content for content in others if isinstance(content, bytes))


def test_what_the_other_rooms_are_told(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    told = json.loads(machine.file("/etc/labserver/public/shares.json"))
    assert told["shares"]["data"] == {
        "type": "cifs",
        "mount_point": DATA,
        "path": "/mnt/data",
        "bind": f"{ROOT}/data",
        "access": {"leem": "ro", "xps": "ro"},
        "others": "none",
        "when_absent": "refuse",
    }
    assert stat.S_IMODE((machine.base / "etc/labserver/public/shares.json").stat().st_mode) == 0o644


def test_a_local_folder_and_nfs_take_the_same_shape(machine: Machine, inputs: dict[str, Any]) -> None:
    inputs["shares_list"] = [
        {"name": "scratch", "type": "local", "source": "/srv/scratch", "access": {"leem": "rw"}},
        {"name": "home", "type": "nfs", "source": "nas:/home", "access": {"leem": "rw"}, "path": "/mnt/x y"},
    ]
    run(machine, inputs)
    assert "/srv/scratch /srv/labserver/shares/scratch/files none bind,nosuid,nodev,nofail,rw 0 0\n" in machine.fstab
    assert "nas:/home /srv/labserver/shares/home/files nfs vers=4.2," in machine.fstab
    assert stat.S_IMODE((machine.base / "srv/scratch").stat().st_mode) == 0o2770
    assert run(machine, inputs)["changed"] is False


def test_a_moved_path_leaves_no_link_behind(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    inputs["shares_list"][0]["path"] = "/data"
    run(machine, inputs)
    assert (machine.base / "data").is_symlink() and not (machine.base / "mnt/data").is_symlink()
    assert run(machine, inputs)["changed"] is False


def _share(name: str, kind: str, source: str, seal: bool, access: dict[str, str]) -> dict[str, Any]:
    if kind == "local":
        return {"name": name, "type": kind, "source": f"/srv/folders/{source}", "access": access}
    return {"name": name, "source": f"//nas/{source}", "credentials": "r", "access": access, "options": {"seal": seal}}


SHARES = st.lists(
    st.builds(
        _share,
        st.sampled_from(["a", "b-c", "d_1"]),
        st.sampled_from(["cifs", "cifs", "local"]),
        st.sampled_from(["one", "two words", "a#b", "back\u00e4"]),
        st.booleans(),
        st.sampled_from([{"leem": "rw"}, {"leem": "ro", "xps": "ro"}, {"leem": "rw", "xps": "ro"}]),
    ),
    max_size=3,
    unique_by=lambda share: share["name"],
)
FOREIGN = st.lists(
    st.sampled_from(
        [
            b"# comment\n",
            b"\n",
            b"//old/x /mnt/a cifs ro,credentials=/root/c\n",  # may be taken over
            b"//old/x /mnt/b-c/ cifs ro 0 0 # words\n",
            b"/dev/sdb1 /data ext4 defaults\n",
            b"broken \xff\n",
            b"tmpfs /mnt/other tmpfs size=1M 0 0\n",
        ]
    ),
    max_size=5,
    unique=True,
)


@settings(max_examples=40, deadline=None)
@given(foreign=FOREIGN, first=SHARES, second=SHARES, away=st.booleans(), silent=st.booleans(), moved=st.booleans())
def test_any_way_from_one_list_to_another(
    foreign: list[bytes],
    first: list[dict[str, Any]],
    second: list[dict[str, Any]],
    away: bool,
    silent: bool,
    moved: bool,
) -> None:
    root = "/data/shares" if moved else ROOT
    then = INPUTS | {"shares_list": second, "shares_root": root}
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder))
        (machine.base / "etc/fstab").write_bytes(b"".join(foreign))
        run(machine, INPUTS | {"shares_list": first})
        machine.away = {"//nas/one"} if away else set()
        machine.silent = {target for target, source in machine.live() if source == "//nas/one"} if silent else set()
        predicted = steps(run(machine, then, check=True))
        assert steps(run(machine, then)) == predicted
        machine.silent = set()
        before = machine.tree()
        again = run(machine, then)
        assert (again["changed"], again["actions"], machine.tree()) == (False, [], before)

        wanted = {f"{root}/{share['name']}/files": share["source"] for share in second}
        live = dict(machine.live())
        missing = {target for target in wanted if target not in live}
        assert live == {target: source for target, source in wanted.items() if target not in missing}
        assert all(wanted[target] in machine.away for target in missing)
        taken = {f"/mnt/{share['name']}" for share in [*first, *second]}
        kept = [line for line in foreign if not any(path.encode() in line.split()[1:2] for path in taken)]
        kept = [line for line in kept if line.split()[1:2] != [b"/mnt/b-c/"] or "/mnt/b-c" not in taken]
        now = (machine.base / "etc/fstab").read_bytes().splitlines(keepends=True)
        assert [line for line in now if root.encode() not in line] == kept


def test_copies_of_fstab_do_not_pile_up(machine: Machine, inputs: dict[str, Any]) -> None:
    (machine.base / "etc/fstab.pacnew").write_text("of somebody else")
    for number in range(6):
        inputs["shares_list"][0]["source"] = f"//nas/data{number}"
        stamp = f"2026-11-27T20:00:0{number}Z"
        result = core.converge(machine, inputs, check=False, stamp=stamp)
        assert result["backup"] == f"/etc/fstab.{stamp}"
        os.utime(machine.base / f"etc/fstab.{stamp}", (number, number))
    assert sorted(path.name for path in (machine.base / "etc").glob("fstab.*")) == [
        "fstab.2026-11-27T20:00:03Z",
        "fstab.2026-11-27T20:00:04Z",
        "fstab.2026-11-27T20:00:05Z",
        "fstab.pacnew",
    ]
