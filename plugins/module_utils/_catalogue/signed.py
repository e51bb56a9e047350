# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which images are signed by a key of the lab. What was found good is written down, so it is looked at once."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .._common import exchange, files, process
from .._hub.image_keys import ImageKey
from .._registry import signature
from . import model
from .registry import ImageError, Registry

FILE = "signed.json"
LIMIT_SECONDS = 30.0
UNCHECKED = "its signature was not looked at yet: the registry did not answer"

Verify = Callable[[ImageKey, bytes, bytes], bool]
"""Tells whether a signature (DER) of a text was made with a key."""


def verify(key: ImageKey, content: bytes, given: bytes) -> bool:
    """Ask openssl, since the host's Python knows no signatures. Raises OSError when it does not answer."""
    if len(given) > signature.LONGEST:
        return False  # openssl reads as much as a signature can have, and leaves the rest unread
    folder = Path(tempfile.gettempdir())
    with files.candidate(folder, key.pem.strip().encode() + b"\n") as public, files.candidate(folder, given) as made:
        command = ["openssl", "dgst", "-sha256", "-verify", str(public), "-signature", str(made)]
        done = process.call(command, LIMIT_SECONDS, environment={"LC_ALL": "C"}, stdin=content)
    if done.status in (process.NOT_FOUND, process.NOT_STARTED, process.TIMED_OUT):
        raise OSError(f"openssl, which checks the signatures of images: {done.reason}")
    return done.status == 0 and done.output.strip() == b"Verified OK"


class Signed:
    """Judges images by their signatures, and remembers: good ones in a file, bad ones until their signatures change."""

    def __init__(
        self,
        keys: Sequence[ImageKey],
        unsigned: Sequence[str],
        path: Path,
        *,
        say: Callable[[str], None],
        check: Verify = verify,
    ):
        """``unsigned``: patterns of repositories that need no signature; ``path``: of the file of what is good."""
        self._keys = {key.identity: key for key in keys}
        self._unsigned, self._path, self._say, self._check = unsigned, path, say, check
        self._good = self._read()
        self._bad: dict[str, tuple[str, str]] = {}  # image -> digest of the list of its signatures, what is wrong

    @classmethod
    def of_settings(cls, settings: Mapping[str, Any], say: Callable[[str], None]) -> Signed | None:
        """Return what the settings of the catalogue ask for, None when no signatures; raises ValueError or KeyError."""
        keys = [ImageKey(one["name"], one["key"]) for one in settings.get("image_keys") or []]
        path = Path(settings["output"]).with_name(FILE)
        return cls(keys, settings.get("images_unsigned") or [], path, say=say) if keys else None

    def holds(self, repository: str, digest: str) -> bool:
        """Tell whether an image may be offered by what is known already, without asking anybody."""
        if model.wanted(repository, self._unsigned):
            return True
        return self._good.get(f"{repository}@{digest}") in self._keys

    def problem(self, registry: Registry, repository: str, digest: str, tags: Sequence[str]) -> str:
        """Return why an image must not be offered, in words, or an empty text. Raises RegistryError, OSError.

        ``tags``: all of the repository, so that nothing is asked about what is not there.
        """
        if self.holds(repository, digest):
            return ""
        wanted = f"it is not signed by any of: {', '.join(key.name for key in self._keys.values())}"
        tag, image = signature.tag_of(digest), f"{repository}@{digest}"
        there = registry.digest(repository, tag) if tag in tags else None
        if there is None:
            return wanted
        known = self._bad.get(image)
        if known is not None and known[0] == there:
            return known[1]
        identity, why = self._judged(registry, repository, digest, there)
        if identity:
            self._bad.pop(image, None)
            self._good[image] = identity
            self._write()
            self._say(f"{repository} {digest[:19]}: signed by {self._keys[identity].name}")
            return ""
        said = f"{wanted}; it has others: {', '.join(dict.fromkeys(why))}" if why else wanted
        self._bad[image] = (there, said)
        return said

    def keep(self, images: Sequence[tuple[str, str]]) -> None:
        """Forget all but these images (repository, digest)."""
        wanted = {f"{repository}@{digest}" for repository, digest in images}
        self._bad = {image: known for image, known in self._bad.items() if image in wanted}
        if not self._good.keys() <= wanted:
            self._good = {image: key for image, key in self._good.items() if image in wanted}
            self._write()

    def _judged(self, registry: Registry, repository: str, digest: str, there: str) -> tuple[str, list[str]]:
        """Return the identity of the key that an image is signed by, or what is wrong with each of its signatures."""
        try:
            listed = registry.signatures(repository, there)
        except ImageError as error:
            return "", [str(error)]
        why = []
        for content, given in listed:
            if not content:
                why.append("it is not readable")
                continue
            wrong = signature.objection(content, repository, digest)
            by = next((one for one, key in self._keys.items() if self._check(key, content, given)), "")
            if by and not wrong:
                return by, []
            # Of what somebody else has signed, or nobody, nothing is told: it may say anything.
            why.append(f"{wrong} (by {self._keys[by].name})" if by else "it is by another key")
        return "", why

    def _read(self) -> dict[str, str]:
        try:
            found = exchange.parse(self._path.read_bytes(), FILE)["images"]
            return {str(image): str(key) for image, key in found.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def _write(self) -> None:
        content = {"version": 1, "images": dict(sorted(self._good.items()))}
        try:
            files.replace(self._path, (json.dumps(content) + "\n").encode())
        except OSError as error:  # the disk is full: they are looked at again after the next start
            self._say(f"{self._path}: {error}")
