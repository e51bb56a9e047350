# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as people have them: recorded os-release files, and what other software leaves in files and in /proc."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._host import judge as core
from ansible_collections.labserver.jupyter.plugins.module_utils._host import model, read, systems

RECORDED = Path(__file__).resolve().parent / "recorded" / "os-release"
GIB = 1 << 30
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
KERNELS = {  # host of a kind: kernel, Python
    "debian-12": ("6.1.0-40-amd64", (3, 11, 2)),
    "debian-13": ("6.12.48+deb13-amd64", (3, 13, 5)),
    "ubuntu-22.04": ("5.15.0-119-generic", (3, 10, 12)),
    "ubuntu-24.04": ("6.8.0-79-generic", (3, 12, 3)),
    "ubuntu-25.10": ("6.17.0-29-generic", (3, 13, 7)),
    "ubuntu-26.04": ("7.0.0-15-generic", (3, 14, 3)),
    "rocky-9": ("5.14.0-570.18.1.el9_6.x86_64", (3, 9, 21)),
    "linuxmint-22": ("6.8.0-79-generic", (3, 12, 3)),
}


def write(root: Path, path: str, text: str = "") -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def listens(root: Path, table: str, address: str, port: int, program: str) -> None:
    """A program that listens, as /proc shows it."""
    inode, process = 5000 + port, 700 + port
    path = root / "proc" / "net" / table
    before = path.read_text() if path.exists() else HEAD
    zeros = "0" * (32 if table == "tcp6" else 8)
    line = f"   0: {address}:{port:04X} {zeros}:0000 0A 00000000:00000000 00:00000000 00000000 0 0 {inode} 1 0\n"
    write(root, f"proc/net/{table}", before + line)
    write(root, f"proc/{process}/comm", f"{program}\n")
    (root / f"proc/{process}/fd").mkdir()
    (root / f"proc/{process}/fd/3").symlink_to(f"socket:[{inode}]")


def a_host(root: Path, kind: str, **changes: object) -> read.World:
    """A freshly installed server with cgroup v2, 16 GiB of memory and 80 GiB free."""
    write(root, "etc/os-release", (RECORDED / kind).read_text())
    write(root, "proc/1/comm", "systemd\n")
    write(root, "proc/meminfo", "MemTotal:       16384000 kB\nMemFree:         9000000 kB\n")
    write(root, "sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n")
    kernel, python = KERNELS[kind]
    world = read.World(root, kernel, "x86_64", python, lambda folder: 80 * GIB, lambda names: set())
    return replace(world, **changes)  # type: ignore[arg-type]


def test_a_part_that_the_inventory_has_elsewhere_stops_the_run(tmp_path: Path) -> None:
    world = a_host(tmp_path, "debian-13")
    for part in ("hub", "registry", "proxy"):
        write(tmp_path, f"etc/labserver/services.d/{part}.json")
    facts = read.read(world)
    assert facts.parts == {"hub", "registry"}
    (finding,) = core.judge(facts, elsewhere=frozenset({"hub"}))
    assert finding.stops and "put it back into that group, or set hub_state: absent for it" in finding.text
    assert core.judge(facts) == ()


def found(world: read.World, *accepted: str) -> dict[str, str]:
    return {finding.name: finding.text for finding in core.judge(read.read(world), frozenset(accepted))}


def stopped(world: read.World, *accepted: str) -> list[str]:
    return [finding.name for finding in core.judge(read.read(world), frozenset(accepted)) if finding.stops]


@pytest.mark.parametrize("kind", ["debian-12", "debian-13", "ubuntu-24.04", "ubuntu-26.04"])
def test_supported_systems_are_taken_without_a_word(tmp_path: Path, kind: str) -> None:
    facts = read.read(a_host(tmp_path, kind))
    assert (facts.cgroup, facts.init, facts.memory_bytes, facts.lab_server) == ("v2", "systemd", 16384000 * 1024, False)
    assert core.judge(facts) == ()


def test_what_was_removed_but_not_purged_is_not_in_the_way(tmp_path: Path) -> None:
    write(tmp_path, "var/lib/dpkg/info/podman-docker.list", "/etc/profile.d/podman-docker.sh\n")
    assert found(a_host(tmp_path, "debian-13")) == {}


