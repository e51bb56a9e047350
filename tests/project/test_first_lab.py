# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Your first lab, with what the page tells to install and nothing of what this project's own tests need."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import venv
from pathlib import Path

import pytest
from paths import ROOT

PAGE = (ROOT / "docs/start/first-lab.md").read_text()
ANSWERS = """\
lab: Laboratory for Surfaces
server: atlas
address: 192.0.2.11
domain: lab.example.org
group: leem
people: mira Mira Maier; jonas Jonas Jensen
"""


def needed(*names: str) -> set[str]:
    """Return the distributions that pip installs for these, with all that they need on this machine."""
    found: set[str] = set()
    left = [re.sub(r"[-_.]+", "-", name).lower() for name in names]
    while left:
        name = left.pop()
        if name in found:
            continue
        found.add(name)
        for line in importlib.metadata.requires(name) or []:
            if "extra ==" not in line:
                wanted = re.match(r"[\w.-]+", line)
                assert wanted
                try:
                    importlib.metadata.distribution(wanted[0])
                except importlib.metadata.PackageNotFoundError:
                    continue  # for another Python or system
                left.append(re.sub(r"[-_.]+", "-", wanted[0]).lower())
    return found


@pytest.fixture
def controller(tmp_path: Path) -> Path:
    """A virtual environment with what requirements.txt names, and no more, linked from the one of the tests."""
    folder = tmp_path / "venv"
    venv.create(folder)
    packages = Path(next((folder / "lib").glob("python*/site-packages")))
    wanted = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    for name in needed(*wanted):
        tops = {Path(str(file)).parts[0] for file in importlib.metadata.files(name) or []}
        for top in tops - {"..", "__pycache__"}:
            real = Path(str(importlib.metadata.distribution(name).locate_file(top)))
            if not (packages / top).exists():
                (packages / top).symlink_to(real)
    return folder


def test_what_step_1_installs_is_enough_for_the_questions(controller: Path, tmp_path: Path) -> None:
    python = controller / "bin" / "python"
    other = subprocess.run([python, "-c", "import ansible; import pytest"], capture_output=True, text=True, check=False)
    assert "No module named 'pytest'" in other.stderr, "only what the page installs"
    (tmp_path / "answers.yml").write_text(ANSWERS)
    given = [f"INVENTORY={tmp_path / 'mylab'}", f"ANSWERS={tmp_path / 'answers.yml'}", f"VENV={controller}"]
    done = subprocess.run(
        ["make", "new-lab", *given], cwd=ROOT, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    steps = [re.sub(r" {2,}#.*", "", line).strip() for line in done.stdout.splitlines() if line.startswith("  ")]
    shown = PAGE.replace("inventory/mylab", str(tmp_path / "mylab")).replace("admin@", "root@")
    assert len(steps) == 5
    for step in steps:
        assert f"    {step}\n" in shown, f"the page says otherwise than the program: {step}"
