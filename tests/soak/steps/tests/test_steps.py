# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""STEPS as people have it: from the hub's list, and as an app of their own. Each solver gets a known number right."""

from __future__ import annotations

import json
import math
import typing as t
from pathlib import Path

import hub_host
import pytest
from hub_client import Kernel

IMAGE = "127.0.0.1:5000/steps:5.1"
MODELS = (Path(__file__).parent / "models.py").read_text()
LEFT = 100_000 * math.exp(-2.0 * 0.5)  # molecules of A, which decays at 2 per second, after half a second


def sh(host: t.Any, command: str) -> str:
    return str(host.check_output("sh -c %s", command))


@pytest.fixture(scope="module")
def kernel(host: t.Any) -> t.Iterator[Kernel]:
    """A kernel on the server that alice started from the hub's list."""

    def run(command: str) -> str:
        return sh(host, command)

    alice = hub_host.logged_in(run, hub_host.base_url(run), "alice", "A password of my own")
    if alice.server() is not None:
        alice.stop()
    assert "steps:5.1" in alice.images()
    alice.start("steps:5.1")
    alice.wait_ready(180)
    yield alice.kernel()
    alice.stop()


def test_the_image_starts_servers_for_the_hub(host: t.Any) -> None:
    version = sh(host, f"docker run --rm --network none --user 20001:20001 {IMAGE} jupyterhub-singleuser --version")
    assert version.strip() == "6.1.1"


def test_the_server_runs_as_its_person(kernel: Kernel) -> None:
    assert kernel.run("import os; print(os.getuid())").strip() == "20001"


@pytest.mark.parametrize("solver", ["Wmrk4", "TetODE"])
def test_solvers_without_chance_are_exact(kernel: Kernel, solver: str) -> None:
    assert float(kernel.run(f"{MODELS}\nprint(decay({solver!r}))", 120)) == pytest.approx(LEFT, rel=1e-4)


@pytest.mark.parametrize("solver", ["Wmdirect", "Wmrssa", "Tetexact"])
def test_solvers_with_chance_are_within_six_standard_deviations(kernel: Kernel, solver: str) -> None:
    deviation = math.sqrt(LEFT * (1 - LEFT / 100_000))
    found = float(kernel.run(f"{MODELS}\nprint(decay({solver!r}))", 120))
    assert abs(found - LEFT) < 6 * deviation
    assert found != LEFT


@pytest.mark.parametrize("solver", ["TetOpSplit", "TetVesicle"])
def test_solvers_by_mpi_with_two_processes(kernel: Kernel, solver: str) -> None:
    """Each process holds a part of the mesh; the sum is that of all."""
    kernel.run(f"open('model.py', 'w').write({MODELS + f'print_by_mpi({solver!r})'!r})")
    command = "mpirun --oversubscribe -n 2 python3 model.py 2>&1"
    printed = kernel.run(f"import subprocess; print(subprocess.getoutput({command!r}))", 180)
    (line,) = [line for line in printed.splitlines() if line.startswith("counted ")] or [pytest.fail(printed)]
    _word, processes, found = line.split()
    assert processes == "2"
    assert abs(float(found) - LEFT) < 6 * math.sqrt(LEFT * (1 - LEFT / 100_000))


def test_the_app_for_one_person(host: t.Any) -> None:
    token = sh(host, "cat /etc/labserver/compose/steps-alice/secrets/token").strip()

    def ask(method: str, path: str, body: str = "", header: str = "") -> str:
        url = f"http://127.0.0.1:8888/api/{path}"
        call = f"u.Request({url!r}, method={method!r}, data={body!r}.encode() or None, headers={{{header}}})"
        code = f"import urllib.request as u; a = u.urlopen({call}, timeout=30); print(a.status, a.read().decode())"
        result = host.run("python3 -c %s", code)
        return str(result.stdout if result.rc == 0 else result.stderr)

    login = f"'Authorization': 'token {token}'"
    assert "403" in ask("GET", "contents") and "403" in ask("GET", "contents", header="'Authorization': 'token no'")
    assert ask("GET", "contents", header=login).startswith("200 ")
    body = json.dumps({"type": "file", "format": "text", "content": "mine"})
    assert ask("PUT", "contents/note.txt", body, login)[:4] in ("200 ", "201 ")
    written = host.file("/home/jupyter-alice/notebooks/note.txt")
    assert (written.content_string, written.uid, written.gid) == ("mine", 20001, 20001)
    kernel = json.loads(ask("POST", "kernels", "{}", login).split(" ", 1)[1])
    assert kernel["name"] == "python3"
    assert token not in sh(host, "docker inspect steps-alice-jupyterlab-1")
    inside = f"{MODELS}\nprint(decay('Wmrk4'))"
    found = host.run("docker exec -w /tmp/home steps-alice-jupyterlab-1 python3 -c %s", inside)
    assert float(found.stdout) == pytest.approx(LEFT, rel=1e-4), found.stderr
