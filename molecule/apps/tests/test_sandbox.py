# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Code from strangers against the sandbox. The host's own /proc and the engine's list say what really happened."""

from __future__ import annotations

import base64
import time
import typing as t

import pytest
from conftest import INPUTS
from paths import ROOT
from role_run import run_playbook

LIMIT = "--seconds 20"


def project(host: t.Any, code: str, conf: str = "") -> str:
    """Put a project folder on the host; returns its path."""
    folder = host.check_output("mktemp -d /srv/sandbox-XXXXXX")
    for name, text in (("main.py", code), ("conf.yml", conf)):
        if text:
            encoded = base64.b64encode(text.encode()).decode()
            host.check_output(f"echo {encoded} | base64 -d > {folder}/{name}")
    host.check_output(f"chmod 755 {folder}")
    return folder


def sandbox(
    host: t.Any, code: str, arguments: str = LIMIT, action: str = "run", conf: str = "", stdin: str = ""
) -> t.Any:
    feed = f"echo {base64.b64encode(stdin.encode()).decode()} | base64 -d |" if stdin else "</dev/null"
    command = f"labserver sandbox {arguments} {action} {project(host, code, conf)}"
    return host.run(f"{feed} {command}" if stdin else f"{command} {feed}")


@pytest.fixture(autouse=True)
def nothing_is_left(host: t.Any) -> t.Iterator[None]:
    """After every attack: no container of the sandbox, and no process of its user, on the host."""
    yield
    assert host.check_output("docker ps -aq --filter label=org.labserver.room=sandbox") == ""
    assert host.run("ps -o pid= -u 64110").stdout.strip() == ""


def test_its_playbook_finds_nothing_to_change(host: t.Any) -> None:
    """The playbook validates the inventory and applies the roles docker and sandbox, which the scenario has applied."""
    status, text = run_playbook(ROOT / "playbooks" / "sandbox.yml", INPUTS)
    assert status == 0, text
    assert "labserver.jupyter.sandbox" in text and " changed=0 " in text, text


def test_honest_code_runs_and_its_status_comes_back(host: t.Any) -> None:
    result = sandbox(host, "import os, sys; print('hello', os.getuid()); sys.exit(7)")
    assert (result.rc, result.stdout) == (7, "hello 64110\n")


def test_actions_come_from_conf_yml(host: t.Any) -> None:
    conf = "actions:\n  greet: [echo, 'good morning']\n"
    assert sandbox(host, "", action="greet", conf=conf).stdout == "good morning\n"
    wrong = sandbox(host, "", action="run", conf=conf)
    assert wrong.rc == 1 and "the project has no action 'run'; it has: greet" in wrong.stdout


def test_test_action_runs_the_tests_of_a_project(host: t.Any) -> None:
    folder = project(host, "def double(x):\n    return 3 * x\n")
    text = "from main import double\n\ndef test_double():\n    assert double(2) == 4\n"
    host.check_output(f"echo {base64.b64encode(text.encode()).decode()} | base64 -d > {folder}/test_main.py")
    result = host.run(f"labserver sandbox {LIMIT} test {folder} </dev/null")
    assert result.rc == 1 and "assert 6 == 4" in result.stdout


def test_repl_answers(host: t.Any) -> None:
    assert "42" in sandbox(host, "", action="repl", stdin="print(6 * 7)\nexit()\n").stdout


def test_fork_bomb(host: t.Any) -> None:
    before = int(host.check_output("cat /proc/loadavg").split()[3].split("/")[1])
    code = """
import os
while True:
    try:
        os.fork()
    except OSError as error:
        print(error.errno, flush=True)
"""
    started = time.monotonic()
    result = sandbox(host, code, "--seconds 4")
    assert result.rc in (124, 120)  # over time, or over the output that its own complaints made
    assert "11\n" in result.stdout  # EAGAIN: the limit of processes was met
    assert time.monotonic() - started < 20
    after = int(host.check_output("cat /proc/loadavg").split()[3].split("/")[1])
    assert after < before + 64


