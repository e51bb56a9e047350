# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container of a person's server as the hub sees it: whether it runs, its address, its log, why it failed."""

from __future__ import annotations

import asyncio
import datetime
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker.errors
import requests
from dockerspawner import DockerSpawner
from jupyterhub.spawner import SpawnException
from traitlets import Instance, default

from ..exchange.roster import Person
from ..exchange.settings import Settings
from ..exchange.sources import Sources
from ..words.language import later
from . import failures, names

LOG_TAIL = 60
ASK_AGAIN_SECONDS = 1.0
REFUSED, NOT_FOUND = 403, 404


class StartError(SpawnException):
    """A start that failed, with a message for the person.

    JupyterHub 6.1 shows SpawnException's message on the page of the form only; the page about a start that failed takes
    the attributes of its older convention.
    """

    def __init__(self, failure: failures.Failure):
        page = failure.page() if failure.log else ""
        super().__init__(failure.told(), reason=failure.reason, message_html=page)
        self.failure = failure
        self.jupyterhub_message = failure.told()
        if page:
            self.jupyterhub_html_message = page


class UnansweredError(OSError):
    """Guard or engine did not answer: nothing is known about the container, which may well run."""


class Container(DockerSpawner):
    """What is known of a person's container. A question without an answer never counts as "it is gone"."""

    sources: Sources = Instance(Sources, config=True, help="The exchange files and settings.")
    # Docker's calls of all users share these threads; one, as in DockerSpawner, lets a slow call hold up everybody.
    _executor = ThreadPoolExecutor(4, thread_name_prefix="docker")
    _unanswered = ""

    @property
    def settings(self) -> Settings:
        return self.sources.settings

    @property
    def person(self) -> Person:
        """The person of this server; raises StartError if they are not in the roster."""
        person = self.sources.roster.current().people.get(self.user.name)
        if person is None:
            text = later("You are not (or no longer) among the people of this server.")
            raise StartError(failures.Failure("roster", text))
        return person

    @default("object_name")
    def _object_name_default(self) -> str:
        return names.container(self.settings, self.person, self.name)

    @default("network_name")
    def _network_name_default(self) -> str:
        return self.settings.network

    async def _guard(self, path: str) -> Any:
        def ask() -> Any:
            return self.client.get(self.client.base_url + path, timeout=30).json()

        try:
            return await asyncio.wrap_future(self.executor.submit(ask))
        except (docker.errors.DockerException, OSError, ValueError) as error:
            raise UnansweredError(str(error)) from error

    async def get_object(self) -> dict[str, Any] | None:
        """Return the container as Docker shows it, None if there is none; raises UnansweredError."""
        try:
            found: dict[str, Any] = await self.docker("inspect_container", self.object_name)
        except docker.errors.APIError as error:
            if error.status_code not in (REFUSED, NOT_FOUND):
                raise UnansweredError(str(error.explanation or error)) from error
            self.object_id = ""
            return None
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            raise UnansweredError(str(error)) from error
        self.object_id = found["Id"]
        return found

    async def poll(self) -> Any:
        """Return None while the server runs, or its last state.

        Without an answer a hub that starts asks again, as often as it takes; later the server counts as running.
        """
        while True:
            try:
                status = await self._look()
            except UnansweredError as error:
                if self._unanswered != str(error):
                    self.log.warning("nothing is known about the server of %s: %s", self.user.name, error)
                self._unanswered = str(error)
                if not self._check_pending:
                    # A start that failed before there was a container leaves nothing that could run.
                    return None if self.object_id else 0
                await asyncio.sleep(ASK_AGAIN_SECONDS)
                continue
            self._unanswered = ""
            return status

    async def _look(self) -> Any:
        container = await self.get_object()
        if container is None:
            self.log.warning("there is no container %s", self.object_name)
            return 0
        state = container["State"]
        if state["Running"]:
            return None
        if self._spawn_pending is False:
            failure = failures.of_container(state, await self._log(), int(self.mem_limit or 0), 0)
            self.log.warning("server of %s ended: %s", self.user.name, failure.sentence)
        return f"ExitCode={state.get('ExitCode')}, Error={state.get('Error')!r}, FinishedAt={state.get('FinishedAt')}"

    async def get_url(self) -> str:
        """Return the address of the server, also after a restart of the hub.

        A hub that was killed during a start has not stored the address, and a container may have another address since
        the engine was restarted.
        """
        known = str(await super().get_url())
        try:
            address, port = await self.get_ip_and_port()
        except (docker.errors.DockerException, requests.RequestException, OSError):
            return known
        return urlsplit(known)._replace(netloc=f"{address}:{port}").geturl()

    async def _log(self) -> str:
        try:
            raw = await self.docker("logs", self.object_id, stdout=True, stderr=True, tail=LOG_TAIL)
        except (docker.errors.DockerException, requests.RequestException, OSError):
            return ""
        return bytes(raw).decode(errors="replace")

    async def _memory(self) -> dict[str, Any]:
        """Return Docker's memory statistics of the container, empty when there are none."""
        try:
            stats = await self.docker("stats", self.object_id, stream=False, one_shot=True)
        except (docker.errors.DockerException, requests.RequestException, OSError):
            return {}
        return dict(stats.get("memory_stats") or {})

    async def _keep(self, failure: failures.Failure) -> None:
        """Save the failure for the administrator."""
        entry = {
            "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "user": self.user.name,
            **({"server": self.name} if self.name else {}),
            "image": getattr(self, "_chosen", None) and self._chosen.name,
            "reason": failure.reason,
            "sentence": failure.sentence,
            **({"text": failure.text, "values": failure.values} if failure.values else {}),
            "log": failure.log,
        }
        self.log.error("server of %s failed: %s", self.user.name, json.dumps(failures.fit(entry)))
        try:
            await asyncio.to_thread(failures.keep, Path(self.settings.state_folder) / "failures.jsonl", entry)
        except OSError as error:
            self.log.warning("the failure could not be saved: %s", error)

    async def _explained(self, failure: failures.Failure) -> StartError:
        """Save the failure, remove the container, and return what the person sees."""
        await self._keep(failure)
        if self.object_id:
            try:
                await self.stop(now=True)
            except docker.errors.APIError as error:
                self.log.warning("could not remove the failed container: %s", error)
        return StartError(failure)
