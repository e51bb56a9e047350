# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the kernel's counters are, with both versions of control groups, and what is taken for none."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._usage import cgroups
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.model import Reading

ID = "f44cbb5d2ac0" + "0" * 52


def put(root: Path, files: dict[str, str]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)


def test_v2(tmp_path: Path) -> None:
    folder = f"sys/fs/cgroup/labnotebooks.slice/docker-{ID}.scope"
    put(tmp_path, {
        "proc/7/cgroup": f"0::/labnotebooks.slice/docker-{ID}.scope/inner\n",
        f"{folder}/cpu.stat": "usage_usec 12345\nuser_usec 1\n",
        f"{folder}/memory.current": "5000\n",
        f"{folder}/memory.stat": "anon 1\nfile 2\ninactive_file 1000\n",
        "sys/fs/cgroup/labnotebooks.slice/cpu.stat": "usage_usec 99\n",
    })  # fmt: skip
    group = cgroups.locate(tmp_path, 7, ID)
    assert group and cgroups.read(group) == Reading(12_345_000, 4000)
    assert cgroups.read_parent(tmp_path, "labnotebooks.slice") == 99_000
    (tmp_path / folder / "cpu.stat").unlink()
    assert cgroups.read(group) is None


def test_v1_with_an_empty_tree_of_v2_and_processes_in_groups_below(tmp_path: Path) -> None:
    """As in a container with systemd: the memory of the whole container lies above its init.scope."""
    put(tmp_path, {
        "proc/7/cgroup": f"4:memory:/x/{ID}/init.scope\n2:cpu,cpuacct:/x/{ID}\n0::/x/{ID}/init.scope\n",
        f"sys/fs/cgroup/cpu,cpuacct/x/{ID}/cpuacct.usage": "77\n",
        f"sys/fs/cgroup/memory/x/{ID}/memory.usage_in_bytes": "5000\n",
        f"sys/fs/cgroup/memory/x/{ID}/memory.stat": "inactive_file 3\ntotal_inactive_file 9000\n",
        "sys/fs/cgroup/cpu,cpuacct/x/cpuacct.usage": "80\n",
    })  # fmt: skip
    group = cgroups.locate(tmp_path, 7, ID)
    assert group and cgroups.read(group) == Reading(77, 5000), "more spare than in use: nothing is taken off"
    assert cgroups.read_parent(tmp_path, "/x") == 80


@pytest.mark.parametrize("line", ["0::/../other/{ID}", "0::/", "0::/no/such/name", "3:freezer:/x/{ID}", "nonsense", ""])
def test_what_leads_elsewhere_is_not_read(tmp_path: Path, line: str) -> None:
    put(tmp_path, {"proc/7/cgroup": line.replace("{ID}", ID) + "\n"})
    assert cgroups.locate(tmp_path, 7, ID) is None
    assert cgroups.locate(tmp_path, 8, ID) is None
    assert cgroups.read_parent(tmp_path, "") is None and cgroups.read_parent(tmp_path, "x") is None
