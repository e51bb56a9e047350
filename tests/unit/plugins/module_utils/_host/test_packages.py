# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When apt's lists are fetched and what is installed, before an apt made of a few lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._host import packages as core


@dataclass
class Host:
    """A host with apt: what is installed, what its lists know, and what the archive has."""

    installed: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    archive: set[str] = field(default_factory=set)
    kernel_modules: set[str] = field(default_factory=set)
    age: float | None = 60.0
    held_by_another_apt: int = 0
    stale_files: bool = False
    cut_off: bool = False
    has_modprobe: bool = True
    commands: list[str] = field(default_factory=list)

    def run(self, command: Sequence[str]) -> tuple[int, str]:
        self.commands.append(" ".join(command))
        names = [word for word in command if not word.startswith(("-", "DPkg", "Dpkg", "$"))]
        if command[0] == "dpkg-query":
            lines = [f"ii |{name}" for name in names[1:] if name in self.installed]
            lines += [
                f"dpkg-query: no packages found matching {name}" for name in names[1:] if name not in self.installed
            ]
            return 1, "\n".join(lines)
        if command[0] == "apt-cache":
            known = [f"{name}:\n  Installed: (none)\n  Candidate: 1.0\n" for name in names[2:] if name in self.listed]
            return 0, "".join(known) + "gone:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n"
        if command[0] == "modprobe" and not self.has_modprobe:
            return 127, "modprobe is not installed"
        if command[0] == "modprobe":
            return (0 if names[-1] in self.kernel_modules else 1), ""
        if command[0] == "dpkg":
            self.cut_off = False
            return 0, ""
        if "update" in names:
            if self.held_by_another_apt:
                self.held_by_another_apt -= 1
                return 100, "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 812 (apt-get)"
            self.listed, self.age, self.stale_files = set(self.archive), 0.0, False
            return (
                0,
                "" if self.archive else "W: Failed to fetch http://mirror.example.org/debian/dists/trixie/InRelease\n",
            )
        assert "install" in names
        wanted = names[names.index("install") + 1 :]
        if self.cut_off:
            return 100, "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem."
        if self.stale_files:
            return 100, "E: Failed to fetch http://mirror.example.org/pool/r/restic.deb  404  Not Found\n"
        if "--simulate" not in command:
            self.installed |= set(wanted)
        return 0, "".join(f"Inst {name} (1.0 Debian:13/stable [amd64])\n" for name in wanted)

    def world(self) -> core.World:
        return core.World(self.run, lambda: self.age, lambda _: None)

    def fetched(self) -> int:
        return len([command for command in self.commands if command.endswith("update")])


def converge(host: Host, *names: str, check: bool = False, **more: object) -> core.Outcome:
    return core.converge(core.Desired(names, **more), host.world(), check=check)  # type: ignore[arg-type]


def test_nothing_is_asked_of_apt_where_nothing_is_missing() -> None:
    host = Host(installed={"restic"}, age=None)
    assert converge(host, "restic") == core.Outcome()
    assert [command.split()[0] for command in host.commands] == ["dpkg-query"]


@pytest.mark.parametrize("check", [False, True])
def test_lists_that_were_emptied_are_fetched_however_young_their_folder_is(check: bool) -> None:
    host = Host(archive={"docker.io"}, age=None)
    outcome = converge(host, "docker.io", check=check)
    assert outcome.missing == ("docker.io",)
    assert outcome.refreshed == "the host has no package lists"
    assert ("docker.io" in host.installed) is not check


def test_lists_that_do_not_know_a_package_are_fetched() -> None:
    host = Host(listed={"iptables"}, archive={"docker.io", "iptables"})
    assert converge(host, "docker.io", "iptables").refreshed == "apt does not know docker.io"
    assert host.installed == {"docker.io", "iptables"}


def test_good_lists_are_left_alone_and_old_ones_fetched() -> None:
    assert converge(Host(listed={"restic"}), "restic").refreshed == ""
    old = Host(listed={"restic"}, archive={"restic"}, age=90_000.0)
    assert converge(old, "restic").refreshed == "the package lists are 25 hours old"


