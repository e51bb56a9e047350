# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments that last, in the real notebook image: made in one server, kernels of the next, told of after an update.

Each "server" is a container of its own with the same home, as any uid. What an update of the image's Python leaves is
an environment whose folder of packages and link have another version in their names.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from long_tests import long

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("docker"), reason="needs root and a Docker engine"),
]
UID = 23456
# Runs in the image: lists kernels as the server does, and runs code in some of them.
KERNELS = r"""
import json, sys
from jupyter_client.manager import KernelManager
from jupyter_server.serverapp import ServerApp
app = ServerApp(); app.load_config_file(); app.init_configurables()
specs = app.kernel_spec_manager
found = {name: one["spec"]["display_name"] for name, one in specs.get_all_specs().items()}
said = {}
for name, code in json.loads(sys.argv[1]).items():
    kernel = KernelManager(kernel_name=name, kernel_spec_manager=specs)
    kernel.start_kernel()
    client = kernel.client(); client.start_channels(); client.wait_for_ready(120)
    out = []
    def hook(message):
        content = message["content"]
        out.append(content["text"] if message["msg_type"] == "stream" else "\n".join(content.get("traceback", [])))
    client.execute_interactive(code, output_hook=hook, timeout=120)
    client.stop_channels(); kernel.shutdown_kernel(now=True)
    said[name] = "".join(out)
print(json.dumps([found, said]))
"""


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def image(request: pytest.FixtureRequest) -> str:
    """Return the notebook image, or one on it (``LABSERVER_NOTEBOOK_IMAGE``)."""
    return os.environ.get("LABSERVER_NOTEBOOK_IMAGE") or str(request.getfixturevalue("notebook_image"))


