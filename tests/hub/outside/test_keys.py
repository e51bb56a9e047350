# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys of the roster open the way to files, and the containers' own."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from labhub.outside import keys
from labhub.servers import box


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("ssh-ed25519 AAAA alice@laptop", "ssh-ed25519 AAAA"),
        ("  sk-ssh-ed25519@openssh.com AAAA", "sk-ssh-ed25519@openssh.com AAAA"),
        ('from="192.0.2.0/24" ssh-ed25519 AAAA', ""),
        ('command="backup" ssh-ed25519 AAAA', ""),
        ("restrict ssh-ed25519 AAAA", ""),
        ("ssh-dss AAAA", ""),
        ("ssh-rsa-cert-v01@openssh.com AAAA", ""),
        ("ssh-ed25519", ""),
        ("", ""),
        ("ssh-ed25519 " + "A" * 9000, ""),
    ],
)
def test_a_key_that_is_meant_for_less_opens_nothing(line: str, found: str) -> None:
    assert keys.plain(line) == found


def test_a_containers_key_is_one_for_openssh(tmp_path: Path) -> None:
    private = keys.new_host_key()
    file = tmp_path / "key"
    file.write_bytes(base64.b64decode(private))
    file.chmod(0o600)
    public = subprocess.run(["ssh-keygen", "-y", "-f", file], capture_output=True, text=True, check=True).stdout
    container = {"Config": {"Env": ["A=b", f"{box.HOST_KEY}={private}"]}}
    assert keys.public_host_key(container) == public.strip()
    with pytest.raises(ValueError, match="no key"):
        keys.public_host_key({"Config": {"Env": []}})
