# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs by operating system stands in tables, which know the systems that are supported and names that exist."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml
from paths import ROOT

sys.path.insert(0, str(ROOT / "collections"))
from ansible_collections.labserver.jupyter.plugins.module_utils._host.systems import SUPPORTED

RELEASES = {f"{name}-{version.split('.')[0]}" for (_, version), (_, name) in SUPPORTED.items()}
PACKAGES: dict[str, dict[str, str]] = yaml.safe_load((ROOT / "tests/project/ubuntu_packages.yml").read_text())
BUILD = ROOT / "roles/image_build/files/images/base/build.sh"


def variables(role: str) -> dict[str, t.Any]:
    return dict(yaml.safe_load((ROOT / "roles" / role / "vars" / "main.yml").read_text()))


def test_every_table_knows_every_supported_system() -> None:
    assert set(variables("docker")["__docker_distribution_packages"]) == RELEASES
    assert set(variables("compose_app")["__compose_app_packages"]) == RELEASES
    assert set(variables("image_build")["__image_build_systems"]) == {release.split("-")[0] for release in RELEASES}
    assert set(PACKAGES) == {release for release in RELEASES if release.startswith("Ubuntu")}


@pytest.mark.parametrize("release", sorted(PACKAGES))
def test_names_of_ubuntu_have_a_source(release: str) -> None:
    names = set(variables("docker")["__docker_distribution_packages"][release])
    names.add(variables("compose_app")["__compose_app_packages"][release]["package"])
    names.add(variables("image_build")["__image_build_systems"]["Ubuntu"]["keyring"])
    names |= set(variables("proxy")["__proxy_packages"]) - {"openssl"}
    names |= {"cron", "restic", "certbot", "cifs-utils", "keyutils", "nfs-common", "mmdebstrap", "tini", "python3"}
    assert sorted(name for name in names if not PACKAGES[release].get(name)) == []
    assert all(not url or url.startswith("https://packages.ubuntu.com/") for url in PACKAGES[release].values())


def sources(folder: Path, os_release: str, targets: str, *arguments: str) -> tuple[int, str]:
    """Run build.sh on a stand-in for a host and return its exit status and the sources that mmdebstrap got."""
    folder.mkdir()
    (folder / "os-release").write_text(os_release)
    apt = f"field=$(echo \"$3\" | cut -d'|' -f2)\ncat <<'END' | sed \"s/^/$field|/\"\n{targets}END\n"
    programs = {
        "apt-get": f"#!/bin/sh\n{apt}",
        "setsid": '#!/bin/sh\nfor last; do :; done\ncp "$last" "$OUT"\n',
        "docker": "#!/bin/sh\n",
    }
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    # The stand-in for apt has a column more than apt: it says for which field it was asked.
    script = BUILD.read_text().replace("/etc/os-release", str(folder / "os-release"))
    script = script.replace("| sort -u)", f"| sort -u | {sys.executable} {folder}/select)")
    script = script.replace("mkdir -p /usr/local/share/ca-certificates", "")
    (folder / "select").write_text(
        "import sys\n"
        "for line in sys.stdin:\n"
        "    field, origin, codename, suite, url = line.strip().split('|')\n"
        "    print(origin, codename if 'CODENAME' in field else suite, url, sep='|')\n"
    )
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "OUT": str(folder / "out")}
    command = ["sh", "-s", "--", *arguments]
    done = subprocess.run(command, input=script, env=environment, capture_output=True, text=True, check=False)
    out = folder / "out"
    return done.returncode, out.read_text() if out.exists() else done.stderr


DEBIAN = "ID=debian\nVERSION_CODENAME=bookworm\n"
DEBIAN_TARGETS = (
    "Debian|bookworm|oldstable|http://deb.example.org/debian/\n"
    "Debian|bookworm-security|oldstable-security|http://deb.example.org/debian-security/\n"
    "Docker|bookworm|bookworm|http://docker.example.org/\n"
)
UBUNTU = "ID=ubuntu\nVERSION_CODENAME=noble\n"
UBUNTU_TARGETS = (
    "Ubuntu|noble|noble|http://archive.example.org/ubuntu/\n"
    "Ubuntu|noble|noble-updates|http://archive.example.org/ubuntu/\n"
    "Ubuntu|noble|noble-security|http://security.example.org/ubuntu/\n"
)


def test_base_image_comes_from_where_a_debian_host_gets_its_packages(tmp_path: Path) -> None:
    key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    status, said = sources(tmp_path / "host", DEBIAN, DEBIAN_TARGETS, "trixie", "labserver/base:1")
    assert (status, said.splitlines()) == (
        0,
        [
            f"deb {key} http://deb.example.org/debian/ trixie main",
            f"deb {key} http://deb.example.org/debian-security/ trixie-security main",
        ],
    )


def test_base_image_comes_from_where_an_ubuntu_host_gets_its_packages(tmp_path: Path) -> None:
    """Its security archive has the codename of the release, and tini is in universe."""
    key = "[signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg]"
    status, said = sources(tmp_path / "host", UBUNTU, UBUNTU_TARGETS, "noble", "labserver/base:1")
    assert (status, said.splitlines()) == (
        0,
        [
            f"deb {key} http://archive.example.org/ubuntu/ noble main universe",
            f"deb {key} http://archive.example.org/ubuntu/ noble-updates main universe",
            f"deb {key} http://security.example.org/ubuntu/ noble-security main universe",
        ],
    )


def test_base_image_can_come_from_a_debian_mirror_that_is_named(tmp_path: Path) -> None:
    named = ["http://deb.debian.org/debian trixie main", "http://deb.debian.org/debian-security trixie-security main"]
    status, said = sources(tmp_path / "host", UBUNTU, UBUNTU_TARGETS, "trixie", "labserver/base:1", *named)
    key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    assert (status, said.splitlines()) == (0, [f"deb {key} {source}" for source in named])


@pytest.mark.parametrize(
    ("os_release", "targets", "words"),
    [
        (UBUNTU, DEBIAN_TARGETS, "no Ubuntu archive for noble among the package sources"),
        ("ID=alpine\n", "", "this host is alpine"),
    ],
)
def test_a_host_without_an_archive_is_told_so(tmp_path: Path, os_release: str, targets: str, words: str) -> None:
    status, said = sources(tmp_path / "host", os_release, targets, "noble", "labserver/base:1")
    assert status == 1 and words in said