class Person:
    """Somebody with a home, and their servers one after another."""

    def __init__(self, image: str, folder: Path):
        self.image, self.home, self.shared = image, folder / "home", folder / "leem"
        folder.chmod(0o755)
        for path in (self.home, self.shared):
            path.mkdir()
            os.chown(path, UID, UID)

    def server(self, script: str, *arguments: str) -> str:
        """Run a script in a new server; returns what it prints."""
        mounts = ["-v", f"{self.home}:/home/x", "-v", f"{self.shared}:/mnt/leem"]
        variables = {
            "HOME": "/home/x", "JUPYTER_RUNTIME_DIR": "/tmp/r",
            "LABSERVER_FOLDERS": "/mnt/leem", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "JUPYTERHUB_DISABLE_USER_CONFIG": "1",
        }  # fmt: skip
        options = [option for key, value in variables.items() for option in ("-e", f"{key}={value}")]
        trust = Path("/etc/ssl/certs/ca-certificates.crt")
        mounts += ["-v", f"{trust}:{trust}:ro"] if trust.exists() else []
        return docker(
            "run", "--rm", "--init", "--network", "host", "--user", f"{UID}:{UID}", "--cap-drop", "ALL", *options,
            *mounts, "-w", "/home/x", self.image, "bash", "-ec", script, "bash", *arguments,
        )  # fmt: skip

    def kernels(self, **code: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return the kernels that a new server lists, and what code says in some of them."""
        asked = {name.replace("_", "-"): text for name, text in code.items()}
        answer = self.server('python -s -c "$1" "$2"', KERNELS, json.dumps(asked))
        found, said = json.loads(answer.splitlines()[-1])
        return found, said


@pytest.fixture
def person(image: str, tmp_path: Path) -> Person:
    return Person(image, tmp_path)


def age(environment: Path) -> None:
    """Leave an environment as an image with another Python finds it."""
    (environment / "lib/python3.13").rename(environment / "lib/python3.12")
    for name in ("python", "python3", "python3.13"):
        link = environment / "bin" / name
        if link.is_symlink():
            link.unlink()
            link.symlink_to("/usr/bin/python3.12")


@long("soak-long")
def test_environments_are_kernels_of_the_next_server_and_are_repaired_after_an_update(person: Person) -> None:
    person.server(
        "python3 -m venv envs/analysis && envs/analysis/bin/pip install -q ipykernel six"
        " && python3 -m venv /mnt/leem/envs/shared && /mnt/leem/envs/shared/bin/pip install -q ipykernel"
    )
    found, said = person.kernels(
        env_analysis="import six, sys, os; print(sys.prefix, os.environ['VIRTUAL_ENV'])",
        env_leem_shared="import sys; print(sys.prefix)",
    )
    assert found["env-analysis"] == "Python (analysis)" and found["env-leem-shared"] == "Python (leem: shared)"
    assert said["env-analysis"] == "/home/x/envs/analysis /home/x/envs/analysis\n"
    assert said["env-leem-shared"] == "/mnt/leem/envs/shared\n"

    age(person.home / "envs/analysis")
    found, said = person.kernels(env_analysis="1 + 1")
    assert found["env-analysis"] == "Python (analysis): to be repaired"
    assert "made with Python 3.12" in said["env-analysis"]
    (command,) = (line.strip() for line in said["env-analysis"].splitlines() if "repair /" in line)
    person.server(command)
    found, said = person.kernels(env_analysis="import six; print(six.__name__)")
    assert (found["env-analysis"], said["env-analysis"]) == ("Python (analysis)", "six\n")


def test_packages_of_the_home_last_and_are_named_after_an_update(person: Person) -> None:
    person.server("pip install -q pyflakes")  # without --user, as people type it
    _found, said = person.kernels(python3="import pyflakes; print(pyflakes.__file__)")
    assert said["python3"].startswith("/home/x/.local/lib/python3.13/")
    (person.home / ".local/lib/python3.13").rename(person.home / ".local/lib/python3.12")
    _found, said = person.kernels(python3="import pyflakes")
    assert "for Python 3.12; this image has Python 3.13" in said["python3"]
    assert "%pip install --user pyflakes" in said["python3"]
    assert "pip install --user pyflakes" in person.server("labserver-environments")
    assert "labserver-environments" in person.server("bash -lic true 2>/dev/null")


def test_downloads_stay_out_of_the_home(person: Person) -> None:
    code = "import os, subprocess; subprocess.run(['pip', 'install', '-q', 'pyflakes'], check=True)"
    code += "; print(os.listdir(os.environ['XDG_CACHE_HOME']))"
    assert "'pip'" in person.kernels(python3=code)[1]["python3"]
    assert not (person.home / ".cache/pip").exists()


@long("soak-long")
def test_what_people_register_themselves_is_told_of_as_well(person: Person) -> None:
    person.server(
        "python3 -m venv mine && mine/bin/pip install -q ipykernel"
        " && mine/bin/python -m ipykernel install --user --name mine --display-name 'My own' 2>/dev/null"
    )
    assert person.kernels(mine="import sys; print(sys.prefix)")[1]["mine"] == "/home/x/mine\n"
    age(person.home / "mine")
    found, said = person.kernels(mine="1 + 1")
    assert found["mine"] == "My own: to be repaired" and "labserver-environments repair /home/x/mine" in said["mine"]


def test_nothing_that_people_install_keeps_their_server_from_starting(person: Person) -> None:
    site = person.home / ".local/lib/python3.13/site-packages"
    site.mkdir(parents=True)
    (site / "usercustomize.py").write_text("import os\nos._exit(3)\n")
    assert person.server("python -c 1 || echo $?") == "3"
    for program in ("jupyter-lab", "jupyterhub-singleuser"):
        assert person.server(f"{program} --version")[0].isdigit()


def test_another_version_of_what_the_image_has_is_refused_and_not_ignored(person: Person) -> None:
    assert "lack sys.path precedence" in person.server("pip install -q --user traitlets==5.14.0 2>&1 || true")


def test_a_terminal_has_the_images_python_and_the_peoples_commands(person: Person) -> None:
    """A terminal is a login shell, for which /etc/profile sets PATH anew."""
    person.server("pip install -q --user pyflakes")
    assert person.server("bash -lc 'command -v python pip pyflakes'").splitlines() == [
        "/opt/jupyter/bin/python",
        "/opt/jupyter/bin/pip",
        "/home/x/.local/bin/pyflakes",
    ]
