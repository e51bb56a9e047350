# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to people later, on the hosts of converge.yml: each test runs the role again with other lists.

The tests build on each other, in this order.
"""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import testinfra
import yaml
from long_tests import long
from paths import SCENARIOS
from role_run import run_ansible

SCENARIO = SCENARIOS / "accounts"
GROUPS = [{"name": "leem"}, {"name": "students"}]
HAND = [{"name": "hand", "groups": ["leem"]}, {"name": "olga", "system_name": "olga", "groups": ["leem"]}]
STUDENTS = [{"name": f"student{number}", "groups": ["students"]} for number in range(300)]
EVERYBODY = HAND + STUDENTS


def inventory() -> Path:
    return Path(os.environ["MOLECULE_INVENTORY_FILE"])


def names() -> list[str]:
    data = yaml.safe_load(inventory().read_text())
    return sorted(data["all"]["hosts"])


@pytest.fixture(scope="module")
def hosts() -> list[t.Any]:
    return [testinfra.get_host(f"docker://{name}") for name in names()]


def play(users: list[dict[str, t.Any]], limit: str = "all", **variables: t.Any) -> subprocess.CompletedProcess[str]:
    """Run the role with these people; the result has the run's return code and text."""
    extra = {"accounts_users": users, "accounts_groups": GROUPS} | {
        f"accounts_{key}": v for key, v in variables.items()
    }
    arguments = ["--limit", limit, "-e", json.dumps(extra), str(SCENARIO / "life.yml")]
    status, text = run_ansible("ansible-playbook", arguments, seconds=900)
    return subprocess.CompletedProcess(arguments, status, text, "")


def good(result: subprocess.CompletedProcess[str]) -> None:
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-1000:]


def unchanged(result: subprocess.CompletedProcess[str]) -> None:
    good(result)
    assert result.stdout.count("changed=0") == len(names()), result.stdout[-3000:]


def roster(host: t.Any) -> dict[str, t.Any]:
    return dict(json.loads(host.file("/etc/labserver/public/roster.json").content_string)["users"])


def checksums(host: t.Any) -> str:
    files = "/etc/passwd /etc/shadow /etc/group /etc/gshadow /etc/labserver/accounts/register.json"
    return str(host.check_output(f"sha256sum {files} /etc/labserver/public/*; ls /home | sha256sum"))


def test_seven_mistakes_are_all_named_and_nothing_is_touched(hosts: list[t.Any]) -> None:
    wrong = json.loads(json.dumps(EVERYBODY)) + [{"name": f"more{number}"} for number in range(198)]
    wrong[5]["uid"] = "x"
    wrong[77]["state"] = "lockd"
    wrong[123]["name"] = "Student"
    wrong[200]["groups"] = ["nobody-knows"]
    wrong[301]["name"] = "student298"
    wrong[444]["shel"] = "/bin/sh"
    wrong[499]["limits"] = {"memory": "viel"}
    before = [checksums(host) for host in hosts]
    result = play(wrong)
    assert result.returncode != 0
    for index in (5, 77, 123, 200, 301, 444, 499):
        assert f"accounts_users[{index}] (name=" in result.stdout + result.stderr
    assert [checksums(host) for host in hosts] == before


def test_one_person_with_two_uids_on_two_servers_is_found_before_anything_is_touched(hosts: list[t.Any]) -> None:
    for host, uid in zip(hosts, (1400, 1401), strict=True):
        host.check_output(f"useradd --uid {uid} jupyter-clash")
    before = [checksums(host) for host in hosts]
    result = play([*EVERYBODY, {"name": "clash"}, {"name": "newcomer"}])
    assert result.returncode != 0
    first, second = names()
    told = (
        f"accounts_users (name=clash): has more than one number: 1400 (account on {first}), 1401 (account on {second})"
    )
    assert told in " ".join((result.stdout + result.stderr).split())
    assert [checksums(host) for host in hosts] == before
    for host in hosts:
        host.check_output("userdel jupyter-clash")


def test_one_run_changes_locks_and_offboards(hosts: list[t.Any]) -> None:
    for host in hosts:
        host.check_output("setsid runuser -u olga -- sleep 1000 > /dev/null 2>&1 & sleep 0.3; pgrep -u olga")
        host.check_output("runuser -u jupyter-student7 -- sh -c 'echo data > /home/jupyter-student7/data.txt'")
    people = {person["name"]: person for person in EVERYBODY}
    people["hand"] = {**people["hand"], "full_name": "Hanna D.", "shell": "/bin/sh"}
    people["student0"] = {"name": "student0", "groups": ["leem"], "host_groups": ["sudo"]}
    people["olga"] = {**people["olga"], "state": "locked"}
    people["student7"] = {"name": "student7", "state": "absent"}
    # Nobody can be held to a quota on the file system of a container; that is told, and all else done.
    done = play(list(people.values()), quota="20G")
    good(done)
    for host in hosts:
        told = f"{host.check_output('hostname')}: no quotas: /home lies on "
        assert told in " ".join((done.stdout + done.stderr).split())
    unchanged(play(list(people.values()), quota="20G"))


