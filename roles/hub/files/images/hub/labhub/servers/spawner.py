# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts each person's server as the person's own account, from a digest of the lab's registry."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker.errors
from jupyterhub.utils import maybe_future
from tornado.httpclient import AsyncHTTPClient
from traitlets import default

from ..exchange.environment import lab_environment
from ..exchange.images import Image
from ..exchange.shares import Share, shares_of
from ..exchange.text import clean
from ..words import language
from ..words.language import gettext as _
from ..words.language import later
from . import choices, failures, form, gpus, names, server
from .container import StartError, UnansweredError
from .offer import choose
from .several import SHOWN, Several

ADOPTION_SECONDS = 10.0
"""So long may a server that runs already take to answer before it is replaced."""
SOON_SECONDS, FIRST_PAUSE_SECONDS, PAUSE_SECONDS = 2.0, 0.05, 0.2
"""Between two looks whether a server answers, at first so soon that nobody waits for the look."""
SHARE_WAIT_SECONDS = 30.0
SHARED_CACHE_SECONDS = 30
"""So long a server that several people use believes what the hub said of who may enter."""
CHOICES = ("image", "gpus", "memory")


class LabSpawner(Several):
    """DockerSpawner that computes the container from the lab's files and explains what goes wrong."""

    # Only one start at a time may look for a free graphics card and take it.
    _gpu_lock = asyncio.Lock()
    _wanted_gpus = 0
    _given: server.Allowance | None = None
    runs = ""
    """The name of the image that a server runs from, also where nobody chose one."""
    allowed: server.Allowance | None = None
    """What a server that runs may use; None for one that was started before this was remembered."""

    remove = True
    pull_policy = "skip"
    use_internal_ip = True
    user_options: dict[str, Any]

    @default("options_form")
    def _default_options_form(self) -> Any:
        return type(self)._render_form

    @staticmethod
    async def _render_form(spawner: LabSpawner) -> str:
        if spawner.person.room is not None:
            return ""  # the inventory has chosen, and the server starts at once
        last = spawner.user_options.get("image") or (spawner.orm_spawner.user_options or {}).get("image")
        try:
            path = Path(spawner.settings.state_folder) / choices.FILE
            ever = await asyncio.to_thread(choices.digests, path, spawner.user.name)
        except (OSError, ValueError):
            ever = frozenset()
        used = form.Used(last if isinstance(last, str) else "", ever)
        known, now = spawner.sources.images.current(), datetime.datetime.now(datetime.UTC)
        cards, memory = await spawner._cards(), await spawner._memory_offer()
        return form.options_form(spawner.person, spawner.settings, known, used, now, cards, memory)

    async def _cards(self) -> form.Cards | None:
        known = self.settings.gpus
        most = gpus.most(known, self.person.limits.gpus)
        if most < 1:
            return None
        try:
            held = await self._guard("/labserver/gpus")
            words = gpus.book(known, held)
            most = gpus.most(known, self.person.limits.gpus, gpus.of(held, self.person.name))
        except UnansweredError:
            words = _("Who uses which card is not known at the moment.")
        last = gpus.wish(self.user_options or self.orm_spawner.user_options or {}, most) or 0
        return form.Cards(most, min(last, most), words)

    def options_from_form(self, formdata: dict[str, list[str]]) -> dict[str, str]:
        """Return the choice: the image, how many graphics cards, and the memory of one of several servers."""
        return {key: clean(formdata[key][0]) for key in CHOICES if formdata.get(key)}

    async def _run_apply_user_options(self, user_options: dict[str, Any]) -> None:
        """Options may come from the REST API as well: anything but a known image is refused or ignored."""

    def _image(self) -> Image:
        images, person = self.sources.images.current(), self.person
        wanted = self.user_options.get("image") if person.room is None else person.room
        image = choose(images, person, wanted if isinstance(wanted, str) else None, self.settings.default_image)
        if image is None and self.handler is None and wanted:
            image = choose(images, person, None, self.settings.default_image)
        if image is not None:
            return image
        if not wanted:
            none = later("No image is ready on this server. Please ask the administrator.")
            others = later("No image of this server is for you. Please ask the administrator.")
            some = any(image.state == "ready" for image in images)
            raise StartError(failures.Failure("image", others if some else none))
        self.user_options = {}
        known = next((entry for entry in images if wanted in (entry.name, entry.reference)), None)
        values = {"image": clean(wanted, SHOWN)}
        text = later("The image {image} cannot be started. Choose another one.")
        if known is not None and known.reason:
            values["why"] = known.reason
            text = later("The image {image} cannot be started: {why}. Choose another one.")
        if person.room is not None:
            text = later("The image {image} of this room cannot be started. Please ask the administrator.")
        raise StartError(failures.Failure("image", text, values=values))

    def _stays_in_service(self) -> None:
        retiring = self.sources.retiring()
        if retiring is not None and retiring.has_come(datetime.datetime.now().astimezone().date()):
            text = later(
                "This server has been out of service since {day}, so nothing is started here any more. Questions:"
                " {contact}"
            )
            values = {"day": retiring.day.isoformat(), "contact": clean(retiring.contact, SHOWN)}
            raise StartError(failures.Failure("retirement", text, values=values))

    def _gpu_wish(self) -> int:
        wanted = gpus.wish(self.user_options, gpus.most(self.settings.gpus, self.person.limits.gpus))
        if wanted is None:
            values = {"wish": clean(self.user_options["gpus"], SHOWN)}
            raise StartError(failures.Failure("gpu", later("{wish} is not a number of graphics cards."), values=values))
        return wanted

    async def _mounted_shares(self) -> list[tuple[Share, str]]:
        """Return the shares to mount; raises StartError if a share is unavailable that the server must not lack."""
        wanted = shares_of(self.person, self.sources.shares.current())
        if not wanted:
            return []
        deadline = time.monotonic() + SHARE_WAIT_SECONDS
        while True:
            present = await self._guard("/labserver/shares")
            missing = [share for share, _right in wanted if not present.get(share.name)]
            patient = [share for share in missing if share.when_absent == "wait"]
            if not patient or time.monotonic() > deadline:
                break
            await asyncio.sleep(1)
        absent = [share.name for share in missing if share.when_absent != "without"]
        if absent:
            text = later(
                "The shared folder {names} is not available at the moment. Please try again later or tell the"
                " administrator."
            )
            raise StartError(failures.Failure("share", text, values={"names": ", ".join(absent)}))
        return [(share, right) for share, right in wanted if share not in missing]

    def get_state(self) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state()
        if self.allowed is not None:
            state = {**state, "allowed": vars(self.allowed)}
        return {**state, "runs": self.runs} if self.runs else state

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.runs = str(state.get("runs") or "")
        allowed = state.get("allowed")
        self.allowed = server.Allowance(**allowed) if allowed else None

    def clear_state(self) -> None:
        super().clear_state()
        self.runs, self.allowed = "", None

    def get_env(self) -> dict[str, str]:
        env: dict[str, str] = lab_environment(self.settings)
        env.update(super().get_env())
        env["LABSERVER_LANGUAGE"] = language.current()
        env.update(server.person_environment(self.person))
        return env

    def get_args(self) -> list[str]:
        args: list[str] = super().get_args()
        # Others than its owner may use it: who no longer may is out soon.
        shared = self.person.room is not None or self.settings.sharing
        return [*args, f"--HubOAuth.cache_max_age={SHARED_CACHE_SECONDS}"] if shared else args

    async def _free_gpus(self, wanted: int) -> tuple[str, ...]:
        """Return the cards for this server; raises StartError that says who uses them if not enough are free."""
        if not wanted:
            return ()
        known, held = self.settings.gpus, await self._guard("/labserver/gpus")
        mine = gpus.of(held, self.person.name)
        if mine + wanted > self.person.limits.gpus:
            text, values = gpus.more(self.person.limits.gpus, mine)
            raise StartError(failures.Failure("gpu", text, values=values))
        found = gpus.allocate(known, held, wanted)
        if found is None:
            text, values = gpus.refusal(known, held, wanted)
            raise StartError(failures.Failure("gpu", text, values=values))
        return found

    async def create_object(self) -> dict[str, str]:
        """Make the container exactly as ``server.py`` computes it."""
        if not self._wanted_gpus:
            return await self._create(())
        async with self._gpu_lock:
            return await self._create(await self._free_gpus(self._wanted_gpus))

    async def _create(self, cards: tuple[str, ...]) -> dict[str, str]:
        settings, person, shares = self.settings, self.person, await self._mounted_shares()
        allowed = self.allowed = server.allowance(settings, person, self._chosen, self._given)
        self.mem_limit, self.cpu_limit = allowed.memory_bytes, allowed.cpu
        body = server.create_body(
            person,
            self._chosen,
            {**self.get_env(), **server.folders_environment(shares)},
            [*self.cmd, *self.get_args()],
            server.host_config(settings, self.sources.roster.current(), person, allowed, shares, gpus=cards),
            port=self.port,
            gpus=cards,
            name=self.name,
        )
        return dict(await self.docker("create_container_from_config", body, self.object_name))

    async def start(self) -> tuple[str, int]:
        """Start the server and wait until it answers; raises StartError that says why it does not."""
        began = time.monotonic()
        try:
            self._is_allowed()
            self._chosen = self._image()
            self._wanted_gpus = self._gpu_wish()
        except StartError as error:
            await self._keep(error.failure)
            raise
        self.image, self.runs = self._chosen.reference, self._chosen.name
        self.object_name = names.container(self.settings, self.person, self.name)
        try:
            running = await self._adopted()
        except UnansweredError as error:
            raise await self._explained(failures.of_silence(str(error))) from error
        if running is not None:
            return running
        self._stays_in_service()
        try:
            self._given = await self._portion()
        except UnansweredError as error:
            raise await self._explained(failures.of_silence(str(error))) from error
        except StartError as error:
            await self._keep(error.failure)
            raise
        options, self.user_options = self.user_options, {}  # DockerSpawner must not look for an image in them
        try:
            address, port = await super().start()
        except docker.errors.APIError as error:
            raise await self._explained(failures.of_engine(str(error.explanation or error))) from error
        except UnansweredError as error:
            raise await self._explained(failures.of_silence(str(error))) from error
        except StartError as error:
            await self._keep(error.failure)
            raise
        finally:
            self.user_options = {key: value for key, value in options.items() if key in CHOICES}
        await self._answering(f"http://{address}:{port}", began)
        await self._written_down(choices.note, self._chosen)
        return address, port

    async def run_post_stop_hook(self) -> None:
        await self._written_down(choices.renew)
        await maybe_future(super().run_post_stop_hook())

    async def _written_down(self, how: Callable[..., None], *more: Image) -> None:
        """Write down what the person uses; see ``choices``. A server does not fail for it."""
        path, now = Path(self.settings.state_folder) / choices.FILE, datetime.datetime.now(datetime.UTC)
        try:
            await asyncio.to_thread(how, path, self.user.name, *more, now)
        except (OSError, ValueError) as error:
            self.log.warning("the image that %s uses could not be written down: %s", self.user.name, error)

    async def _adopted(self) -> tuple[str, int] | None:
        """Take over a server of this person that runs though the hub's database does not know it.

        Its token is in its environment, and JupyterHub stores the token of the spawner when it is not the one that it
        made. A container that does not run or does not answer is removed.
        """
        try:
            container = await self.get_object()
            if container is None:
                return None
            token = server.token_of(container, self.person)
            if container["State"]["Running"] and token:
                address, port = await self.get_ip_and_port()
                if await self._answers(f"http://{address}:{port}", ADOPTION_SECONDS):
                    self.log.warning("taking over the container %s, which runs already", self.object_name)
                    self.api_token = token
                    self.allowed = server.allowed_of(container)
                    return address, port
            self.log.warning("removing the container %s, which is not in the hub's database", self.object_name)
            if container["State"]["Running"]:
                await self.stop_object()
            await self.remove_object()
        except docker.errors.APIError as error:
            raise await self._explained(failures.of_engine(str(error))) from error
        return None

    async def _answers(self, url: str, seconds: float, pause: float = PAUSE_SECONDS) -> bool:
        """Tell whether a server answers within so many seconds, with a look after each pause."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                await AsyncHTTPClient().fetch(f"{url}{self.server.base_url}api", request_timeout=2, connect_timeout=1)
            except Exception:  # (refused, reset, timeout, 404: all mean "not yet")
                await asyncio.sleep(pause)
            else:
                return True
        return False

    async def _answering(self, url: str, began: float) -> None:
        deadline = began + self.settings.start_timeout_seconds
        if await self._answers(url, SOON_SECONDS, FIRST_PAUSE_SECONDS):
            return
        while not await self._answers(url, 1):
            checked = time.monotonic()
            try:
                container = await self.get_object()
                state = container["State"] if container else None
            except UnansweredError:
                state = {"Running": True}
            if state is None or not state["Running"] or checked > deadline:
                log = await self._log()
                limit = int(self.mem_limit or 0)
                failure = failures.of_container(state, log, limit, checked - began, await self._memory())
                raise await self._explained(failure)
