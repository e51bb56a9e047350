# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/demo.sh with stand-ins for what it calls: it says what it does now, how long that took, and what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from paths import ROOT

DOCKER = """#!/bin/sh
case "$1 $2" in
  "container inspect") echo true ;;
  "port "*) echo 127.0.0.1:9555 ;;
esac
"""


def demo(folder: Path, playbook: str, **environment: str) -> subprocess.CompletedProcess[str]:
    tools = folder / "checkout/tools"
    tools.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "tools/demo.sh", tools)
    programs = {
        tools / "engine.sh": "#!/bin/sh\n",
        folder / "bin/docker": DOCKER,
        folder / "bin/ansible-playbook": f"#!/bin/sh\n{playbook}\n",
        folder / "bin/python": "#!/bin/sh\n",
    }
    (folder / "bin").mkdir(exist_ok=True)
    for path, text in programs.items():
        path.write_text(text)
        path.chmod(0o755)
    env = os.environ | {"PATH": f"{folder}/bin:{os.environ['PATH']}", "DEMO_INTERVAL": "1"} | environment
    return subprocess.run([tools / "demo.sh", "up"], env=env, capture_output=True, text=True, check=False, timeout=60)


def test_it_says_what_it_does_now_and_how_long_it_took_the_last_time(tmp_path: Path) -> None:
    works = (
        "echo 'TASK [labserver.jupyter.hub : Run | Start the hub] ***'; sleep 3; printf 'demo:\\n  changed hub: x\\n'"
    )
    first = demo(tmp_path, works)
    assert first.returncode == 0, first.stderr
    assert "s: hub : Run | Start the hub" in first.stdout
    assert "last time" not in first.stdout
    assert "https://localhost:9555" in first.stdout, "the port that the container really has"
    assert "changed hub: x" in first.stdout
    again = demo(tmp_path, works)
    assert (
        "[3/4] Making it a lab server: ansible-playbook -i inventory/demo playbooks/site.yml (last time "
        in again.stdout
    )
    assert " s of about " in again.stdout


def test_a_failure_says_what_to_do(tmp_path: Path) -> None:
    done = demo(tmp_path, "echo 'no answer from the mirror'; exit 2")
    assert done.returncode == 1
    assert "no answer from the mirror" in done.stderr
    assert "step 3" in done.stderr and ".cache/demo.log" in done.stderr
    assert "make demo again" in done.stderr


def test_a_wrong_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    done = demo(tmp_path, "true", DEMO_PORT="many")
    assert done.returncode == 1
    assert "DEMO_PORT is 'many'" in done.stderr
    assert "[1/4]" not in done.stdout
