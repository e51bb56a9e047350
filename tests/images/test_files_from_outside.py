# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files from outside with OpenSSH's own programs, and attacks on that way: other homes, the host, ports, agents."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from live import free_port, wait_for
from outside_lab import NAMES, TOKEN, OutsideLab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OutsideLab]:
    lab = OutsideLab(tmp_path_factory.mktemp("outside"))
    lab.start_guard()
    lab.start()
    lab.start_front()
    yield lab
    lab.close()


def test_a_shell_is_the_persons_in_a_container_of_their_own_though_no_server_runs(lab: OutsideLab) -> None:
    done = lab.ssh("alice", "id -u; id -G; pwd; echo $HOME; cat; exit 7", text="through stdin\n")
    home = str(lab.home("alice"))
    assert done.stdout.split("\n")[:5] == ["20001", "20001 30001", home, home, "through stdin"], done
    assert done.returncode == 7
    assert lab.engine.containers == {}, "no Jupyter server was started"
    shown = lab.engine.real.inspect_container(lab.engine.made["files-jupyter-alice"])
    assert shown["HostConfig"]["CapDrop"] == ["ALL"] and shown["HostConfig"]["Memory"] == 256 << 20
    assert shown["HostConfig"]["SecurityOpt"] == ["no-new-privileges"] and not shown["HostConfig"]["Privileged"]


def test_a_signal_and_a_terminal_reach_the_program(lab: OutsideLab) -> None:
    assert lab.ssh("alice", "tty; stty size", before=("-tt",)).stdout.startswith("/dev/pts/")
    assert lab.ssh("alice", "kill -TERM $$").returncode in (255, 143)


