# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as AWX runs them: ansible-runner, a fresh copy for each, a script as inventory, the vault's password typed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
import yaml
from long_tests import long
from paths import ROOT

pytestmark = long("soak-long")
PAGE = (ROOT / "docs/howto/awx.md").read_text()
PLAY = """---
- name: Check the inventory
  ansible.builtin.import_playbook: labserver.jupyter.validate

- name: Write what a run writes on the controller
  hosts: all
  gather_facts: false
  tasks:
    - name: Look at the secret of the vault
      ansible.builtin.assert:
        that: vault_nas_password == 'sesame'
        quiet: true
    - name: Record the numbers
      ansible.builtin.include_role: {name: labserver.jupyter.accounts, tasks_from: record}
      vars:
        __accounts_numbers: {content: "user mira 2000\\n", hosts: [atlas]}
    - name: Collect the one-time passwords
      ansible.builtin.include_role: {name: labserver.jupyter.hub, tasks_from: collect}
      vars:
        __hub_passwords: {pending: 1}
        __hub_one_time_file: "{{ playbook_dir }}/one-time"
"""


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of a virtual environment with ansible-runner."""
    folder = tmp_path_factory.mktemp("runner")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin/pip", "install", "--quiet", "ansible-runner", "ansible-core"], check=True)
    return folder / "bin"


def job(folder: Path, runner: Path, variables: dict[str, object]) -> subprocess.CompletedProcess[str]:
    """Run the play once, in a copy that is made for this job alone."""
    for name in ("env", "inventory", "project/group_vars/all"):
        (folder / name).mkdir(parents=True)
    lab: dict[str, object] = {
        "accounts_groups": [{"name": "leem"}],
        "accounts_users": [{"name": "mira", "groups": ["leem"]}],
    }
    lab |= {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts = {"all": {"hosts": ["atlas"], "vars": lab | variables}, "_meta": {"hostvars": {"atlas": {}}}}
    script = folder / "inventory/hosts"
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(hosts)}\nEND\n")
    script.chmod(0o700)
    (folder / "project/job.yml").write_text(PLAY)
    (folder / "project/one-time").write_text("mira\topen-sesame\n")
    vault, word = folder / "project/group_vars/all/vault.yml", folder / "word"
    vault.write_text("vault_nas_password: sesame\n")
    word.write_text("word of the vault\n")
    encrypt = [runner / "ansible-vault", "encrypt", "--vault-password-file", word, vault]
    subprocess.run(encrypt, capture_output=True, check=True)
    word.unlink()
    path = f"{runner}:/usr/bin:/bin"
    settings = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"), "ANSIBLE_NOCOLOR": "1"}
    (folder / "env/envvars").write_text(json.dumps(settings))
    (folder / "env/passwords").write_text(json.dumps({r"Vault password:\s*?$": "word of the vault"}))
    (folder / "env/cmdline").write_text("--ask-vault-pass")
    return subprocess.run(
        [runner / "ansible-runner", "run", folder, "-p", "job.yml"],
        env={"PATH": path, "HOME": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_what_the_page_names_outlives_the_copy_of_a_job(runner: Path, tmp_path: Path) -> None:
    (block,) = re.findall(r"<!-- inventory -->\n```yaml\n(.*?)```", PAGE, re.DOTALL)
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    variables = yaml.safe_load(block.replace("/var/lib/lab-state", str(state)))
    done = job(tmp_path / "first", runner, variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (state / "accounts-ids.txt").read_text() == "user mira 2000\n"
    slip = state / "one-time-passwords/atlas.txt"
    assert slip.read_text() == "mira\topen-sesame\n"
    assert (slip.stat().st_mode & 0o777, slip.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    written = {path.name for path in (tmp_path / "first").rglob("*") if path.is_file()}
    assert not {"accounts-ids.txt", "atlas.txt"} & written
    # What AWX keeps of a job, for all who may read it.
    kept = [path.read_text() for path in (tmp_path / "first/artifacts").rglob("*") if path.is_file()]
    assert kept
    # A file that is read from a host comes as base64.
    secrets = ("open-sesame", b64encode(slip.read_bytes()).decode(), "word of the vault")
    assert not [secret for secret in secrets for text in (*kept, done.stdout) if secret in text]
    again = job(tmp_path / "second", runner, variables)
    assert again.returncode == 0, again.stdout + again.stderr
    assert " changed=0 " in re.sub(r"\s+", " ", again.stdout), "a second copy finds what the first one left"


def test_without_them_both_lie_in_the_copy(runner: Path, tmp_path: Path) -> None:
    done = job(tmp_path / "first", runner, {})
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("accounts-ids.txt", "one-time-passwords/atlas.txt"):
        assert (tmp_path / "first/inventory" / name).is_file(), name
