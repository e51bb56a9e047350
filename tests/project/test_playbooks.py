# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks with --limit, on two stand-ins for servers that have nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from paths import ROOT


def play(folder: Path, name: str, limit: str, *options: str) -> subprocess.CompletedProcess[str]:
    local = f"ansible_connection=local ansible_python_interpreter={sys.executable}"
    (folder / "hosts").write_text(f"atlas {local}\nboreas {local}\n")
    command = ["ansible-playbook", "-i", folder / "hosts", f"playbooks/{name}.yml", "--limit", limit, "--check"]
    environment = {**os.environ, "ANSIBLE_HOME": str(folder / "home"), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    return subprocess.run(
        [*command, "-e", "ansible_become=false", *options],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("limit", ["atlas,boreas", "atlas"])
def test_the_table_is_shown_for_all_servers_and_for_one(tmp_path: Path, limit: str) -> None:
    done = play(tmp_path, "status", limit)
    assert done.returncode == 0, done.stdout + done.stderr
    silent = re.findall(r"^\W*(\w+) +critical +the server +no answer", done.stdout, re.MULTILINE)
    assert silent == limit.split(",")  # nobody has installed the program here


def test_pruning_needs_the_word_of_every_host(tmp_path: Path) -> None:
    done = play(tmp_path, "prune", "atlas")
    assert done.returncode == 2
    assert "Run this without --limit" in done.stdout
    assert "Run this without --limit" not in play(tmp_path, "prune", "atlas,boreas").stdout


@pytest.mark.parametrize("path", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda path: path.stem)
def test_every_playbook_takes_the_same_word_for_its_hosts(tmp_path: Path, path: Path) -> None:
    (tmp_path / "hosts").write_text("atlas\nboreas\n")
    command = ["ansible-playbook", "-i", tmp_path / "hosts", path, "--list-hosts", "-e", "labserver_hosts=atlas"]
    environment = {**os.environ, "ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "atlas" in done.stdout and "boreas" not in done.stdout


@pytest.mark.parametrize(
    ("failing", "reached"),
    [("", ["castor", "atlas", "boreas"]), ("atlas", ["castor", "atlas", "boreas"]), ("castor", ["castor"])],
)
def test_what_fails_on_a_canary_reaches_nobody_else(tmp_path: Path, failing: str, reached: list[str]) -> None:
    """The plays of site.yml that people notice, with one task instead of their roles."""
    plays = [play for play in yaml.safe_load((ROOT / "playbooks" / "site.yml").read_text()) if "serial" in play]
    assert len(plays) == 2
    task = {"ansible.builtin.assert": {"that": f"inventory_hostname != '{failing}'", "success_msg": "reached"}}
    local = f"ansible_connection=local ansible_python_interpreter={sys.executable}"
    (tmp_path / "hosts").write_text(
        f"atlas {local}\nboreas {local}\ncastor {local}\n"
        "[labserver_canaries]\ncastor\n[others]\natlas\nboreas\ncastor\n"
    )
    (tmp_path / "book.yml").write_text(yaml.safe_dump([{**plays[0], "roles": [], "become": False, "tasks": [task]}]))
    command = ["ansible-playbook", "-i", tmp_path / "hosts", tmp_path / "book.yml", "-e", "labserver_hosts=others"]
    environment = {**os.environ, "ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is (failing == ""), done.stdout + done.stderr
    told = re.findall(r"^(?:ok|fatal): \[(\w+)\]", done.stdout, re.MULTILINE)
    assert (told[0], sorted(told)) == ("castor", sorted(reached))


@pytest.mark.parametrize("name", ["site", "sandbox"])
def test_a_host_is_looked_at_before_anything_is_set_up_on_it(name: str) -> None:
    """On a system that is refused, any other module ends with the traceback of an old Python."""
    play = yaml.safe_load((ROOT / "playbooks" / f"{name}.yml").read_text())[1]
    first = [task.get("ansible.builtin.import_role", {}).get("name") for task in play.get("pre_tasks", [])]
    assert (first + play["roles"])[0] == "labserver.jupyter.host"


@pytest.mark.parametrize("more", [[], ["-e", "hosts_too=true"]])
def test_hosts_are_looked_at_when_it_is_asked_for(tmp_path: Path, more: list[str]) -> None:
    """The system is accepted, whatever the tests run on; a host that cannot be reached shows that it was asked."""
    local = f"ansible_connection=local ansible_python_interpreter={sys.executable}"
    stops = (
        "['system', 'architecture', 'init', 'disk', 'snap_docker', 'podman_docker', 'tljh', 'jupyterhub', 'web_server']"
    )
    (tmp_path / "hosts").write_text(f"atlas {local}\nboreas ansible_host=127.0.0.1 ansible_port=1\n")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text(
        f"{{certificates_ca_keeper: atlas, host_accepted: {stops}, ansible_become: false}}"
    )
    command = ["ansible-playbook", "-i", tmp_path / "hosts", "playbooks/validate.yml", *more]
    environment = {**os.environ, "ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is (more == []), done.stdout + done.stderr
    assert ("GiB free" in done.stdout) is (more != [])
    assert ("UNREACHABLE" in done.stdout) is (more != [])


def test_an_upgrade_that_is_only_planned_changes_nothing(tmp_path: Path) -> None:
    """Whether Docker answers on this machine or not: the plan is shown, and of the roles nothing runs."""
    done = play(tmp_path, "upgrade", "atlas", "-e", "certificates_ca_keeper=atlas")
    assert "dockerspawner is not here -> " in done.stdout, done.stdout + done.stderr
    assert "changed=0" in done.stdout
    tasks = re.findall(r"^TASK \[(.+?)\] \*+\n(.*?)(?=^$)", done.stdout, re.MULTILINE | re.DOTALL)
    ran = [name for name, shown in tasks if re.search(r"^(?:ok|changed|failed|fatal|\[ERROR\])", shown, re.MULTILINE)]
    assert ran == [
        "Validate | Check the variables of each host against the inputs of all roles",
        "Validate | Tell the roles that their inputs are checked",
        "Upgrade | Look what there is, and what would change",
        "Upgrade | Show the plan",
        "Upgrade | Stop before anything is changed where something is in the way",
    ]


CHANGING = ("adopt", "password", "prune", "renew", "restore", "resurrect", "retire", "sandbox", "site")


@pytest.mark.parametrize("name", CHANGING)
def test_a_playbook_that_changes_hosts_keeps_other_runs_out(name: str) -> None:
    plays = yaml.safe_load((ROOT / "playbooks" / f"{name}.yml").read_text())
    tasks = [task for play in plays for kind in ("pre_tasks", "tasks", "post_tasks") for task in play.get(kind, [])]
    locks = [task["labserver.jupyter.run_lock"] or {} for task in tasks if "labserver.jupyter.run_lock" in task]
    assert [lock.get("state", "held") for lock in locks] == ["held", "released"]
    assert "labserver.jupyter.run_lock" in tasks[-1] or name == "site"


def test_every_playbook_is_judged_by_whether_it_changes_hosts() -> None:
    # run.yml starts a job, and jobs have locks of their own; upgrade.yml does that too, and then it is site.yml;
    # bundle.yml works on the machine that makes the bundle.
    looking = {"bundle", "doctor", "report", "run", "status", "upgrade", "validate"}
    assert {path.stem for path in (ROOT / "playbooks").glob("*.yml")} == {*CHANGING, *looking}


def test_modules_that_change_hosts_show_that_the_run_lives() -> None:
    looking = {"accounts_info", "adopt_info", "doctor", "host", "hub_preflight", "hub_upgrade_plan"}
    looking |= {"registry_in_use", "registry_info", "retire_info", "run_lock"}
    on_the_controller = {"build_contexts", "bundle_make", "host_program", "validate_inputs"}
    quiet = {
        path.stem
        for path in (ROOT / "plugins" / "modules").glob("*.py")
        if "run_lock.working(module.check_mode)" not in path.read_text()
    }
    assert quiet == looking | on_the_controller


def test_a_report_is_written_for_its_reader_alone_and_names_hosts_without_one(tmp_path: Path) -> None:
    local = f"ansible_connection=local ansible_python_interpreter={sys.executable}"
    (tmp_path / "hosts").write_text(f"[labserver_hubs]\natlas {local}\nboreas {local}\n[others]\ncastor {local}\n")
    environment = {**os.environ, "ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}

    def play(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["ansible-playbook", "-i", tmp_path / "hosts", "playbooks/report.yml", "-e", "ansible_become=false"]
        return subprocess.run(
            [*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )

    checked = play("--check")
    assert checked.returncode == 0 and not (tmp_path / "reports").exists(), checked.stdout
    done = play("-e", "months=3")
    assert done.returncode == 0, done.stdout + done.stderr
    page, table = tmp_path / "reports" / "usage.html", tmp_path / "reports" / "usage.csv"
    assert [one.stat().st_mode & 0o777 for one in (page, table, page.parent)] == [0o600, 0o600, 0o700]
    text = page.read_text(encoding="utf-8")
    assert "Without atlas: " in text and "Without boreas: " in text and "castor" not in text, "castor has no hub"
    assert table.read_text(encoding="utf-8").startswith("host,month,person,groups,image,hours,cpu_hours,")
    refused = play("-e", "months=0")
    assert refused.returncode == 2 and "months: 0 is not a number from 1 to 120" in refused.stdout


def test_a_backup_is_named_in_one_way(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text(f"atlas ansible_connection=local ansible_python_interpreter={sys.executable}\n")
    command = ["ansible-playbook", "-i", tmp_path / "hosts", "playbooks/restore.yml", "--check", "-e", "paths=/a"]
    more = ["-e", "target=/root/x", "-e", "ansible_become=false", "-e", "snapshot=1a2b"]
    environment = {**os.environ, "ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}

    def play(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *more, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )

    assert play().returncode == 0
    done = play("-e", "as_of=2026-11-20")
    assert done.returncode == 2
    assert "-e snapshot=ID or -e as_of=DATE, not both" in " ".join(done.stdout.split())


def retire(folder: Path, *options: str, limit: str = "atlas") -> subprocess.CompletedProcess[str]:
    """Play retire.yml on two stand-ins in check mode, with an inventory that is good."""
    return play(folder, "retire", limit, "-e", "certificates_ca_keeper=boreas", *options)


@pytest.mark.parametrize("word", [[], ["-e", "retire=atlas"]], ids=["no word", "check mode"])
def test_retiring_a_server_is_only_planned_without_the_word_and_in_check_mode(tmp_path: Path, word: list[str]) -> None:
    done = retire(tmp_path, *word, "-e", f"retire_report={tmp_path}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "in the way: There is no lab server of this collection here." in done.stdout
    ran = re.findall(r"^TASK \[(Retire .+?)\] \*+\n(?:ok|changed)", done.stdout, re.MULTILINE)
    assert ran == [
        "Retire | Check the words",
        "Retire | Let no other run work on this host at the same time",
        "Retire | Look what is on the server, and who needs it",
        "Retire | Show the plan",
        "Retire | Write what was found and what remains",
        "Retire | Let other runs work on this host again",
    ]
    report = tmp_path / "retire-atlas.txt"
    assert "only the plan: nothing was changed" in report.read_text()
    assert "\nrunning servers: " in report.read_text(), "a line for each thing"
    assert report.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("atlas", ["-e", "retire=boreas"]),
        ("atlas,boreas", ["-e", "retire=atlas"]),
        ("atlas", ["-e", "retire=atlas", "-e", "retire_data=shred"]),
        ("atlas", ["-e", "retire_back=true"]),
    ],
    ids=["another name", "two servers", "no such word", "back without the name"],
)
def test_the_word_is_the_name_of_the_one_server(tmp_path: Path, limit: str, words: list[str]) -> None:
    done = retire(tmp_path, *words, limit=limit)
    assert done.returncode == 2
    assert "Name one server, --limit NAME, and to retire it the same name" in " ".join(done.stdout.split())
    assert "Look what is on the server" not in done.stdout


def test_what_other_servers_need_of_one_is_seen_although_limit_leaves_them_out(tmp_path: Path) -> None:
    secret = "of-the-test-alone"
    everywhere = {"certificates_ca_keeper": "atlas", "labserver_registry": "atlas:5443"}
    shares = [{"name": "raw", "type": "nfs", "source": "192.0.2.7:/raw"}, {"name": "here", "type": "local"}]
    of_boreas = {"shares_list": shares, "hub_state": "absent"}
    of_castor = {"backup_repository": f"rest:https://backup:{secret}@atlas:8000/castor"}
    for name, values in (("all", everywhere), ("apart", of_boreas), ("far", of_castor)):
        (tmp_path / "group_vars").mkdir(exist_ok=True)
        (tmp_path / "group_vars" / f"{name}.yml").write_text(yaml.safe_dump(values))
    (tmp_path / "hosts").write_text(
        "atlas ansible_connection=local\n[apart]\nboreas\n[far]\ncastor\n[labserver_registries]\natlas\n"
    )
    book = {"hosts": "all", "gather_facts": False, "vars_files": [str(ROOT / "playbooks" / "vars" / "retire.yml")]}
    book["tasks"] = [{"ansible.builtin.debug": {"msg": "said: {{ __retire_others | to_json }} end"}}]
    (tmp_path / "book.yml").write_text(yaml.safe_dump([book]))
    command = ["ansible-playbook", "-i", tmp_path / "hosts", tmp_path / "book.yml", "--limit", "atlas"]
    environment = {**os.environ, "ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert secret not in done.stdout + done.stderr
    (said,) = re.findall(r"said: (\{.*\}) end", done.stdout.replace('\\"', '"'))
    assert json.loads(said) == {
        "boreas": {
            "keeper": "atlas",
            "registry": "",
            "shares": {"raw": "192.0.2.7:/raw", "here": ""},
            "repository": "",
        },
        "castor": {
            "keeper": "atlas",
            "registry": "atlas",
            "shares": {},
            "repository": "rest:https://atlas:8000/castor",
        },
    }


def test_a_server_is_taken_out_of_service_by_what_the_roles_remove_themselves() -> None:
    """Every role that site.yml puts on a server has its turn, but for those that have nothing to take away."""
    site = (ROOT / "playbooks" / "site.yml").read_text()
    put = set(re.findall(r"labserver\.jupyter\.(\w+)$", site, re.MULTILINE))
    tasks = [
        task
        for name in ("retire_save", "retire_absent")
        for task in yaml.safe_load((ROOT / "playbooks" / "tasks" / f"{name}.yml").read_text())
    ]
    gone = {
        task["ansible.builtin.include_role"]["name"].rpartition(".")[2]: task.get("vars", {})
        for task in tasks
        if "ansible.builtin.include_role" in task
    }
    # The engine stays and so does a bundle, from which it came; what looks at the host is nothing of it.
    assert (put & {path.name for path in (ROOT / "roles").iterdir()}) - set(gone) == {"bundle", "docker", "host"}
    otherwise = {
        "compose_app": {"compose_app_apps": "{{ __retire_apps }}"},
        "updates": {"updates_policy": {}, "labserver_updates": {}},
    }
    for role, values in gone.items():
        assert values == otherwise.get(role, {f"{role}_state": "absent"}), role
    assert list(gone)[-2:] == ["backup", "schedule"], "a run that dies before can make one more backup"