def test_files_come_and_go_by_sftp_and_are_the_persons(lab: OutsideLab) -> None:
    data = lab.folder / "data.bin"
    data.write_bytes(b"spectrum" * 500_000)
    line = ["sftp", *lab.options("alice"), "-P", str(lab.ssh_port), "-b", "-", "alice@127.0.0.1"]
    batch = f"put {data} up.bin\nget up.bin {lab.folder}/back.bin\nls -l\n"
    done = subprocess.run(line, input=batch, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, done
    assert (lab.folder / "back.bin").read_bytes() == data.read_bytes()
    arrived = lab.home("alice") / "up.bin"
    assert (arrived.stat().st_uid, arrived.stat().st_gid) == (20001, 20001)
    copied = subprocess.run(
        ["scp", *lab.options("alice"), "-P", str(lab.ssh_port), str(data), "alice@127.0.0.1:by-scp.bin"],
        capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip
    assert copied.returncode == 0 and (lab.home("alice") / "by-scp.bin").exists(), copied


def test_rsync_copies_a_folder_and_only_what_changed(lab: OutsideLab) -> None:
    source = lab.folder / "measured"
    source.mkdir()
    for number in range(20):
        (source / f"{number}.dat").write_bytes(bytes([number]) * 10_000)
    first = lab.rsync(source, "alice@127.0.0.1:measured/")
    assert first.returncode == 0, first
    (source / "3.dat").write_bytes(b"new")
    again = lab.rsync(source, "alice@127.0.0.1:measured/")
    assert "Number of regular files transferred: 1\n" in again.stdout, again
    assert (lab.home("alice") / "measured/3.dat").read_bytes() == b"new"


def token_of(lab: OutsideLab, name: str, **body: object) -> str:
    """Return a new token of a person, made as the page Token makes it."""
    answer = lab.login(name).api("POST", f"users/{name}/tokens", {"note": "ssh", **body})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def test_a_token_of_the_hub_is_a_password(lab: OutsideLab) -> None:
    done = lab.with_token("cleo", token_of(lab, "cleo"), "id -u")
    assert (done.returncode, done.stdout) == (0, "20006\n"), done


def test_what_vs_code_needs_works(lab: OutsideLab) -> None:
    """A script through a shell's input, and a port of the container through a dynamic forward (ssh -D)."""
    script = (
        "python3 -m http.server --bind 127.0.0.1 8123 >/dev/null 2>&1 &\n"
        "until curl -sf http://127.0.0.1:8123 >/dev/null; do sleep 0.2; done; echo ready; read line; kill %1; exit\n"
    )
    port = free_port()
    line = ["ssh", *lab.options("alice"), "-p", str(lab.ssh_port), "-T", "-D", str(port), "alice@127.0.0.1", "bash"]
    with running(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
        assert shell.stdin is not None and shell.stdout is not None
        shell.stdin.write(script)
        shell.stdin.flush()
        assert shell.stdout.readline() == "ready\n"
        assert b"200 OK" in through_socks(port, "127.0.0.1", 8123)
        shell.stdin.write("\n")
        shell.stdin.close()
        assert shell.wait(30) == 0


@contextlib.contextmanager
def running(line: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a client beside the test; it is ended with it."""
    with subprocess.Popen(line, text=True, stderr=subprocess.DEVNULL, **options) as process:
        try:
            yield process
        finally:
            process.terminate()


def through_socks(port: int, host: str, target: int) -> bytes:
    """Ask for a page through ssh -D; empty when the way is closed."""
    with socket.create_connection(("127.0.0.1", port), 20) as link:
        link.settimeout(20)
        link.sendall(b"\5\1\0")
        assert link.recv(2) == b"\5\0"
        link.sendall(b"\5\1\0\3" + bytes([len(host)]) + host.encode() + target.to_bytes(2, "big"))
        try:
            if link.recv(10)[1:2] != b"\0":
                return b""
            link.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return link.recv(1000)
        except OSError:
            return b""


# Attacks.


def test_nobody_gets_in_as_somebody_else(lab: OutsideLab) -> None:
    bobs = token_of(lab, "bob")
    assert lab.ssh("alice", "id", key="bob").returncode == 255, "another's key"
    assert lab.ssh("cleo", "id", key="cleo").returncode == 255, "a key that is not in the roster"
    for name in ("root", "nobody", "jupyter-alice", "room-course", "../alice", "alice\n", "", "x" * 300):
        assert lab.ssh(name, "id", key="alice").returncode == 255, name
    assert lab.with_token("alice", bobs, "id").returncode == 255, "another's token"
    assert lab.with_token("alice", "a password of my own", "id").returncode == 255, "the password of the pages"


def test_a_token_that_may_less_opens_nothing(lab: OutsideLab) -> None:
    assert lab.with_token("bob", token_of(lab, "bob", scopes=["read:users!user=bob"]), "id").returncode == 255
    # Nor the token of a server, which whoever is in that server can read.
    browser = lab.login("bob")
    browser.start_server("bob")
    variables = lab.engine.bodies["jupyter-bob"]["Env"]
    servers = next(line.partition("=")[2] for line in variables if line.startswith("JUPYTERHUB_API_TOKEN="))
    assert lab.with_token("bob", servers, "id").returncode == 255
    browser.api("DELETE", "users/bob/server")
    assert lab.with_token("bob", TOKEN, "id").returncode == 255, "the front's own token"


def test_nothing_of_others_and_of_the_host_is_in_reach(lab: OutsideLab) -> None:
    (lab.home("bob") / "secret").write_text("bob's")
    for path in (str(lab.home("bob") / "secret"), str(lab.folder / "secrets"), "/etc/shadow", "/var/run/docker.sock"):
        done = lab.ssh("alice", f"cat {path} 2>&1; ls -la {path} 2>&1")
        assert "bob's" not in done.stdout and TOKEN not in done.stdout
        assert "No such file" in done.stdout or "denied" in done.stdout, done
    line = ["sftp", *lab.options("alice"), "-P", str(lab.ssh_port), "-b", "-", "alice@127.0.0.1"]
    for batch in (
        f"get {lab.home('bob')}/secret {lab.folder}/stolen",
        f"get ../jupyter-bob/secret {lab.folder}/stolen",
        f"symlink {lab.home('bob')}/secret link\nget link {lab.folder}/stolen",
        f"get /etc/shadow {lab.folder}/stolen",
        f"put {lab.folder}/known_hosts /etc/passwd",
    ):
        done = subprocess.run(line, input=batch + "\n", capture_output=True, text=True, check=False, timeout=90)
        assert done.returncode != 0, batch
    assert not (lab.folder / "stolen").exists()
    assert lab.ssh("alice", "ls", str(lab.home("alice").parent)).stdout.split() == ["jupyter-alice"]
    assert int(lab.ssh("alice", "cat /proc/self/status | grep CapEff").stdout.split()[1], 16) == 0
    assert lab.ssh("alice", "sudo -n id || su -c id || mount -t tmpfs x /mnt").returncode != 0


def test_ports_lead_to_the_persons_own_container_alone(lab: OutsideLab) -> None:
    with socket.socket() as here:
        here.bind(("0.0.0.0", 0))
        here.listen()
        gateway = subprocess.run(
            ["docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        port = free_port()
        line = ["ssh", *lab.options("alice"), "-p", str(lab.ssh_port), "-N", "-D", str(port), "alice@127.0.0.1"]
        with running(line):
            wait_for(lambda: socket.create_connection(("127.0.0.1", port), 5).close() is None, words="ssh -D")
            hub = lab.port
            bob = lab.engine.made.get("files-jupyter-bob")
            shown = lab.engine.real.inspect_container(bob) if bob else None
            other = shown["NetworkSettings"]["Networks"]["bridge"]["IPAddress"] if shown else gateway
            for host, target in (
                (gateway, here.getsockname()[1]), (socket.gethostname(), lab.ssh_port), ("0.0.0.0", hub),
                ("127.0.0.2", hub), ("169.254.169.254", 80), (other, 2222), ("localhost.", hub), ("[::1]", hub),
                ("0", hub), ("2130706433", hub), ("127.1", hub),
            ):  # fmt: skip
                assert through_socks(port, host, target) == b"", f"{host}:{target}"
            # "localhost" is the container's, where neither hub nor front listen.
            assert through_socks(port, "localhost", hub) == b""
            assert through_socks(port, "127.0.0.1", lab.ssh_port) == b""


@pytest.mark.parametrize("what", ["-R 0:127.0.0.1:22", "-R /tmp/s:127.0.0.1:22", "-L 0:/var/run/docker.sock", "-w any"])
def test_no_way_back_and_no_tunnel(lab: OutsideLab, what: str) -> None:
    port = str(free_port())
    kind, _space, value = what.partition(" ")
    before = (kind, value.replace("0:/", f"{port}:/", 1) if kind == "-L" else value)
    done = lab.ssh("alice", "sleep 1; ls /tmp; ip link 2>/dev/null", before=before, ExitOnForwardFailure="yes")
    if kind == "-L":
        line = ["ssh", *lab.options("alice"), "-p", str(lab.ssh_port), "-N", *before, "alice@127.0.0.1"]
        with running(line):
            wait_for(lambda: socket.create_connection(("127.0.0.1", int(port)), 5).close() is None, words="ssh -L")
            with socket.create_connection(("127.0.0.1", int(port)), 10) as link, contextlib.suppress(ConnectionError):
                link.sendall(b"GET /info HTTP/1.0\r\n\r\n")
                assert link.recv(100) == b""
    else:
        assert done.returncode != 0 or "/s" not in done.stdout, done


def test_no_agent_no_display_no_foreign_variable(lab: OutsideLab) -> None:
    done = lab.ssh(
        "alice", "env", before=("-A", "-X"), SendEnv="*", SetEnv="LD_PRELOAD=/x BASH_ENV=/y LABSERVER_BOX_HOST_KEY=z"
    )
    names = {line.partition("=")[0] for line in done.stdout.splitlines()}
    assert done.returncode == 0 and "LC_LAB" in names
    assert not names & {"SSH_AUTH_SOCK", "DISPLAY", "LD_PRELOAD", "BASH_ENV", "PATH_INFO"}, names
    assert not any(name.startswith(("LABSERVER_BOX", "JUPYTERHUB")) for name in names), names


@pytest.mark.parametrize("subsystem", ["netconf", "sftp2", "shell", "/bin/sh"])
def test_no_other_subsystem(lab: OutsideLab, subsystem: str) -> None:
    assert lab.ssh("alice", subsystem, before=("-s",)).returncode != 0


def test_the_front_asks_only_with_its_token_and_nobody_else_may(lab: OutsideLab) -> None:
    url = f"{lab.url}/hub/api/labserver/ssh"
    body = {
        "name": "alice",
        "proof": f"key {' '.join(lab.public_key('alice').split()[:2])}",
        "front_key": "ssh-ed25519 AAAA\nssh-ed25519 BBBB",
    }
    own = token_of(lab, "alice")
    for headers in ({}, {"Authorization": f"token {own}"}):
        for what in ("keys", "token", "open", "alive"):
            assert requests.post(f"{url}/{what}", json=body, headers=headers, timeout=30).status_code == 403
    front = {"Authorization": f"token {TOKEN}"}
    bad = [{}, {**body, "proof": "key x"}, {**body, "proof": "token 1"}, {**body, "name": 3}, {**body, "proof": ""}]
    assert all(
        requests.post(f"{url}/open", json=one, headers=front, timeout=30).status_code in (400, 403) for one in bad
    )
    assert requests.post(f"{url}/open", json=body, headers=front, timeout=30).status_code == 400
    assert requests.get(f"{lab.url}/hub/api/users", headers=front, timeout=30).status_code == 403, "no scope"


def test_a_spoofed_container_is_not_taken_for_the_persons(lab: OutsideLab) -> None:
    """The keys of two containers differ, and the front knows which is whose."""
    lab.ssh("bob", "true")
    keys = {
        name: next(line for line in lab.engine.bodies[f"files-jupyter-{name}"]["Env"] if "HOST_KEY" in line)
        for name in ("alice", "bob")
    }
    assert keys["alice"] != keys["bob"]
    assert "PRIVATE" not in lab.ssh("alice", "env; cat /dev/shm/labserver-box/front_key").stdout


def test_who_guesses_has_to_wait_and_keeps_no_key_out(lab: OutsideLab) -> None:
    asked = [lab.with_token("bob", hashlib.sha256(bytes([n])).hexdigest()[:32], "id") for n in range(7)]
    assert all(one.returncode == 255 for one in asked)
    assert "Too many wrong tokens" in asked[-1].stderr, asked[-1]
    right = token_of(lab, "bob")
    assert lab.with_token("bob", right, "id").returncode == 255, "the pause is for the right one too"
    assert lab.ssh("bob", "id").returncode == 0, "a key is not guessed, so it needs no pause"


def test_connections_without_a_login_are_few_and_short(lab: OutsideLab) -> None:
    links = [socket.create_connection(("127.0.0.1", lab.ssh_port), 10) for _ in range(14)]
    try:
        greeted = []
        for link in links:
            link.settimeout(10)
            try:
                greeted.append(link.recv(100).startswith(b"SSH-2.0-labserver"))
            except OSError:
                greeted.append(False)
        assert sum(greeted) == 10, greeted
    finally:
        for link in links:
            link.close()
    wait_for(lambda: lab.ssh("alice", "true").returncode == 0, 20, "a login after the crowd")


def test_who_leaves_is_out_within_seconds(lab: OutsideLab) -> None:
    line = ["ssh", *lab.options("bob"), "-p", str(lab.ssh_port), "bob@127.0.0.1", "echo in; sleep 120"]
    with running(line, stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None and shell.stdout.readline() == "in\n"
        began = time.monotonic()
        lab.people(bob={"ssh_keys": []})
        assert shell.wait(30) == 255 and time.monotonic() - began < 30, "the key was taken from the roster"
    lab.people(bob={"state": "locked"})
    wait_for(lambda: "files-jupyter-bob" not in lab.engine.made, 30, "the end of the container")
    assert lab.ssh("bob", "id").returncode == 255
    lab.people()
    assert lab.ssh("bob", "id -u").stdout == f"{NAMES['bob']}\n"


def test_a_hub_that_starts_anew_cuts_nobody_off(lab: OutsideLab) -> None:
    line = ["ssh", *lab.options("alice"), "-p", str(lab.ssh_port), "alice@127.0.0.1", "echo in; read x; echo out"]
    with running(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None and shell.stdin is not None and shell.stdout.readline() == "in\n"
        identity = lab.engine.made["files-jupyter-alice"]
        lab.stop("hub")
        lab.start()
        shell.stdin.write("\n")
        shell.stdin.flush()
        assert shell.stdout.readline() == "out\n" and shell.wait(30) == 0
    assert lab.engine.made["files-jupyter-alice"] == identity
    assert lab.ssh("alice", "true").returncode == 0
    assert lab.engine.made["files-jupyter-alice"] == identity, "the same container is used again"