@pytest.mark.parametrize(
    ("kind", "why", "way_out"),
    [
        ("ubuntu-22.04", "its Python 3.10 is older than the 3.11", "'do-release-upgrade' to Ubuntu 24.04 LTS"),
        ("ubuntu-25.10", "only the LTS releases are", "Use another server or a virtual machine"),
        ("rocky-9", "dnf, SELinux and Podman", "Debian 12, Debian 13, Ubuntu 24.04 LTS, Ubuntu 26.04 LTS"),
        ("linuxmint-22", "it is derived from Debian or Ubuntu", "Use another server or a virtual machine"),
    ],
)
def test_other_systems_are_refused_in_one_sentence_with_the_way_out(
    tmp_path: Path, kind: str, why: str, way_out: str
) -> None:
    """The system is the only problem that is named: that its Python is old follows from it."""
    problems = found(a_host(tmp_path, kind))
    assert list(problems) == ["system"]
    text = problems["system"]
    assert text.startswith(read.system((RECORDED / kind).read_text()).pretty)
    assert why in text and way_out in text and "\n" not in text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\n', "it is too old; upgrade it"),
        ('ID=debian\nPRETTY_NAME="Debian GNU/Linux forky/sid"\n', "forky/sid is not supported: the supported systems"),
        ('ID=ubuntu\nVERSION_ID="20.04"\nPRETTY_NAME="Ubuntu 20.04.6 LTS"\n', "it is too old; upgrade it"),
        ("ID=alpine\nVERSION_ID=3.22.1\n", "alpine is not supported: the supported systems"),
        ("", "a system without /etc/os-release is not supported"),
        ('ID="debian\n', "not supported"),
    ],
)
def test_whatever_os_release_says_there_is_an_answer(text: str, why: str) -> None:
    assert why in systems.refused(read.system(text))


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    world = a_host(tmp_path, "rocky-9", architecture="armv7l", free=lambda folder: GIB)
    write(tmp_path, "proc/1/comm", "init\n")
    write(tmp_path, "var/lib/dpkg/info/podman-docker.list", "/.\n/usr/bin/docker\n")
    listens(tmp_path, "tcp6", "0" * 32, 443, "caddy")
    assert stopped(world) == ["system", "architecture", "init", "disk", "podman_docker", "web_server"]


def test_docker_from_snap_is_refused(tmp_path: Path) -> None:
    world = a_host(tmp_path, "ubuntu-24.04")
    (tmp_path / "snap").mkdir()
    (tmp_path / "snap/docker").symlink_to("3265")
    assert "'snap remove docker'" in found(world)["snap_docker"]
    assert stopped(world) == ["snap_docker"]


def test_a_tljh_is_one_problem_though_it_has_a_hub_and_a_web_server(tmp_path: Path) -> None:
    world = a_host(tmp_path, "ubuntu-24.04")
    write(tmp_path, "opt/tljh/hub/bin/jupyterhub")
    write(tmp_path, "etc/systemd/system/jupyterhub.service")
    listens(tmp_path, "tcp6", "0" * 32, 80, "traefik")
    assert list(found(world)) == ["tljh"]


def test_another_hub_is_a_problem(tmp_path: Path) -> None:
    world = a_host(tmp_path, "debian-13")
    write(tmp_path, "etc/systemd/system/jupyterhub.service")
    assert stopped(world) == ["jupyterhub"]


def test_a_foreign_web_server_is_named_with_its_ports(tmp_path: Path) -> None:
    world = a_host(tmp_path, "debian-13")
    listens(tmp_path, "tcp", "00000000", 80, "apache2")
    listens(tmp_path, "tcp6", "0" * 32, 443, "apache2")
    assert "(apache2 on port 80 and apache2 on port 443)" in found(world)["web_server"]
    assert stopped(world, "web_server") == []
    assert "web_server" in found(world, "web_server")  # what stops is still said when it is accepted


