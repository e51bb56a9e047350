# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left for host and hub when all notebooks want everything."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.reserve import (
    Host,
    Limits,
    apply,
    limits,
    of_engine,
    own_group,
    parent,
    read_host,
)

GIB = 1 << 30
WANTED = Limits(14 * GIB, 7.5, 24576)
V1 = "12:pids:/init.scope\n5:cpuset,cpu:/\n4:memory:/init.scope\n0::/init.scope\n"
NESTED = "9:name=systemd:/docker/4f/init.scope\n4:memory:/docker/4f/init.scope\n1:cpu:/docker/4f\n0::/docker/4f\n"


@pytest.mark.parametrize(
    ("host", "memory", "cpus", "wanted"),
    [
        (Host(16 * GIB, 8, 32768), 2 * GIB, 0.5, WANTED),
        (Host(16 * GIB, 8, 32768), 2 * GIB, 0, Limits(14 * GIB, None, 24576)),
        (Host(2 * GIB, 1, 1000), 2 * GIB, 4, Limits(GIB, 0.5, 1024)),
    ],
)
def test_the_notebooks_get_what_is_left(host: Host, memory: int, cpus: float, wanted: Limits) -> None:
    assert limits(host, memory, cpus) == wanted


def test_the_size_of_a_host(tmp_path: Path) -> None:
    (tmp_path / "sys" / "kernel").mkdir(parents=True)
    (tmp_path / "meminfo").write_text("MemTotal:       16777216 kB\nMemFree:         1 kB\n")
    (tmp_path / "sys" / "kernel" / "pid_max").write_text("4194304\n")
    (tmp_path / "sys" / "kernel" / "threads-max").write_text("32768\n")
    assert read_host(tmp_path, 8) == Host(16 * GIB, 8, 32768)


@pytest.mark.parametrize(
    ("text", "group"),
    [(V1, ""), (NESTED, "/docker/4f"), ("0::/init.scope\n", ""), ("0::/docker/4f/init.scope\n", "/docker/4f")],
)
def test_where_a_host_is(text: str, group: str) -> None:
    assert own_group(text) == group
    assert parent("cgroupfs", text) == f"{group}/labnotebooks"
    assert parent("systemd", text) == "labnotebooks.slice"


class Engine:
    """An engine that answers or does not."""

    def __init__(self, driver: str | None):
        self.driver = driver

    def get(self, _path: str) -> dict[str, t.Any]:
        if self.driver is None:
            raise EngineError("no answer")
        return {"CgroupDriver": self.driver}


def test_the_engine_says_which_driver_it_has(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "cgroup").write_text(NESTED)
    assert of_engine(t.cast("t.Any", Engine("cgroupfs")), tmp_path) == "/docker/4f/labnotebooks"
    assert of_engine(t.cast("t.Any", Engine("systemd")), tmp_path) == "labnotebooks.slice"
    assert of_engine(t.cast("t.Any", Engine(None)), tmp_path) == ""


def test_a_slice_of_systemd_gets_its_limits(tmp_path: Path) -> None:
    ran: list[t.Any] = []
    apply("labnotebooks.slice", WANTED, tmp_path, ran.append)
    assert ran[0][:4] == ["systemctl", "set-property", "--runtime", "labnotebooks.slice"]
    assert ran[0][4:] == [f"MemoryMax={14 * GIB}", "CPUWeight=50", "CPUQuota=750%", "TasksMax=24576"]
    apply("labnotebooks.slice", Limits(GIB, None, 1), tmp_path, ran.append)
    assert "CPUQuota=" in ran[1], "and none when there is no reserve of cores any more"


def test_a_group_of_cgroup_v1_gets_its_limits(tmp_path: Path) -> None:
    memory = tmp_path / "memory" / "labnotebooks"
    memory.mkdir(parents=True)
    for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
        (memory / name).write_text("9223372036854771712")
    apply("/labnotebooks", WANTED, tmp_path)
    read = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert read == {
        "memory/labnotebooks/memory.limit_in_bytes": str(14 * GIB),
        "memory/labnotebooks/memory.memsw.limit_in_bytes": str(14 * GIB),
        "cpu/labnotebooks/cpu.shares": "512",
        "cpu/labnotebooks/cpu.cfs_quota_us": "750000",
        "pids/labnotebooks/pids.max": "24576",
    }


def test_a_group_of_cgroup_v2_gets_its_limits(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    apply("/docker/4f/labnotebooks", Limits(GIB, None, 2048), tmp_path)
    folder = tmp_path / "docker" / "4f" / "labnotebooks"
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "memory.max": str(GIB), "cpu.weight": "50", "cpu.max": "max 100000", "pids.max": "2048"
    }  # fmt: skip
    for above in (tmp_path, tmp_path / "docker", tmp_path / "docker" / "4f"):
        assert (above / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
