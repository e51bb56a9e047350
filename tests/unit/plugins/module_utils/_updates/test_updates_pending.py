# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apt says in a simulation, and what becomes of each package."""

from __future__ import annotations

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._updates import pending
from ansible_collections.labserver.jupyter.plugins.module_utils._updates.policy import Policy, Reboot

SUNDAY = Reboot("sunday", "04:00")
# Lines as apt 2.9 and 3.0 write them.
SAID = """\
NOTE: This is only a simulation!
Reading package lists...
The following packages have been kept back:
  grub-pc postgresql-17
  openssh-server
The following packages will be upgraded:
  docker.io openssl
Inst openssl [3.5.1-1] (3.5.1-1+deb13u1 Debian-Security:13/stable-security [amd64])
Inst base-files [13.8] (13.8+deb13u1 Debian:13.1/stable [amd64])
Inst libxml2 [2.12.7] (2.12.7+1 Debian:13.1/stable, Debian-Security:13/stable-security [amd64]) []
Inst docker.io [26.1.5+dfsg1-9] (26.1.5+dfsg1-9+deb13u1 Debian-Security:13/stable-security [amd64])
Inst docker-ce [5:27.1] (5:27.3.1-1 Docker CE:trixie [amd64])
Inst libnvidia-gl-550 [550.1] (550.2 Ubuntu:24.04/noble-updates, Ubuntu:24.04/noble-security [amd64])
Inst cuda-drivers [12.1] (12.2 NVIDIA:cuda [amd64])
Inst linux-image-6.12.2-amd64 (6.12.2-1 Debian-Security:13/stable-security [amd64])
Conf openssl (3.5.1-1+deb13u1 Debian-Security:13/stable-security [amd64])
"""


def test_apts_words_are_understood() -> None:
    found = pending.parse(SAID)
    assert len(found.packages) == 8
    security = {one.name for one in found.packages if one.security}
    assert security == {
        "openssl", "libxml2", "docker.io", "docker-ce", "libnvidia-gl-550", "linux-image-6.12.2-amd64",
    }  # fmt: skip
    assert found.engine == ("docker.io", "docker-ce")
    assert found.drivers == ("libnvidia-gl-550",)
    assert found.kept_back == ("grub-pc", "postgresql-17", "openssh-server")


@pytest.mark.parametrize(
    ("policy", "package", "becomes"),
    [
        (Policy(True, "with_reboot", SUNDAY), "openssl", "installed within a day"),
        (Policy(False, "with_reboot", SUNDAY), "openssl", "security: false"),
        (Policy(True, "with_reboot", SUNDAY), "base-files", "is not of security"),
        (Policy(True, "with_reboot", SUNDAY), "docker.io", "waits for the window"),
        (Policy(True, "when_idle", None), "docker.io", "until nobody's server runs"),
        (Policy(True, "never", SUNDAY), "docker-ce", "engine: never"),
        (Policy(True, "never", SUNDAY), "libnvidia-gl-550", "waits for the window"),
        (Policy(True, "never", None), "libnvidia-gl-550", "needs a restart"),
        (Policy(True, "never", SUNDAY), "cuda-drivers", "is not of security"),
        (Policy(True, "never", SUNDAY), "grub-pc", "apt keeps it back"),
        (None, "openssl", "the host's own settings"),
    ],
)
def test_each_package_has_a_reason(policy: Policy | None, package: str, becomes: str) -> None:
    rows = {row["package"]: row["becomes"] for row in pending.told(pending.parse(SAID), policy)}
    assert becomes in rows[package]
