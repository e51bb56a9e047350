# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users of the lab's registry: their passwords, and the two htpasswd files that its front reads.

A bcrypt of the usual cost 12 is checked on every request and lets four of them through per second. The cost here is 5,
which is what ``htpasswd -B`` uses; the generated passwords have 190 bits, so that no cost is needed to protect them.
"""

from __future__ import annotations

import ctypes
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

COST = 5
ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
MAX_PASSWORD_BYTES = 72  # bcrypt ignores what follows


class User(NamedTuple):
    """A user of the registry; ``access`` is ``push`` (which includes pulling and deleting) or ``pull``."""

    name: str
    access: str
    password: str


def generate_password() -> str:
    """Return a new random password of 32 letters and digits."""
    return "".join(
        secrets.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") for _number in range(32)
    )


def bcrypt(password: str, setting: str) -> str:
    """Return the hash of a password with Debian's libcrypt (Python 3.13 has no ``crypt`` any more)."""
    library = ctypes.CDLL("libcrypt.so.1", use_errno=True)
    library.crypt.restype = ctypes.c_char_p
    library.crypt.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    result = library.crypt(password.encode(), setting.encode())
    if not result or result.startswith(b"*"):
        raise OSError(ctypes.get_errno(), "libcrypt does not know bcrypt")
    return str(result.decode())


def new_hash(password: str, hasher: Callable[[str, str], str] = bcrypt) -> str:
    """Return a new bcrypt hash of a password, with a random salt."""
    # The 22nd character of a salt carries two bits only.
    salt = "".join(secrets.choice(ALPHABET) for _number in range(21)) + secrets.choice(".Oeu")
    return hasher(password, f"$2b${COST:02}${salt}")


def matches(password: str, hashed: str, hasher: Callable[[str, str], str] = bcrypt) -> bool:
    """Whether ``hashed`` is a bcrypt hash of the password at the cost of this file."""
    if not hashed.startswith((f"$2b${COST:02}$", f"$2y${COST:02}$")) or len(hashed) != 60:
        return False
    return hmac.compare_digest(hasher(password, hashed), hashed)


def htpasswd(users: Sequence[User], current: str, hasher: Callable[[str, str], str] = bcrypt) -> str:
    """Return the content of a htpasswd file for these users; hashes in ``current`` that still fit are kept."""
    known = dict(line.split(":", 1) for line in current.splitlines() if ":" in line)
    lines = []
    for user in sorted(users):
        hashed = known.get(user.name, "")
        if not matches(user.password, hashed, hasher):
            hashed = new_hash(user.password, hasher)
        lines.append(f"{user.name}:{hashed}\n")
    return "".join(lines)


def user_files(users: Sequence[User], current: Mapping[str, str]) -> dict[str, str]:
    """Return the files ``pushers`` and ``readers``: who may write, and who may read (pushers too)."""
    return {
        "pushers": htpasswd([user for user in users if user.access == "push"], current.get("pushers", "")),
        "readers": htpasswd(users, current.get("readers", "")),
    }
