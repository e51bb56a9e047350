# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs leave in /etc/fstab: lines of others stay, and the new file is judged before anything is touched."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import converge as core
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import world as host_core
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._shares.shares_machine import Machine
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._shares.shares_runs import (
    DATA,
    INPUTS,
    ROOT,
    run,
    steps,
)
from hypothesis import given, settings
from hypothesis import strategies as st


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


def test_a_run_that_ended_before_systemd_had_read_fstab_is_made_good(machine: Machine, inputs: dict[str, Any]) -> None:
    run(machine, inputs)
    machine.stack, machine.units = [], {}
    machine._show()
    assert all(share["mounted"] for share in run(machine, inputs)["shares"].values())


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
