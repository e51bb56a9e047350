# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One of several servers of a person: whether there may be one, and what it gets of what the person may use."""

from __future__ import annotations

from typing import Any

from ..exchange.text import clean
from . import failures, form, names, portions, server
from .container import Container, StartError, UnansweredError

SHOWN = 120
"""Letters of somebody's choice that are shown."""


class Several(Container):
    """What a spawner knows of the person's other servers."""

    user_options: dict[str, Any]

    def _is_allowed(self) -> None:
        """Raise StartError when the person may have no further server, or none of this name."""
        if not self.name:
            return
        problem = names.problem(self.name)
        if problem is None and self.person.most_servers < 2:
            problem = portions.NOT_ALLOWED, {}
        if problem is not None:
            raise StartError(failures.Failure("limit", problem[0], values=problem[1]))

    async def _portion(self) -> server.Allowance | None:
        """Return what this one of several servers may use; None where there is one alone. Raises StartError."""
        most, wanted = self.person.most_servers, portions.wish(self.user_options)
        if most < 2:
            return None
        if wanted is None:
            values = {"wanted": clean(self.user_options["memory"], SHOWN)}
            raise StartError(failures.Failure("limit", portions.NO_AMOUNT, values=values))
        whole, others = server.allowance(self.settings, self.person), await self._others()
        problem = portions.refusal(whole, others, most, wanted)
        if problem is not None:
            raise StartError(failures.Failure("limit", problem[0], values=problem[1]))
        rest = portions.left(whole, others)
        return portions.portion(whole, rest, wanted) if wanted else portions.usual(whole, rest, most)

    async def _others(self) -> tuple[portions.Held, ...]:
        """Return the person's other servers that run, as the guard counts them. Raises UnansweredError."""
        told = await self._guard(f"/labserver/taken/{names.container(self.settings, self.person)}")
        if not isinstance(told, list):
            raise UnansweredError(str(told))
        return tuple(one for one in portions.held(told) if one.server != self.name)

    async def _memory_offer(self) -> form.Memory | None:
        """Return what the form says of the memory; None for who may have one server, which gets all there is."""
        most = self.person.most_servers
        if most < 2:
            return None
        whole = server.allowance(self.settings, self.person)
        try:
            others = await self._others()
        except UnansweredError:
            others = ()
        rest = portions.left(whole, others)
        last = portions.wish(self.user_options or self.orm_spawner.user_options or {}) or 0
        chosen = portions.portion(whole, rest, last) if last else portions.usual(whole, rest, most)
        problem = portions.refusal(whole, others, most)
        return form.Memory(
            portions.offered(whole, rest, most, chosen) if problem is None else (),
            chosen,
            portions.named(others),
            "" if problem is None else failures.Failure("limit", problem[0], values=problem[1]).told(),
        )
