# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads which files hold secrets or run as code, and which backups this host makes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from .._common import exchange
from .handle import World
from .model import Backup, Container, File, Target
from .read_host import cron_files

PROJECT = "com.docker.compose.project.working_dir"
SECRETS = (
    ("/opt/tljh/state", "*"),
    ("/etc/letsencrypt/live", "*/privkey.pem"),
    ("/etc/letsencrypt/archive", "*/privkey*.pem"),
    ("/etc/ssl/private", "*"),
    ("/etc/nginx", "**/*.key"),
    ("/etc/labserver", "tls/*/key.pem"),
    ("/etc/labserver", "registry/secrets/*"),
    ("/etc/labserver", "hub/secrets/*"),
    ("/root/.docker", "config.json"),
)
SECRET_NAME = re.compile(
    r"(^\.?(smb|cifs)?credentials$|passwords\.dbm|cookie_secret$|jupyterhub\.sqlite$|^passwords\.sqlite$|htpasswd$"
    r"|\.key$|^key\.pem$|^privkey|acme\.json$|\.secret$|^secrets?\.(ya?ml|env|json)$)"
)
SETTINGS = re.compile(r"^\S*(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY)\S*\s*[=:]\s*\S+", re.MULTILINE | re.IGNORECASE)
CODE = re.compile(r"^(jupyterhub_config\.py|(docker-)?compose.*\.ya?ml|config\.yaml|Dockerfile)$")
PUBLIC_OF_TLJH = ("rules", "traefik.toml", "passwords.txt")
TOOLS = re.compile(r"\b(restic|borg|borgmatic|rsnapshot|duplicity|rdiff-backup|kopia|btrbk|rclone|bacula)\b")
COPIERS = re.compile(r"\b(tar\s+\S*c\S*|rsync|cp\s+-\S*[ar]\S*|zip)\s.*(/home|/srv|/opt|/var/lib|/data)")
REPOSITORY = re.compile(r"(?:-r\s*|--repo[= ]|RESTIC_REPOSITORY=|BORG_REPO=)['\"]?(/[^\s'\":]+)")
BORG = re.compile(r"\bborg\s+create\b.*?(/[^\s'\":]+)::")
ARCHIVE = re.compile(r"\btar\s+-?\w*c\w*f\s+['\"]?(/[^\s'\"]+)")
MIRROR = re.compile(r"\brsync\b.*\s['\"]?(/[^\s'\":]+)['\"]?\s*(?:$|[;&|>])", re.MULTILINE)


def files(world: World, containers: Iterable[Container], credentials: Iterable[str]) -> dict[str, Any]:
    """Return secrets, configuration that runs as code, and cron's files."""
    found: dict[str, File | None] = {}
    for path in [path for folder, pattern in SECRETS for path in world.listed(folder, pattern)]:
        if Path(path).name not in PUBLIC_OF_TLJH and not path.endswith((".toml", ".py", ".pem.pub", ".crt")):
            found[path] = world.file(path, "secret")
    for path in credentials:
        found[path] = world.file(path, "secret")
    folders = {str(each.labels[PROJECT]) for each in containers if PROJECT in each.labels}
    folders |= {"/opt/tljh/config"}
    for container in containers:
        for bind in container.binds:
            known = container.role in ("hub", "registry", "proxy", "database")
            if known and bind.kind == "bind" and bind.source.startswith("/") and bind.source.count("/") > 1:
                folders.add(bind.source)
    for folder in sorted(folders):
        seen = world.status(folder)
        if seen is None or world.remote(folder):
            continue
        inside = world.walk(folder, 2) if world.path(folder).is_dir() else [folder]
        for path in inside:
            _judge(world, path, found)
    for path in ["/etc/docker/daemon.json", *world.listed("/opt/tljh/config", "jupyterhub_config.d/*.py")]:
        found[path] = world.file(path, "config")
    seen_files = [file for file in found.values() if file is not None]
    return {"files": (*seen_files, *cron_files(world))}


def _judge(world: World, path: str, found: dict[str, File | None]) -> None:
    name = Path(path).name
    if SECRET_NAME.search(name) or (name.endswith(".env") and SETTINGS.search(world.text(path))):
        found.setdefault(path, world.file(path, "secret"))
    elif CODE.match(name):
        found.setdefault(path, world.file(path, "config"))


def backups(world: World) -> dict[str, Any]:
    """Return the backups that cron, a timer or a job of this host makes."""
    found = [*of_lab_server(world)]
    for source, text in _scheduled(world):
        tool = TOOLS.search(text)
        copier = COPIERS.search(text)
        if tool or copier:
            name = tool[1] if tool else copier[1].split()[0] if copier else ""
            found.append(Backup(source, name, tuple(target(world, path) for path in targets(text))))
    return {"backups": tuple(found)}