def test_processes_are_counted(host: t.Any) -> None:
    code = """
import os, time
children = 0
try:
    while os.fork():
        children += 1
    time.sleep(60)
except OSError:
    print(children)
"""
    assert sandbox(host, code).stdout == "63\n"  # and the first one


def test_memory_bomb(host: t.Any) -> None:
    result = sandbox(
        host, "x = []\nwhile True:\n    x.append(bytearray(16 * 1024 * 1024))\n    print(len(x), flush=True)\n"
    )
    assert result.rc == 137
    assert "more memory than 268435456 bytes" in result.stderr
    assert int(result.stdout.split()[-1]) <= 16  # times 16 MiB is the limit: nothing went to swap


def test_memory_bomb_through_the_file_system(host: t.Any) -> None:
    code = """
with open("/tmp/x", "wb", buffering=0) as file:
    for count in range(1000):
        file.write(bytes(1024 * 1024))
        print(count, flush=True)
"""
    result = sandbox(host, code)
    assert result.rc == 1 and "No space left on device" in result.stdout
    assert result.stdout.splitlines()[-1] != "999"
    assert "\n70\n" not in result.stdout  # 64 MiB


def test_endless_loop_that_ignores_signals(host: t.Any) -> None:
    code = """
import signal
for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except OSError:
        pass
while True:
    pass
"""
    started = time.monotonic()
    result = sandbox(host, code, "--seconds 3")
    assert result.rc == 124
    assert "time limit of 3 s" in result.stderr
    assert time.monotonic() - started < 15


def test_endless_output(host: t.Any) -> None:
    result = sandbox(host, "while True: print('x' * 1000)")
    assert result.rc == 120
    assert len(result.stdout) == 1024 * 1024


def test_no_network(host: t.Any) -> None:
    gateway = host.check_output("ip -4 -o addr show docker0").split()[3].split("/")[0]
    code = (
        "import socket, pathlib\n"
        "print(sorted(p.name for p in pathlib.Path('/sys/class/net').iterdir()))\n"
        f"for target in ('{gateway}', '192.0.2.1'):\n"
        "    try:\n        socket.create_connection((target, 22), timeout=3)\n        print('out!')\n"
        "    except OSError as e: print(e.errno)\n"
    )
    lines = sandbox(host, code).stdout.splitlines()
    assert lines == ["['lo']", "101", "101"]  # ENETUNREACH


WRITABLE = """
import os
found = []
for folder, _names, _files in os.walk("/"):
    if folder.startswith(("/proc", "/sys")):
        continue
    try:
        path = os.path.join(folder, ".probe")
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        os.unlink(path)
        found.append(folder)
    except OSError:
        pass
print(found)
"""


def test_nothing_but_tmp_can_be_written(host: t.Any) -> None:
    folder = project(host, WRITABLE)
    host.check_output(f"chmod 777 {folder}")  # even a project open to everybody stays as it is
    result = host.run(f"labserver sandbox {LIMIT} run {folder} </dev/null")
    assert result.stdout.strip() == "['/tmp']"
    assert host.check_output(f"ls -A {folder}") == "main.py"


def test_no_rights_to_gain(host: t.Any) -> None:
    code = (
        "import re\nstatus = open('/proc/self/status').read()\n"
        "print(re.findall(r'^(?:CapEff|CapBnd|NoNewPrivs|Seccomp):\\s*(\\S+)', status, re.M))\n"
    )
    capabilities = sandbox(host, code).stdout.strip()
    assert capabilities == "['0000000000000000', '0000000000000000', '1', '2']"


def test_the_command_refuses_what_is_no_project(host: t.Any) -> None:
    assert host.run("labserver sandbox run /srv/ghost </dev/null").rc == 125
    refused = host.run("labserver sandbox 'a b' /srv </dev/null")
    assert refused.rc == 125 and "is not the name of an action" in refused.stderr