def test_a_new_source_is_read_only_when_something_is_missing() -> None:
    host = Host(listed={"compose"}, archive={"compose"})
    assert converge(host, "compose", refresh=True).refreshed == "a package source was added"
    assert converge(host, "compose", refresh=True).refreshed == ""


def test_lists_can_be_wanted_without_a_package() -> None:
    host = Host(archive={"anything"}, age=None)
    assert converge(host, lists=True) == core.Outcome(refreshed="the host has no package lists")
    assert converge(host, lists=True) == core.Outcome()


def test_an_archive_that_moved_on_is_read_again_once() -> None:
    host = Host(listed={"restic"}, archive={"restic"}, stale_files=True)
    assert "could not be fetched" in converge(host, "restic").refreshed
    assert host.installed == {"restic"}


def test_another_apt_is_waited_for() -> None:
    host = Host(archive={"restic"}, age=None, held_by_another_apt=7)
    assert converge(host, "restic").missing == ("restic",)
    assert host.fetched() == 8


def test_an_installation_that_was_cut_off_is_finished_first() -> None:
    host = Host(listed={"restic"}, cut_off=True)
    assert converge(host, "restic").installed == ("restic",)
    assert host.fetched() == 0


def test_what_would_be_installed_is_shown_with_its_version() -> None:
    host = Host(listed={"restic"})
    assert converge(host, "restic", check=True).installed == ("restic 1.0",)
    assert host.installed == set()


def test_an_unknown_package_is_named_with_what_apt_said() -> None:
    with pytest.raises(core.PackagesError, match=r"apt does not know docker-cli, although .*'universe' too$"):
        converge(Host(archive={"docker.io"}, age=None), "docker.io", "docker-cli")
    with pytest.raises(core.PackagesError, match=r"apt update said: W: Failed to fetch http://mirror"):
        converge(Host(age=None), "docker.io")
    with pytest.raises(core.PackagesError, match=r"^the package lists cannot be fetched: W: Failed to fetch"):
        host = Host(age=None)
        core.converge(core.Desired((), lists=True), core.World(host.run, lambda: None, lambda _: None))


def test_a_package_for_a_missing_kernel_module_is_wanted_where_apt_knows_it() -> None:
    extra = "linux-modules-extra-6.8.0-1024-aws"
    wanted = {"cifs": extra}
    cloud = Host(installed={"cifs-utils"}, listed={extra})
    assert converge(cloud, "cifs-utils", kernel_modules=wanted).installed == (extra,)
    assert converge(Host(installed={"cifs-utils"}), "cifs-utils", kernel_modules=wanted).missing == ()
    generic = Host(installed={"cifs-utils"}, listed={extra}, kernel_modules={"cifs"})
    assert converge(generic, "cifs-utils", kernel_modules=wanted).missing == ()


def test_empty_lists_do_not_hide_the_package_for_a_kernel_module() -> None:
    extra = "linux-modules-extra-6.8.0-1024-aws"
    for installed in (set(), {"cifs-utils"}):
        bare = Host(installed=set(installed), archive={"cifs-utils", extra}, age=None)
        assert extra in converge(bare, "cifs-utils", kernel_modules={"cifs": extra}).missing
        assert bare.installed == {"cifs-utils", extra}
    nowhere = core.World(Host(installed={"cifs-utils"}).run, lambda: None, lambda _: None)
    assert core.converge(core.Desired(("cifs-utils",), kernel_modules={"cifs": extra}), nowhere).missing == ()


def test_a_host_without_modprobe_wants_no_modules() -> None:
    host = Host(installed={"cifs-utils"}, listed={"linux-modules-extra"}, has_modprobe=False)
    assert converge(host, "cifs-utils", kernel_modules={"cifs": "linux-modules-extra"}).missing == ()


def test_removed_and_half_installed_packages_are_missing_and_held_ones_are_not() -> None:
    states = {"there": "ii ", "held": "hi ", "removed": "rc ", "half": "iU ", "failed": "iF "}
    said = "".join(f"{state}|{name}\n" for name, state in states.items())
    world = core.World(lambda command: (0, said if command[0] == "dpkg-query" else ""), lambda: 1.0, lambda _: None)
    assert core.read(core.Desired(tuple(states)), world).missing == ("removed", "half", "failed")
