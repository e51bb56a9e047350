# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords that the hub itself keeps (``firstuse`` and ``native``): the rules for them, and changing them."""

from __future__ import annotations

from typing import Any

import bcrypt
from traitlets import Integer

from ..words.language import gettext as _
from .gate import PasswordGate

BCRYPT_LONGEST_BYTES = 72
# A hash that no password has: checking an unknown name must take as long as a wrong password.
NOBODY = b"$2b$12$C6UzMDM.H6dfI/f/IKcEeOuU2o5uE8kYwq8S1tsdnpM9GqhkF4c8S"


def _cost(digest: bytes) -> int:
    return int(digest.split(b"$")[2])


def fits(password: str, digest: bytes | None) -> bool:
    """Tell whether a password has this hash; takes equally long when there is no hash."""
    raw = password.encode()
    if len(raw) > BCRYPT_LONGEST_BYTES:
        return False
    if digest is not None and _cost(digest) < _cost(NOBODY):
        bcrypt.checkpw(raw, NOBODY)  # one-time passwords are hashed cheaply; the time must not show which these are
    return bcrypt.checkpw(raw, digest or NOBODY) and digest is not None


class OwnPasswords(PasswordGate):
    """Base of authenticators whose passwords people choose at the hub. ``candidate`` is a hash or None."""

    minimum_length = Integer(10, config=True, help="Shortest password that people may choose, in characters.")
    rounds = Integer(12, config=True, help="Cost of a chosen password's hash (bcrypt).")

    def must_change(self, name: str) -> bool:
        """Tell whether the person has to choose a password before anything else."""
        return False

    def matches(self, name: str, password: str, candidate: bytes | None) -> bool:
        return fits(password, candidate)

    async def keep(self, name: str, digest: bytes) -> bool:
        """Store the hash of a new password; False if the name has no password that could be changed."""
        raise NotImplementedError

    async def hashed(self, password: str) -> bytes:
        """Return the hash of a password."""
        return bytes(await self.thread(bcrypt.hashpw, password.encode(), bcrypt.gensalt(self.rounds)))

    def objection(self, name: str, new: str) -> str:
        """Return why ``new`` cannot be the password of ``name``, or an empty string."""
        if len(new) < self.minimum_length:
            return _("The new password is too short: it needs at least {count} characters.").format(
                count=self.minimum_length
            )
        if len(new.encode()) > BCRYPT_LONGEST_BYTES:
            sentence = _(
                "The new password is too long: {size} bytes, at most {most} are possible (letters with accents count as"
                " two or more)."
            )
            return sentence.format(size=len(new.encode()), most=BCRYPT_LONGEST_BYTES)
        if "\0" in new:
            return _("The new password contains a character that no password can have.")
        if name.lower() in new.lower() and len(new) - len(name) < self.minimum_length:
            return _("The new password is little more than the user name.")
        return ""

    async def change_password(self, handler: Any, name: str, old: str, new: str) -> str:
        """Set a new password; returns why that is not possible, or an empty string."""
        objection = self.objection(name, new)
        if not objection and old == new:
            objection = _("The new password is the old one.")
        if objection:
            return objection
        if await self.authenticate(handler, {"username": name, "password": old}) != name:
            return _("The current password is wrong.")
        if not await self.keep(name, await self.hashed(new)):
            return _("This account has no password; ask the administrator.")
        self.log.info("%s changed the password", name)
        return ""