def targets(text: str) -> list[str]:
    """Return the local folders that a command saves to; what is computed by the shell ends the path."""
    paths = [*REPOSITORY.findall(text), *BORG.findall(text)]
    for path in ARCHIVE.findall(text):
        fixed = re.split(r"[$`%]", path)[0]
        paths.append(str(Path(fixed).parent) if fixed == path or not fixed.endswith("/") else fixed.rstrip("/"))
    paths += [path for path in MIRROR.findall(text) if "$" not in path]
    return list(dict.fromkeys(path.rstrip("/") for path in paths if path.rstrip("/")))


def _scheduled(world: World) -> list[tuple[str, str]]:
    """Return (where, what is run) of cron and timers, with the text of scripts that are called."""
    found = []
    crontabs = ["/etc/crontab", *world.listed("/etc/cron.d"), *world.listed("/var/spool/cron/crontabs")]
    for path in crontabs:
        for line in world.lines(path):
            found.append((path, f"{line}\n{_scripts(world, line)}"))
    for folder in ("/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.hourly"):
        for path in world.listed(folder):
            if Path(path).name not in ("dpkg", "apt-compat", "logrotate", "man-db", "passwd", "mlocate", "plocate"):
                found.append((path, "\n".join(world.lines(path))))
    timers = world.run("systemctl", "list-timers", "--all", "--plain", "--no-legend", "--no-pager")
    for unit in sorted(set(re.findall(r"(\S+)\.timer", timers)) - {"dpkg-db-backup", "apt-daily"}):
        for folder in ("/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system"):
            text = "\n".join(world.lines(f"{folder}/{unit}.service"))
            if text:
                found.append((f"{unit}.timer", f"{text}\n{_scripts(world, text)}"))
                break
    return found


def _scripts(world: World, line: str) -> str:
    texts = []
    for path in re.findall(r"(?:^|[\s=])(/[\w./-]+)", line):
        content = world.content(path, 1 << 16)
        if content.startswith(b"#!"):
            texts.append(content.decode("utf-8", "replace"))
    return "\n".join(re.sub(r"(?m)^\s*#.*$", "", text) for text in texts)


def target(world: World, path: str) -> Target:
    """Return what the newest thing in a backup's folder is."""
    seen = world.status(path)
    if seen is None or world.remote(path):
        return Target(path, exists=seen is not None, newest_age_days=0.0, newest_bytes=1 << 30)
    home = world.status("/home")
    same = home is not None and home.st_dev == seen.st_dev
    snapshots = world.status(f"{path}/snapshots")
    if snapshots is not None:  # restic
        names, size = world.listed(f"{path}/snapshots"), 1 << 30
    else:
        names, size = list(world.walk(path, 3))[:2000], 0
    ages = [(each.st_mtime, each.st_size) for each in map(world.status, names) if each is not None]
    if not ages:
        return Target(path, same_disk=same)
    newest, newest_size = max(ages)
    if all(not name.endswith((".gz", ".tar", ".tgz", ".xz", ".zst", ".bz2", ".zip")) for name in names):
        newest_size = size or sum(each for _time, each in ages)
    return Target(path, True, (world.now() - newest) / 86400, newest_size, same)


def of_lab_server(world: World, job: str = "backup") -> list[Backup]:
    """Return the job ``backup`` of a lab server, by its status file."""
    made = world.status(f"/etc/labserver/jobs.d/{job}.json")
    if made is None:
        return []
    name = f"/var/lib/labserver/jobs/{job}.json"
    problem = ""
    try:
        status = exchange.parse(world.content(name), name)
        last = str(status.get("last_success") or "")
        age = world.now() - datetime.fromisoformat(last.replace("Z", "+00:00")).timestamp() if last else None
        if status.get("level") == "critical":
            problem = f"its last run failed: {status.get('message')}"
        elif age is not None and age > 3 * 86400:
            problem = f"the last one that succeeded is {age / 86400:.0f} days old"
    except ValueError:  # the next run writes it again
        if world.now() - made.st_mtime > 2 * 86400:
            problem = "it has never run"
    return [Backup(f"the job {job}", "restic", problem=problem)]


def credentials_of(options: Iterable[str]) -> list[str]:
    """Return the files with the passwords of shares that the options of fstab name."""
    found = [option.partition("=")[2] for option in options if option.startswith(("credentials=", "cred="))]
    return [os.path.normpath(path) for path in found if path.startswith("/")]
