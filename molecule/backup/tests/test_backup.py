# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that is saved, and what comes back of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import typing as t
from pathlib import Path

import hub_host
import pytest
from hub_client import HubClient
from long_tests import long
from paths import ROOT

SERVER = f"labserver-backup{os.environ.get('LABSERVER_ID', '')}"
BARE = f"labserver-bare{os.environ.get('LABSERVER_ID', '')}"
INVENTORY = Path(os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY", "")) / "inventory"
SECRET = "of the test, and not short"
OWN = "a password of alice's own"
DATA = "/home/jupyter-alice/measured.dat"
LONG = long("soak-resurrect")


def sh(command: str, status: int = 0, host: str = SERVER) -> str:
    """Run a shell command as root on the host; returns all that it prints, and fails unless it ends with ``status``."""
    done = subprocess.run(["docker", "exec", host, "sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def sh_bare(command: str, status: int = 0) -> str:
    """Run a shell command as root on the second host."""
    return sh(command, status, BARE)


def run_job(job: str, status: int = 0) -> dict[str, t.Any]:
    """Run a job as host cron does; returns its status file."""
    sh(f"/usr/local/sbin/labserver run {job}", status)
    return t.cast(dict[str, t.Any], json.loads(sh(f"cat /var/lib/labserver/jobs/{job}.json")))


def restic(words: str) -> str:
    """Call restic by hand, as somebody would who has nothing but the repository and its password."""
    return sh(f"RESTIC_PASSWORD='{SECRET}' restic --repo /mnt/backup/lab --no-cache {words}")


def app(dump: list[str], *more: str) -> None:
    """Say what belongs to an app, as the roles of apps do."""
    item = {"name": "the app", "paths": ["/opt/app", *more], "dump": dump}
    sh(f"echo '{json.dumps({'version': 1, 'items': [item]})}' > /etc/labserver/backup.d/test.json")


@pytest.fixture(scope="module")
def hub() -> str:
    return hub_host.base_url(sh)


@pytest.fixture(scope="module")
def saved(hub: str) -> dict[str, t.Any]:
    """Alice has a password of her own and data; then the job of host cron saves the server."""
    hub_host.logged_in(sh, hub, "alice", OWN)
    sh(f"head -c 300000 /dev/urandom > {DATA}; chown jupyter-alice: {DATA}; chmod 640 {DATA}")
    sh("mkdir -p /home/jupyter-alice/.cache; echo x > /home/jupyter-alice/.cache/again")
    sh("mkdir -p /opt/app /etc/labserver/backup.d; echo kept > /opt/app/data")
    app(["sh", "-c", "echo the whole database"])
    return {"status": run_job("backup"), "sum": sh(f"sha256sum {DATA}"), "owner": sh(f"stat -c '%u %g %a' {DATA}")}


def test_job_says_what_it_did(saved: dict[str, t.Any]) -> None:
    assert saved["status"]["level"] == "ok"
    assert saved["status"]["message"].startswith("snapshot ")


def test_restic_alone_can_read_it(saved: dict[str, t.Any]) -> None:
    (snapshot,) = json.loads(restic("snapshots --json --latest 1"))
    assert snapshot["hostname"] == SERVER
    names = restic(f"ls {snapshot['id']}")
    assert DATA in names
    assert "/etc/labserver/hub/password-store.json" in names
    assert "/var/lib/labserver/backup/stage/copies/srv/labserver/hub/state/passwords.sqlite" in names
    assert "/srv/labserver/registry/docker/registry/v2/blobs/" in names
    assert "/.cache/" not in names
    assert "/opt/app/data" in names
    assert restic(f"dump {snapshot['id']} /var/lib/labserver/backup/stage/dumps/the_app") == "the whole database\n"
    assert sh("/usr/local/sbin/labserver backup-restore --list").split()[0] == snapshot["short_id"]


def test_a_dump_that_fails_is_a_warning_that_names_it(saved: dict[str, t.Any]) -> None:
    app(["sh", "-c", "echo no room >&2; exit 3"])
    try:
        status = run_job("backup", status=1)
        assert status["level"] == "warning"
        assert "the dump of the app failed (exit status 3): no room" in status["message"]
    finally:
        app(["sh", "-c", "echo the whole database"])


def test_what_is_older_than_wanted_is_forgotten(saved: dict[str, t.Any]) -> None:
    """One of each day stays; these are all of today (or, around midnight, of two days)."""
    latest = [run_job("backup")["message"].split()[1].rstrip(":") for _again in range(3)][-1]
    left = complete()
    assert left[-1] == latest
    assert len(left) <= 2


def complete() -> list[str]:
    """The ids of the backups in which nothing is missing."""
    return [snapshot["short_id"] for snapshot in json.loads(restic("snapshots --json --tag labserver"))]


@pytest.mark.parametrize(
    ("harm", "mend", "words"),
    [
        pytest.param(
            "mount -t tmpfs none /home",
            "umount /home",
            "/home/jupyter-alice (home of alice) is not there",
            marks=LONG,
        ),
        ("umount -l /home", "mount --bind /home /home", "nothing is mounted at /home, where "),
        (
            "mv /etc/labserver/public/roster.json /root",
            "mv /root/roster.json /etc/labserver/public",
            "/etc/labserver/public/roster.json is not there, so nobody's home is in this backup",
        ),
        pytest.param("mv /opt/app /opt/other", "mv /opt/other /opt/app", "/opt/app (the app) is not there", marks=LONG),
        (
            "cd /srv/labserver/hub/state && mv passwords.sqlite /root",
            "mv /root/passwords.sqlite /srv/labserver/hub/state",
            "/srv/labserver/hub/state/passwords.sqlite (the hub) is not there, and was in the last complete backup",
        ),
    ],
    ids=["another disk", "no disk", "people", "path", "database"],
)
def test_what_is_missing_is_said_and_the_good_backup_stays(
    saved: dict[str, t.Any], harm: str, mend: str, words: str
) -> None:
    sh("mountpoint -q /home || mount --bind /home /home")
    assert run_job("backup")["level"] == "ok"
    good = complete()
    sh(harm)
    try:
        for _again in range(2):
            status = run_job("backup", status=1)
            assert words in status["message"]
        assert complete() == good
    finally:
        sh(mend)
    assert "(something is missing)" in sh("/usr/local/sbin/labserver backup-restore --list")
    assert run_job("backup")["level"] == "ok"


def test_what_is_meant_is_accepted_once(saved: dict[str, t.Any]) -> None:
    """The scenario goes on without the mount, as it began."""
    sh("umount -l /home")
    assert "labserver backup --accept" in run_job("backup", status=1)["message"]
    sh("/usr/local/sbin/labserver backup --accept")
    assert run_job("backup")["level"] == "ok"


def test_a_wrong_password_is_called_so(saved: dict[str, t.Any]) -> None:
    settings = "/etc/labserver/backup/settings.json"
    sh(f"cp -a {settings} /root/settings; sed -i 's/{SECRET}/another, and not short/' {settings}")
    try:
        message = run_job("backup", status=2)["message"]
        assert "backup_password is not its password" in message
        assert "remove" not in message
    finally:
        sh(f"mv /root/settings {settings}")


def test_registry_comes_back_with_its_links(saved: dict[str, t.Any]) -> None:
    store = "/srv/labserver/registry/docker/registry/v2"
    sh(f"/usr/local/sbin/labserver backup-restore --target /root/images {store}")
    listing = "find . -name _uploads -prune -o -type f -printf '%P %s %U %m\\n' | sort"
    assert sh(f"cd /root/images{store}; {listing}") == sh(f"cd {store}; {listing}")
    assert "notebook/_manifests/tags/latest/current/link" in sh(f"cd /root/images{store}/repositories; {listing}")
    sh("rm -rf /root/images")


def test_password_of_the_repository_is_for_root_alone(saved: dict[str, t.Any]) -> None:
    assert sh("stat -c '%a %U' /etc/labserver/backup /etc/labserver/backup/settings.json").split() == [
        "700",
        "root",
        "600",
        "root",
    ]
    sh(
        f"grep -rl '{SECRET}' /var/log /var/lib/labserver /etc/cron.d /etc/labserver/jobs.d /etc/labserver/public",
        status=1,
    )


def test_drill_proves_the_backup(saved: dict[str, t.Any]) -> None:
    status = run_job("backup-drill")
    assert (status["level"], "3 databases and" in status["message"]) == ("ok", True)
    # Bob has not used his one-time password yet.
    assert "JupyterHub opened its database (" in status["message"]
    assert "bob could log in" in status["message"]
    assert sh("ls /var/lib/labserver/backup").split() == [
        "complete.json",
        "exclude",
        "paths",
        "runs.json",
        "stage",
        "unreadable.json",
    ]


def test_the_status_knows_age_size_growth_and_drill(saved: dict[str, t.Any]) -> None:
    run_job("backup-drill")
    told = json.loads(sh("labserver status --json 2>/dev/null"))["backup"]
    (snapshot,) = json.loads(restic("snapshots --json --latest 1 --tag labserver"))
    assert told["age_hours"] < 1 and told["last"]["snapshot"] == snapshot["short_id"] and told["last"]["complete"]
    assert told["bytes"] > 300000 and told["added_bytes"] >= 300000 and told["added_runs"] >= 1
    page = sh("labserver status --page 2>/dev/null")
    assert "<dt>growth</dt>" in page and "came back as they were" in page


def test_drill_finds_a_damaged_pack(saved: dict[str, t.Any]) -> None:
    pack = sh("find /mnt/backup/lab/data -type f -size +200k | head -n 1").strip()
    settings = "/etc/labserver/backup/settings.json"
    sh(f"cp -a {pack} /root/pack; cp -a {settings} /root/settings; chmod u+w {pack}")
    sh(f"dd if=/dev/urandom of={pack} bs=1 seek=5000 count=2000 conv=notrunc")
    # Every drill reads another part; here all of it.
    sh(f'sed -i \'s/"read_percent": 5.0/"read_percent": 100/\' {settings}')
    try:
        status = run_job("backup-drill", status=2)
        assert status["level"] == "critical"
        assert status["message"]
    finally:
        sh(f"mv /root/pack {pack}; mv /root/settings {settings}")
    assert run_job("backup-drill")["level"] == "ok"


def test_disk_that_is_away_is_not_mistaken(saved: dict[str, t.Any]) -> None:
    sh("umount /mnt/backup")
    try:
        status = run_job("backup", status=2)
        assert "nothing is mounted at /mnt/backup" in status["message"]
        assert sh("ls -A /mnt/backup") == ""
    finally:
        sh("mount --bind /var/tmp/disk /mnt/backup")
    assert run_job("backup")["level"] == "ok"


def test_an_empty_disk_in_its_place_is_not_mistaken(saved: dict[str, t.Any]) -> None:
    sh("umount /mnt/backup; mount -t tmpfs none /mnt/backup")
    try:
        assert "the repository is not there" in run_job("backup", status=2)["message"]
        assert sh("ls -A /mnt/backup") == ""
    finally:
        sh("umount /mnt/backup; mount --bind /var/tmp/disk /mnt/backup")


def test_restore_in_place_wants_the_name_of_the_host(saved: dict[str, t.Any]) -> None:
    said = sh(f"/usr/local/sbin/labserver backup-restore --in-place other {DATA}", status=2)
    assert f"this host is {SERVER}" in said
    said = sh("/usr/local/sbin/labserver backup-restore --target /root/x home ..", status=2)
    assert "home: give an absolute path" in said
    assert "..: give an absolute path" in said


def test_playbook_restores_beside_what_is_there(saved: dict[str, t.Any]) -> None:
    command = [
        "ansible-playbook",
        "-i",
        str(INVENTORY),
        "-l",
        SERVER,
        "playbooks/restore.yml",
        "-e",
        f"paths={DATA},/srv/labserver/hub",
    ]
    done = subprocess.run(
        [*command, "-e", "target=/root/restored"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert sh(f"sha256sum < /root/restored{DATA}").split()[0] == saved["sum"].split()[0]
    store = "/root/restored/srv/labserver/hub/state/passwords.sqlite"
    count = f"sqlite3.connect('{store}').execute('select count(*) from passwords').fetchone()[0]"
    assert sh(f'python3 -c "import sqlite3; print({count})"').strip() == "2"
    assert sh("ls /root/restored").split() == ["home", "srv"]


def test_file_in_place_moves_the_other_one_aside(saved: dict[str, t.Any]) -> None:
    sh(f"echo spoilt > {DATA}")
    said = sh(f"/usr/local/sbin/labserver backup-restore --in-place {SERVER} {DATA}")
    assert f"restored {DATA}; what was there is {DATA}.before-restore-" in said
    assert sh(f"sha256sum {DATA}") == saved["sum"]
    assert sh(f"stat -c '%u %g %a' {DATA}") == saved["owner"]
    assert sh(f"cat {DATA}.before-restore-*") == "spoilt\n"


def test_a_lost_server_comes_back(saved: dict[str, t.Any], hub: str) -> None:
    """Everything is gone; afterwards people log in with the passwords that they had, and have their data."""
    alice = HubClient(hub, "alice")
    assert alice.login(OWN).status_code == 302
    lost = "/home/jupyter-alice /srv/labserver/hub /etc/labserver/hub"
    sh(f"docker stop labserver-hub; rm -rf {lost}")
    sh("docker start labserver-hub; sleep 2; rm -rf /srv/labserver/hub /etc/labserver/hub")
    assert f"restored {DATA.rsplit('/', 1)[0]}" in sh(
        f"/usr/local/sbin/labserver backup-restore --in-place {SERVER} {lost}"
    )
    playbook = ["ansible-playbook", "-i", str(INVENTORY), "molecule/backup/converge.yml"]
    done = subprocess.run(playbook, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    again = HubClient(hub, "alice")
    assert again.login(OWN).status_code == 302
    assert again.get("/hub/home").status_code == 200
    assert sh(f"sha256sum {DATA}") == saved["sum"]
    assert sh(f"stat -c '%u %g %a' {DATA}") == saved["owner"]
    assert run_job("backup")["level"] == "ok"


@LONG
def test_a_bare_host_becomes_the_server(saved: dict[str, t.Any], hub: str, tmp_path: Path) -> None:
    """It has another name. All that it gets of the first is the repository; its inventory does not know the numbers."""
    assert run_job("backup")["level"] == "ok"
    copy = f"docker exec {SERVER} tar -C /mnt/backup -cf - lab | docker exec -i {BARE} tar -C /mnt/backup -xf -"
    subprocess.run(["bash", "-euo", "pipefail", "-c", copy], check=True)
    how = "ansible_connection=community.docker.docker ansible_python_interpreter=/usr/bin/python3"
    (tmp_path / "hosts").write_text(f"{BARE} {how}\n")
    (tmp_path / "group_vars").mkdir()
    shutil.copy(ROOT / "molecule/backup/group_vars/all.yml", tmp_path / "group_vars")

    def play(name: str, *more: str, status: int = 0) -> str:
        command = ["ansible-playbook", "-i", str(tmp_path / "hosts"), f"playbooks/{name}.yml", *more]
        env = {**os.environ, "ANSIBLE_FORCE_COLOR": "0", "COLUMNS": "1000"}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=env)
        said = done.stdout + done.stderr
        assert done.returncode == status, said[-6000:]
        return said

    assert f"holds backups of {SERVER}, none of {BARE}" in " ".join(play("resurrect", status=2).split())
    assert sh_bare("find /etc/labserver /srv/labserver /home -type f -path '*jupyter*' 2>/dev/null; true") == ""
    # The engine was set up there, so as to have the images; the refusal says what to do about that.
    refused = play("resurrect", "-e", f"former={SERVER}", status=2)
    assert "remove /etc/labserver and run this again" in refused
    sh_bare("rm -r /etc/labserver")
    play("resurrect", "-e", f"former={SERVER}")
    assert sh_bare(f"sha256sum {DATA}") == saved["sum"]
    assert sh_bare(f"stat -c '%u %g %a' {DATA}") == saved["owner"]
    assert sh_bare("getent passwd jupyter-alice jupyter-bob") == sh("getent passwd jupyter-alice jupyter-bob")
    alice = HubClient(hub_host.base_url(sh_bare), "alice")
    assert alice.login(OWN).status_code == 302
    assert alice.get("/hub/home").status_code == 200
    assert " changed=0 " in play("site")
    assert "this host holds data already" in " ".join(play("resurrect", "-e", f"former={SERVER}", status=2).split())


@LONG
def test_taken_off_the_repository_stays(saved: dict[str, t.Any]) -> None:
    playbook = ["ansible-playbook", "-i", str(INVENTORY), "-l", SERVER, "molecule/backup/converge.yml"]
    playbook += ["-e", "backup_state=absent"]
    for changed in (True, False):
        done = subprocess.run(playbook, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:]
        assert (" changed=0 " in done.stdout) is not changed
    folders = "/etc/cron.d /etc/labserver/jobs.d /etc/labserver/backup"
    assert sh(f"find {folders} -type f '(' -name '*backup*' -o -name settings.json ')'") == ""
    assert json.loads(restic("snapshots --json"))


@LONG
def test_a_server_goes_out_of_service_and_its_backup_outlives_it(saved: dict[str, t.Any], tmp_path: Path) -> None:
    """The second host, which is a server with people since it was brought back: refused, told, saved, wiped."""
    how = "ansible_connection=community.docker.docker ansible_python_interpreter=/usr/bin/python3"
    (tmp_path / "hosts").write_text(f"{BARE} {how}\n")
    (tmp_path / "group_vars").mkdir()
    shutil.copy(ROOT / "molecule/backup/group_vars/all.yml", tmp_path / "group_vars")

    def retire(*words: str, status: int = 0) -> str:
        command = ["ansible-playbook", "-i", str(tmp_path / "hosts"), "playbooks/retire.yml"]
        command += ["-e", f"retire={BARE}", "-e", "retire_contact=Rita", "-e", f"retire_report={tmp_path}"]
        env = {**os.environ, "ANSIBLE_FORCE_COLOR": "0", "COLUMNS": "1000"}
        done = subprocess.run([*command, *words], cwd=ROOT, capture_output=True, text=True, check=False, env=env)
        said = done.stdout + done.stderr
        assert done.returncode == status, said[-6000:]
        return " ".join(said.split())

    alice = HubClient(hub_host.base_url(sh_bare), "alice")
    assert alice.login(OWN).status_code == 302
    alice.start()
    alice.wait_ready()
    sh_bare(f"echo new > {DATA}")
    assert "Servers of 1 people run (alice)" in retire(status=2)
    retire("-e", "retire_on=2099-01-01")
    assert any("2099-01-01" in one["text"] and "Rita" in one["text"] for one in alice.announcements())
    assert alice.server(), "before the day everything goes on"

    words = ["-e", "retire_stop_servers=true", "-e", "retire_data=wipe"]
    assert "its data are deleted" in retire(*words)
    assert "restic forget --host" in (tmp_path / f"retire-{BARE}.txt").read_text()
    assert sh_bare("docker ps --quiet --filter label=org.labserver.room") == ""
    assert sh_bare("find /home -name 'jupyter-*'; ls -d /etc/labserver /srv/labserver /opt/app 2>/dev/null; true") == ""
    assert sh_bare("ls -A /var/lib/labserver").split() == ["retire.json"]
    assert sh_bare("grep -l /usr/local/sbin/labserver /etc/cron.d/*; true") == ""
    sh_bare(f"grep -rl '{SECRET}' /etc /var/lib/labserver /var/log", status=1)
    assert " changed=0 " in retire(*words), "a second run has nothing to do"

    # The repository is whole, and holds what was written last.
    call = f"RESTIC_PASSWORD='{SECRET}' restic --repo /mnt/backup/lab --no-cache"
    listed = json.loads(sh_bare(f"{call} snapshots --json --tag labserver --host {BARE}"))
    last = max(listed, key=lambda one: one["time"])
    assert sh_bare(f"{call} dump {last['id']} {DATA}") == "new\n"
