# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is in a server that several people use, and with whom people share their own, as JupyterHub's database has it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from jupyterhub import orm

from . import rooms

INSIDE_SECONDS = 180
"""An open page asks the server all the time, and the server asks the hub every half minute."""


def naive_utc_now() -> datetime.datetime:
    """Return the time as JupyterHub's database has it: UTC, without a zone."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


def inside(db: Any, name: str, now: datetime.datetime) -> list[str]:
    """Return the names of those who were in the server of ``name`` a moment ago, its owner left out."""
    since = now - datetime.timedelta(seconds=INSIDE_SECONDS)
    tokens = db.query(orm.APIToken).filter(
        orm.APIToken.client_id == rooms.client(name), orm.APIToken.last_activity >= since
    )
    return sorted({token.user.name for token in tokens if token.user is not None} - {name})


@dataclass(frozen=True)
class Shared:
    """A server that somebody shares: its owner, who may use it, until when (UTC), and its name if it has one."""

    owner: str
    guest: str
    until: datetime.datetime
    server: str = ""


def shares(db: Any, name: str, hours: int) -> tuple[list[Shared], list[Shared]]:
    """Return what ``name`` shares with others, and what others share with them."""
    found = [
        Shared(one.owner.name, one.user.name, one.created_at + datetime.timedelta(hours=hours), _server(one))
        for one in db.query(orm.Share).all()
        if one.user is not None and one.owner is not None
    ]
    return [one for one in found if one.owner == name], [one for one in found if one.guest == name]


def _server(share: Any) -> str:
    return str(getattr(share.spawner, "name", "") or "")


def end_shares(db: Any, hours: int, may_enter: set[str], now: datetime.datetime) -> list[str]:
    """End what was shared longer than ``hours`` ago, or by or with somebody who may not log in; returns what was done.

    Codes, which JupyterHub can make as well, last no longer. The tokens go too, so the servers ask the hub anew.
    """
    oldest = now - datetime.timedelta(hours=hours)
    done = []
    fresh = {number for (number,) in db.query(orm.Share.id).filter(orm.Share.created_at > oldest)}
    for share in db.query(orm.Share).all():
        owner, guest = getattr(share.owner, "name", None), getattr(share.user, "name", None)
        if share.id in fresh and owner in may_enter and guest in may_enter:
            continue
        done.append(f"{owner} no longer shares a server with {guest or 'a group'}")
        if guest is not None and owner is not None:
            for token in list(share.user.api_tokens):
                if token.client_id == rooms.client(owner, _server(share)):
                    db.delete(token)
        db.delete(share)
    for code in db.query(orm.ShareCode).all():
        if code.created_at is None or code.created_at <= oldest:
            db.delete(code)
    db.commit()
    return done
