# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads and changes a CoCalc container: the steps of which a plan is made, each safe to be repeated."""

from __future__ import annotations

import gzip
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .._common import files as common_files
from .._common import probe as common_probe
from .._common.labels import CONFIG_SHA256, EXPOSED
from .model import (
    Access,
    Desired,
    access_from,
    create_command,
    health_url,
    read_access_sql,
    write_access_sql,
)

# The images' first process does not hear SIGTERM: waiting long gains nothing, and PostgreSQL recovers from its journal.
STOP_SECONDS = "20"
Run = Callable[[Sequence[str], str], tuple[int, str, str]]  # (command, standard input) -> (status, output, errors)


class CocalcError(Exception):
    """The server cannot be brought to its state; the text says why and what is running now."""


@dataclass(frozen=True)
class Current:
    """What ``docker inspect`` says about the container of the server."""

    image_id: str
    image: str
    hash: str
    exposed: bool
    running: bool
    started: bool = True  # at least once: before, it has no data


def http_status(url: str) -> int:
    """Return the status code of ``url``; raises OSError when nothing answers. Trust is not the question here."""
    return common_probe.get(url, 5)[0]


@dataclass
class World:
    """The world of one CoCalc server; everything with an effect is handed in."""

    run: Run
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    probe: Callable[[str], int] = http_status
    stamp: Callable[[], str] = field(default=lambda: time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))

    def docker(self, what: str, *arguments: str, stdin: str = "") -> str:
        """Run docker; raises CocalcError that begins with ``what``."""
        status, out, err = self.run(["docker", *arguments], stdin)
        if status != 0:
            raise CocalcError(f"{what} failed: {(err or out).strip()[-2000:]}")
        return out

    # -- reading ------------------------------------------------------------------------------------------------------

    def missing(self) -> str:
        if self.run(["docker", "version", "--format", "{{.Server.Version}}"], "")[0] != 0:
            return "the Docker engine does not answer; install or start it (role labserver.jupyter.docker)"
        return ""

    def container(self, name: str) -> Current | None:
        status, out, _err = self.run(["docker", "container", "inspect", name], "")
        if status != 0:
            return None
        item = json.loads(out)[0]
        labels = item["Config"].get("Labels") or {}
        return Current(
            image_id=item["Image"],
            image=item["Config"]["Image"],
            hash=labels.get(CONFIG_SHA256, ""),
            exposed=labels.get(EXPOSED) == "true",
            running=item["State"]["Status"] == "running",
            started=not item["State"].get("StartedAt", "").startswith("0001-"),  # Go's zero time: never
        )

    def image_id(self, reference: str) -> str:
        status, out, _err = self.run(["docker", "image", "inspect", "--format", "{{.Id}}", reference], "")
        return out.strip() if status == 0 else ""

    def psql(self, server: Desired, sql: str) -> str:
        """Run SQL in the server's database. It goes in by standard input: no secret is in any list of processes."""
        variables = [f"--env={name}={value}" for name, value in server.database.items()]
        command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        return self.docker("asking CoCalc's database", "exec", "-i", *variables, server.name, *command, stdin=sql)

    def access(self, server: Desired) -> Access:
        return access_from(server, self.psql(server, read_access_sql(server)))

    # -- changing -----------------------------------------------------------------------------------------------------

    def grant(self, server: Desired, access: Access) -> None:
        self.psql(server, write_access_sql(server, access.ordinary, not access.token))

    def write_files(self, files: Mapping[Path, bytes]) -> None:
        """Put certificate files in place; keys and whatever holds one are for root alone."""
        for path, content in files.items():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            common_files.replace(path, content, 0o600)

    def dump(self, server: Desired) -> str:
        """Keep a dump of the database on the host; returns its path, "" when no dump is wanted."""
        if not server.dump_command:
            return ""
        server.dump_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        variables = [f"--env={name}={value}" for name, value in server.database.items()]
        what = "the dump of the database (cocalc_dump_command: [] goes without)"
        text = self.docker(what, "exec", *variables, server.name, *server.dump_command)
        if not text.strip():
            raise CocalcError("the dump of the database is empty; nothing was changed")
        path = server.dump_folder / f"{self.stamp()}.sql.gz"
        # Bytes that are not text come escaped so.
        common_files.replace(path, gzip.compress(text.encode("utf-8", "surrogateescape")), 0o600)
        for old in sorted(server.dump_folder.glob("*.sql.gz"))[: -server.dumps_kept]:
            old.unlink()
        return str(path)

    def start_new(self, server: Desired, image_id: str, exposed: bool) -> None:
        server.data_folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.docker("making the container", *create_command(server, image_id, exposed)[1:])
        self.docker("starting the container", "start", server.name)

    def wait(self, server: Desired, exposed: bool) -> None:
        """Wait until the server answers over HTTP: its container looks "running" even when CoCalc failed to start.

        Raises:
            CocalcError: after ``server.health_seconds``, with the last lines of the container's log.
        """
        url = health_url(server, exposed)
        deadline = self.now() + server.health_seconds
        while True:
            try:
                status = self.probe(url)
                if status == 200:
                    return
                reason = f"answers with status {status}"
            except OSError as error:
                reason = f"does not answer ({error})"
            if self.now() >= deadline:
                _status, out, err = self.run(["docker", "logs", "--tail", "40", server.name], "")
                raise CocalcError(
                    f"{url} {reason} after {server.health_seconds} s. Its log ends:\n{(out + err)[-3000:]}"
                )
            self.sleep(2.0)

    # -- replacing, with a way back -----------------------------------------------------------------------------------

    def replace(self, server: Desired, old: Current, image_id: str, exposed: bool) -> None:
        """Put a new container in the place of the old one; when it does not come up, everything is as before.

        The database files are copied while nothing runs: a new version may rewrite them at its first start.
        """
        if old.started and (not server.data_folder.is_dir() or not any(server.data_folder.iterdir())):
            raise CocalcError(
                f"{server.data_folder} is empty or not there, and the container {server.name} keeps its data in it; "
                "is its disk mounted? Nothing was changed"
            )
        copy = before_folder(server)
        partial = copy.with_name(copy.name + ".part")
        database = server.data_folder / "postgres"
        self.docker("stopping the old container", "stop", "--time", STOP_SECONDS, server.name)
        shutil.rmtree(partial, ignore_errors=True)
        if copy.is_dir():  # of a run that did not end; whoever reads the result may delete it
            copy.rename(copy.with_name(f"{copy.name}-{self.stamp()}"))
        if database.is_dir() and old.image_id != image_id:
            status, _out, err = self.run(["cp", "-a", "--reflink=auto", str(database), str(partial)], "")
            if status != 0:
                shutil.rmtree(partial, ignore_errors=True)
                self.docker("starting the old container again", "start", server.name)
                raise CocalcError(f"the database cannot be copied, so nothing was changed: {err.strip()}")
            partial.rename(copy)
        self.docker("keeping the old container", "rename", server.name, previous(server))
        try:
            self.start_new(server, image_id, exposed)
            self.wait(server, exposed)
        except CocalcError as error:
            self.go_back(server)
            raise CocalcError(f"{error}\nThe previous container and database are back and up.") from error
        self.docker("removing the old container", "rm", previous(server))
        shutil.rmtree(copy, ignore_errors=True)

    def go_back(self, server: Desired, keep: bool = False) -> str:
        """Bring back the container and the database files from before a replacement that failed or was interrupted.

        With ``keep`` the newer database files are put aside, since people may have used them; returns where.
        """
        if self.container(server.name) is not None:
            self.docker("removing the failed container", "rm", "--force", server.name)
        aside = self.restore_database(server, keep)
        self.docker("bringing the old container back", "rename", previous(server), server.name)
        self.docker("starting the old container", "start", server.name)
        old = self.container(server.name)
        self.wait(server, bool(old and old.exposed))
        return aside

    def restore_database(self, server: Desired, keep: bool) -> str:
        """Put the database files from before a replacement back, if there are any; see go_back."""
        aside = ""
        copy, database = before_folder(server), server.data_folder / "postgres"
        if copy.is_dir():
            if database.is_dir() and keep:
                folder = server.data_folder.with_name(f"{server.data_folder.name}.interrupted-{self.stamp()}")
                database.rename(folder)
                aside = str(folder)
            elif database.is_dir():
                shutil.rmtree(database)
            copy.rename(database)
        return aside

    def remove(self, server: Desired) -> str:
        """Take the container away. A replacement that was interrupted is undone in the data as well.

        The kept container goes last: as long as it is there, a run that was killed in here can be repeated.

        Returns:
            Where the database of the interrupted replacement is now, "" when there was none.
        """
        aside = ""
        for name in (server.name, previous(server)):
            if self.container(name) is None:
                continue
            self.docker("stopping the container", "stop", "--time", STOP_SECONDS, name)
            if name == previous(server):
                aside = self.restore_database(server, keep=True)
            self.docker("removing the container", "rm", name)
        return aside

    def leftovers(self, server: Desired) -> list[str]:
        """Return copies of the database beside the data that runs which did not end have left."""
        name = server.data_folder.name
        found = [*server.data_folder.parent.glob(f"{name}.before-upgrade*")]
        return [str(path) for path in sorted([*found, *server.data_folder.parent.glob(f"{name}.interrupted-*")])]

    def has_command(self, image_id: str, command: str) -> bool:
        """Whether an image contains a command; it is looked for in a container without network or data."""
        look = ["docker", "run", "--rm", "--network=none", "--entrypoint=sh", image_id, "-c", f"command -v {command}"]
        return self.run(look, "")[0] == 0


def previous(server: Desired) -> str:
    return f"{server.name}-previous"


def before_folder(server: Desired) -> Path:
    """Return where the database files wait during a replacement: beside the data, on the same file system."""
    return server.data_folder.with_name(server.data_folder.name + ".before-upgrade")


def differing(files: Mapping[Path, bytes]) -> dict[Path, bytes]:
    return {path: content for path, content in files.items() if not path.is_file() or path.read_bytes() != content}