def test_who_was_changed(hosts: list[t.Any]) -> None:
    for host in hosts:
        assert host.check_output("getent passwd jupyter-hand") == (
            "jupyter-hand:x:1200:1200:Hanna D.:/home/jupyter-hand:/bin/sh"
        )
        assert sorted(host.user("jupyter-student0").groups) == ["jupyter-student0", "leem", "sudo"]
        assert "sudo" in host.user("jupyter-hand").groups


def test_who_is_locked_loses_what_runs_and_nothing_else(hosts: list[t.Any]) -> None:
    for host in hosts:
        assert host.run("pgrep -u olga").rc == 1
        assert " L " in host.check_output("passwd --status olga")
        assert "1970" in host.check_output("chage --list olga")
        assert host.file("/home/olga/.bashrc").exists
        assert roster(host)["olga"]["state"] == "locked"


def test_who_left_is_archived(hosts: list[t.Any]) -> None:
    folder = "/srv/labserver/accounts/archive"
    for host in hosts:
        assert host.check_output(f"stat -c '%U %a' {folder}") == "root 700"
        archives = host.check_output(f"cd {folder} && ls *.sha256").splitlines()
        assert len(archives) == 1
        archive = archives[0].removesuffix(".sha256")
        assert archive.startswith("jupyter-student7-") and archive.endswith(".tar.zst")
        host.check_output(f"cd {folder} && sha256sum --check --quiet *.sha256")
        assert "jupyter-student7/data.txt" in host.check_output(f"tar --list --file {folder}/{archive}").splitlines()
        manifest = json.loads(host.file(f"{folder}/{archive}.json").content_string)
        assert manifest["entries"] == int(host.check_output("find /home/jupyter-student7 -mindepth 1 | wc -l"))
        assert roster(host)["student7"]["state"] == "absent"
        assert host.user("jupyter-student7").groups == ["jupyter-student7"]


def test_the_home_goes_when_that_is_asked_for(hosts: list[t.Any]) -> None:
    uids = [roster(host)["student7"]["uid"] for host in hosts]
    people = [person for person in EVERYBODY if person["name"] != "student7"]
    good(play([*people, {"name": "student7", "state": "absent"}, {"name": "newcomer"}], remove_homes=True))
    files = "/etc/passwd /etc/shadow /etc/group /etc/gshadow /etc/subuid"
    for host, uid in zip(hosts, uids, strict=True):
        assert host.run("getent passwd jupyter-student7").rc == 2
        assert host.run(f"grep -lw jupyter-student7 {files}").stdout == ""
        assert not host.file("/home/jupyter-student7").exists
        assert host.user("jupyter-newcomer").uid != uid  # nobody ever gets it again
        assert roster(host)["student7"]["uid"] == uid
        assert " P " in host.check_output("passwd --status olga")  # back, with her own password
        assert "never" in host.check_output("chage --list olga | grep '^Account expires'")


def test_who_comes_back_has_the_old_number_a_new_home_and_no_old_rights(hosts: list[t.Any]) -> None:
    uids = [roster(host)["student7"]["uid"] for host in hosts]
    good(play([*EVERYBODY, {"name": "newcomer"}]))
    for host, uid in zip(hosts, uids, strict=True):
        assert host.user("jupyter-student7").uid == uid == host.user("jupyter-student7").gid
        assert host.check_output("id -nG jupyter-student7") == "jupyter-student7 students"
        assert host.check_output("runuser -l jupyter-student7 -c 'echo $HOME; ls'") == "/home/jupyter-student7"
        assert roster(host)["student7"]["state"] == "present"
        host.check_output("ls /srv/labserver/accounts/archive/jupyter-student7-*.sha256")