@pytest.mark.parametrize(
    ("table", "address", "port", "program"),
    [
        ("tcp", "0100007F", 443, "caddy"),  # for this host alone
        ("tcp6", "00000000000000000000000001000000", 80, "caddy"),
        ("tcp", "00000000", 8080, "caddy"),
        ("tcp", "00000000", 443, "nginx"),  # the role proxy adds its sites to it
    ],
)
def test_what_is_not_in_the_way_is_no_problem(
    tmp_path: Path, table: str, address: str, port: int, program: str
) -> None:
    world = a_host(tmp_path, "debian-13")
    listens(tmp_path, table, address, port, program)
    assert found(world) == {}


def test_a_lab_server_is_not_stopped_by_what_it_runs_itself(tmp_path: Path) -> None:
    """Compose apps publish ports, and images fill the disk: the next run must be able to mend that."""
    world = a_host(tmp_path, "debian-13", free=lambda folder: GIB)
    write(tmp_path, "usr/local/sbin/labserver")
    listens(tmp_path, "tcp", "00000000", 443, "docker-proxy")
    assert stopped(world) == []
    assert list(found(world)) == ["low_disk"]


def test_an_old_python_on_a_good_system_names_the_setting(tmp_path: Path) -> None:
    world = a_host(tmp_path, "debian-12", python=(3, 9, 2))
    assert "ansible_python_interpreter" in found(world)["python"]


def test_firewalls_are_warnings_only_when_they_are_on(tmp_path: Path) -> None:
    """ufw.service is active on every Ubuntu, whether ufw is enabled or not."""
    world = a_host(tmp_path, "ubuntu-24.04", active=lambda names: {"ufw"} & set(names))
    write(tmp_path, "etc/ufw/ufw.conf", "# on or off\nENABLED=no\nLOGLEVEL=low\n")
    assert found(world) == {}
    write(tmp_path, "etc/ufw/ufw.conf", "ENABLED=yes\n")
    assert list(found(replace(world, active=set))) == ["firewalld", "ufw"]
    assert stopped(world) == []
    assert found(world, "ufw") == {}


def test_little_memory_and_a_first_boot_that_goes_on_are_warnings(tmp_path: Path) -> None:
    world = a_host(tmp_path, "ubuntu-24.04", architecture="aarch64")
    write(tmp_path, "proc/meminfo", "MemTotal:         983040 kB\n")
    write(tmp_path, "run/cloud-init/enabled")
    assert list(found(world)) == ["cloud_init", "low_memory", "untested_architecture"]
    assert stopped(world) == []
    write(tmp_path, "var/lib/cloud/instance/boot-finished")
    assert "cloud_init" not in found(world)


@pytest.mark.parametrize(
    ("path", "version"), [("sys/fs/cgroup/unified/cgroup.controllers", "hybrid"), ("sys/fs/cgroup/memory", "v1")]
)
def test_old_cgroups_are_told_apart(tmp_path: Path, path: str, version: str) -> None:
    world = a_host(tmp_path, "debian-12")
    (tmp_path / "sys/fs/cgroup/cgroup.controllers").unlink()
    write(tmp_path, path)
    assert read.read(world).cgroup == version


def test_a_host_without_systemd_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert read.active_services(["firewalld"]) == set()


def test_every_finding_has_a_name_that_can_be_accepted() -> None:
    assert set(core.TEXTS) <= {*model.STOPS, *model.WARNS}
    assert len({*model.STOPS, *model.WARNS}) == len(model.STOPS) + len(model.WARNS)


@pytest.mark.parametrize("module", [core, model, read, systems], ids=lambda module: module.__name__.rpartition(".")[2])
def test_the_look_at_a_host_runs_on_an_old_python(module: object) -> None:
    """A host can only be refused in one sentence when its Python reaches that sentence."""
    source = Path(str(module.__file__)).read_text()  # type: ignore[attr-defined]
    ast.parse(source, feature_version=(3, 8))
    assert "from __future__ import annotations" in source
    for name in ("removeprefix", "removesuffix", "zip(strict", "datetime", "StrEnum", "collections.abc"):
        assert name not in source.replace("# noqa: UP035  # collections.abc's cannot", "")
