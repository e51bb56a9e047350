# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of apt and needrestart, as apt and Perl themselves read them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._host.systems import SUPPORTED
from ansible_collections.labserver.jupyter.plugins.module_utils._updates import settings
from ansible_collections.labserver.jupyter.plugins.module_utils._updates.policy import Policy
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._updates.updates_host import SUNDAYS

# What Debian's and Ubuntu's packages bring, as far as it matters here.
OF_THE_HOST = {
    "20auto-upgrades": 'APT::Periodic::Update-Package-Lists "0";\nAPT::Periodic::Unattended-Upgrade "0";\n',
    "50unattended-upgrades": (
        'Unattended-Upgrade::Allowed-Origins { "${distro_id}:${distro_codename}"; };\n'
        'Unattended-Upgrade::Origins-Pattern { "origin=Debian,codename=${distro_codename},label=Debian"; };\n'
        'Unattended-Upgrade::Package-Blacklist { "postgresql-"; };\nUnattended-Upgrade::Automatic-Reboot "true";\n'
    ),
}
HELD = [
    "docker.io", "docker-ce", "docker-ce-cli", "docker-ce-rootless-extras", "docker-cli", "docker-compose",
    "docker-compose-v2", "docker-compose-plugin", "docker-buildx-plugin", "containerd", "containerd.io", "runc",
    "nvidia-driver", "nvidia-container-toolkit", "libnvidia-container1", "libnvidia-gl-550-server", "cuda-toolkit-12",
    "libcuda1", "linux-modules-nvidia-550-server-generic", "nvidia-kernel-dkms",
]  # fmt: skip
FREE = [
    "openssl",
    "linux-image-amd64",
    "docker-registry",
    "libdocker-api-perl",
    "runcible",
    "python3-docker",
    "libnvme1",
]


def converge(root: Path, wanted: Policy | None) -> settings.Plan:
    plan = settings.compare(root, wanted)
    settings.apply(root, plan)
    return plan


@pytest.fixture
def host(tmp_path: Path) -> Path:
    folder = tmp_path / settings.FOLDER
    folder.mkdir(parents=True)
    for name, text in OF_THE_HOST.items():
        (folder / name).write_text(text)
    return tmp_path


def read_by_apt(root: Path) -> dict[str, list[str]]:
    """What apt makes of the host's files alone."""
    folder, nothing = root / settings.FOLDER, root / "none"
    nothing.mkdir(exist_ok=True)
    main = root / "main.conf"
    main.write_text(f'Dir::Etc::parts "{folder}";\nDir::Etc::main "{nothing}/none";\n')
    done = subprocess.run(
        ["apt-config", "dump"], env={"APT_CONFIG": str(main), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'^(\S+?)(?:::)? "(.*)";$', done.stdout, re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


needs_apt = pytest.mark.skipif(shutil.which("apt-config") is None, reason="apt is not installed")


@needs_apt
def test_apt_reads_security_alone_and_no_restart(host: Path) -> None:
    before = read_by_apt(host)
    assert before["Unattended-Upgrade::Automatic-Reboot"] == ["true"]
    converge(host, SUNDAYS)
    after = read_by_apt(host)
    assert after["Unattended-Upgrade::Automatic-Reboot"] == ["false"]
    for name in ("Enable", "Update-Package-Lists", "Unattended-Upgrade"):
        assert after[f"APT::Periodic::{name}"] == ["1"]
    origins = [one for one in after["Unattended-Upgrade::Origins-Pattern"] if one]
    assert "origin=Debian,codename=${distro_codename}-security,label=Debian-Security" in origins
    assert "origin=Ubuntu,archive=${distro_codename}-security" in origins
    assert [one for one in origins if "-security" not in one] == []
    assert [one for one in after.get("Unattended-Upgrade::Allowed-Origins", []) if one] == []


@needs_apt
def test_apt_reads_what_is_left_out_and_keeps_what_the_host_leaves_out(host: Path) -> None:
    converge(host, SUNDAYS)
    patterns = [one for one in read_by_apt(host)["Unattended-Upgrade::Package-Blacklist"] if one]
    # As unattended-upgrades asks (is_pkgname_in_blacklist): re.match of each expression.
    assert [name for name in HELD if not any(re.match(one, name) for one in patterns)] == []
    assert [name for name in FREE if any(re.match(one, name) for one in patterns)] == []
    assert "postgresql-" in patterns


@needs_apt
def test_without_security_nothing_is_installed_by_itself(host: Path) -> None:
    converge(host, Policy(False, "never", SUNDAYS.reboot))
    assert read_by_apt(host)["APT::Periodic::Unattended-Upgrade"] == ["0"]


def test_each_supported_distribution_has_its_origins() -> None:
    assert set(settings.ORIGINS) == {packages for _name, packages in SUPPORTED.values()}


@pytest.mark.skipif(shutil.which("perl") is None, reason="Perl is not installed")
def test_needrestart_leaves_docker_alone(host: Path) -> None:
    """needrestart(1) evaluates the files of conf.d as Perl, and asks each expression whether it matches a service."""
    converge(host, SUNDAYS)
    program = (
        "our %nrconf = (override_rc => {}); do $ARGV[0] or die $@; for my $rc (@ARGV[1..$#ARGV]) {"
        " print qq($rc\\n) if grep { $rc =~ /$_/ and !$nrconf{override_rc}{$_} } keys %{$nrconf{override_rc}}; }"
    )
    services = ["docker.service", "containerd.service", "ssh.service", "cron.service"]
    done = subprocess.run(
        ["perl", "-e", program, str(host / settings.NEEDRESTART), *services], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["docker.service", "containerd.service"]


def test_the_second_run_changes_nothing_and_taken_out_everything_is_as_before(host: Path) -> None:
    before = sorted((path.name, path.read_text()) for path in (host / settings.FOLDER).iterdir())
    assert len(converge(host, SUNDAYS).files) == 3
    assert converge(host, SUNDAYS).files == ()
    assert {file.path for file in converge(host, None).files} == {
        settings.APT,
        settings.NEEDRESTART,
        settings.policy.FILE,
    }
    assert sorted((path.name, path.read_text()) for path in (host / settings.FOLDER).iterdir()) == before
    assert converge(host, None).files == ()


def test_who_else_looks_after_updates_is_named(host: Path) -> None:
    converge(host, SUNDAYS)
    assert settings.others(host) == [], "the host's own files come before and are overruled"
    (host / settings.FOLDER / "99site.conf").write_text('Unattended-Upgrade::Automatic-Reboot "true";\n')
    (host / settings.FOLDER / "99proxy").write_text('Acquire::http::Proxy "http://p:1";\n')
    (host / settings.FOLDER / "99old.bak").write_text('APT::Periodic::Enable "0";\n')
    (host / "var/lib/dpkg/info").mkdir(parents=True)
    (host / "var/lib/dpkg/info/cron-apt.list").touch()
    (host / settings.AFTER_ALL).write_text('APT::Periodic::Enable "0";\n')
    first, second, third = settings.others(host)
    assert first.startswith("cron-apt is installed")
    assert "99site.conf is read after" in second and "Unattended-Upgrade" in second
    assert third.startswith("/etc/apt/apt.conf is read after")