@long("soak-long")
def test_a_home_that_cannot_be_removed_stops_neither_the_others_nor_the_run(hosts: list[t.Any]) -> None:
    people = [person for person in EVERYBODY if person["name"] not in ("student8", "student9", "student10")]
    leaving = [{"name": name, "state": "absent"} for name in ("student8", "student9", "student10")]
    nest = "import os\nos.chdir('/home/jupyter-student9')\nfor _ in range(11000): os.mkdir('d'); os.chdir('d')"
    for host in hosts:
        host.check_output("mkdir /home/jupyter-student8/m && mount -t tmpfs none /home/jupyter-student8/m")
        host.check_output(f'runuser -u jupyter-student9 -- python3 -c "{nest}"')
        host.check_output("rm -f /run/labserver-after-accounts")
    result = play([*people, *leaving], remove_homes=True)
    assert result.returncode != 0
    assert "jupyter-student8: /home/jupyter-student8/m is a mount point" in " ".join(result.stdout.split())
    for host in hosts:
        assert host.file("/run/labserver-after-accounts").exists, "what comes after the role did not run"
        assert host.file("/home/jupyter-student8").exists
        assert not host.file("/home/jupyter-student9").exists
        assert not host.file("/home/jupyter-student10").exists
        host.check_output("umount /home/jupyter-student8/m")
    good(play([*people, *leaving], remove_homes=True))
    for host in hosts:
        assert not host.file("/home/jupyter-student8").exists
        archives = host.check_output("ls /srv/labserver/accounts/archive/*.json")
        assert [archives.count(f"jupyter-student{number}-") for number in (8, 9, 10)] == [1, 1, 1]
    good(play(EVERYBODY))


def test_the_scheduled_job_offboards_after_the_last_day_and_not_before(hosts: list[t.Any]) -> None:
    people = [person for person in EVERYBODY if person["name"] != "student5"]
    today = hosts[0].check_output("date +%F")
    good(play([*people, {"name": "student5", "expires": today}, {"name": "newcomer"}]))
    for host in hosts:
        host.check_output("runuser -u jupyter-student5 -- sh -c 'echo data > /home/jupyter-student5/data.txt'")
        job = "labserver run accounts-expire; cat /var/log/labserver/accounts-expire.log"
        assert "last day of access" in host.run(job).stdout
        assert " L " in host.check_output("passwd --status jupyter-student5")
        assert roster(host)["student5"]["state"] == "present"
        host.check_output(f"TZ=DAY-23:59 {job}")  # a zone in which it is tomorrow
        assert roster(host)["student5"]["state"] == "absent"
        assert "1970" in host.check_output("chage --list jupyter-student5")
        archive = host.check_output("ls /srv/labserver/accounts/archive/jupyter-student5-*.sha256").removesuffix(
            ".sha256"
        )
        assert "jupyter-student5/data.txt" in host.check_output(f"tar --list --file {archive}")
        assert host.file("/home/jupyter-student5/data.txt").exists


KILL = """
import os, glob, signal
while len(glob.glob("/home/jupyter-late*")) < 50:
    pass
for link in glob.glob("/proc/[0-9]*/fd/*"):
    try:
        if os.readlink(link).endswith("/labserver/accounts.lock"):
            os.kill(int(link.split("/")[2]), signal.SIGKILL)
    except OSError:
        pass
"""


def test_a_run_that_is_killed_in_the_middle_is_finished_by_the_next(hosts: list[t.Any]) -> None:
    people = [*EVERYBODY, {"name": "newcomer"}, *({"name": f"late{number}"} for number in range(300))]
    killers = [
        subprocess.Popen(["docker", "exec", host.backend.name, "python3", "-c", KILL], stdin=subprocess.DEVNULL)
        for host in hosts
    ]
    assert play(people).returncode != 0
    for killer in killers:
        killer.wait(30)
    for host in hosts:
        assert 50 <= int(host.check_output("ls -d /home/jupyter-late* | wc -l")) < 300
    good(play(people))
    unchanged(play(people))
    assert len({host.user("jupyter-late7").uid for host in hosts}) == 1
    for host in hosts:
        assert int(host.check_output("stat -c %U /home/jupyter-late* | sort -u | wc -l")) == 300
        assert host.check_output("ls -A /home | grep -c labserver-new || true") == "0"


@long("soak-long")
def test_two_runs_and_useradd_at_the_same_time_lose_nobody(hosts: list[t.Any]) -> None:
    people = [*EVERYBODY, *({"name": f"guest{number}"} for number in range(100))]
    loop = "for n in $(seq 101 140); do useradd -m --uid 41$n byhand$n || exit 1; done"
    by_hand = [subprocess.Popen(["docker", "exec", host.backend.name, "sh", "-c", loop]) for host in hosts]
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda _number: play(people, unlisted="keep"), range(2)))
    for result in results:
        good(result)
    assert [process.wait(60) for process in by_hand] == [0] * len(hosts)
    for host in hosts:
        entries = [line.split(":") for line in host.file("/etc/passwd").content_string.splitlines()]
        made = {entry[0] for entry in entries}
        assert {f"jupyter-guest{number}" for number in range(100)} < made
        assert {f"byhand{number}" for number in range(101, 141)} < made
        assert len(made) == len(entries)
        assert len({entry[2] for entry in entries}) == len(entries)
        complaints = host.run("pwck -r -q").stdout.splitlines()
        assert [line for line in complaints if "does not exist" not in line and "no changes" not in line] == []
    unchanged(play(people, unlisted="keep"))
