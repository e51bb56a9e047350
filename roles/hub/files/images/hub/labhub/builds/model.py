# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of an image that a person has made: for which group, from what, how far it is, and how it ended."""

from __future__ import annotations

import dataclasses
import datetime
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..exchange.images import Image
from ..exchange.roster import Person
from ..exchange.settings import Settings
from ..exchange.text import clean
from ..servers import build
from ..words.language import gettext as _

LONGEST_SOURCE = 300
FILE = "builds.json"
"""In the hub's state folder; the host's job ``builds`` reads there what it shall publish or remove."""
COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
"""A part of a repository's name (https://github.com/distribution/reference)."""
WAITING, RUNNING, PACKING, DONE, FAILED, REMOVING = "waiting", "running", "packing", "done", "failed", "removing"
ONGOING = frozenset({WAITING, RUNNING, PACKING})


@dataclass(frozen=True)
class Build:
    """One build and its image. It belongs to the account ``uid``: who gets the name later does not inherit it.

    ``source`` is an address (``kind`` git) or a folder of the home (folder). ``base`` is the name of the image below,
    of which repository and digest are known once it runs. ``text`` has the names of ``values`` in braces.
    """

    id: str
    owner: str
    uid: int
    group: str
    name: str
    tag: str
    kind: str
    source: str
    base: str
    asked: datetime.datetime
    state: str = WAITING
    base_repository: str = ""
    base_digest: str = ""
    began: datetime.datetime | None = None
    container: str = ""
    stopped: bool = False
    ended: datetime.datetime | None = None
    text: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""

    @property
    def image(self) -> str:
        """What the image is called in the list of images; the host's job calls it the same."""
        return f"{build.TREE}{self.group}/{self.owner}/{self.name}:{self.tag}"

    @property
    def sentence(self) -> str:
        """What the log says."""
        return self.text.format(**self.values) if self.values else self.text

    def told(self) -> str:
        """Return what people read, in the language that is spoken."""
        return _(self.text).format(**self.values) if self.values else _(self.text)


def groups_of(person: Person, settings: Settings) -> tuple[str, ...]:
    """Return the groups for which a person may make images."""
    return tuple(name for name in settings.builds_groups if name in person.groups)


def bases(images: tuple[Image, ...], person: Person) -> list[Image]:
    """Return the images that a person can build on: those of the lab that are theirs, none that people made."""
    ready = [one for one in images if one.state == "ready" and one.allowed_for(person)]
    return [one for one in ready if not one.repository.startswith(build.TREE)]


def for_group(image: Image, group: str) -> bool:
    """Tell whether everybody of a group has an image, so that one made on it may be theirs."""
    return image.groups is None or group in image.groups


def source_of(kind: str, given: str, home: str) -> str:
    """Return an address, or the path of a folder in the home; raises ValueError that says what is wrong with it."""
    text = given.strip()
    if kind == "git":
        if not build.GIT.fullmatch(text):
            raise ValueError(
                _("Give the address of a public Git repository, such as https://git.example.org/physics/analysis.")
            )
        return text
    path = text.removeprefix(home.rstrip("/") + "/").removeprefix("~/").rstrip("/")
    if path == "~" or not build.folder_fits(path) or len(path) > LONGEST_SOURCE or not path.isprintable():
        raise ValueError(_("Give a folder in your home, such as envs/analysis, without “..”."))
    return path


def defined(
    form: Mapping[str, str],
    person: Person,
    images: tuple[Image, ...],
    settings: Settings,
    now: datetime.datetime,
) -> tuple[Build | None, list[str]]:
    """Return what a form asks for, or everything that is wrong with it."""
    problems: list[str] = []
    group, name, kind = form.get("group", ""), form.get("name", "").strip(), form.get("kind", "")
    source = ""
    if group not in groups_of(person, settings):
        problems.append(_("Choose one of your groups."))
    elif not COMPONENT.fullmatch(group) or not COMPONENT.fullmatch(person.name):
        said = _("The registry takes no image of this group by you: {name} has other characters than a-z, 0-9 and -.")
        problems.append(said.format(name=group if not COMPONENT.fullmatch(group) else person.name))
    if not build.NAME.fullmatch(name):
        problems.append(_("Give the image a name of a-z, 0-9 and hyphens, such as analysis, at most 30 letters."))
    if kind not in build.KINDS:
        problems.append(_("Choose where the list of packages is: in a folder or in a Git repository."))
    else:
        try:
            source = source_of(kind, form.get("source", ""), person.home)
        except ValueError as error:
            problems.append(str(error))
        if kind == "git" and not settings.builds_network:
            problems.append(_("Builds have no network in this lab: give a folder of your home."))
    base = next((one for one in bases(images, person) if one.name == form.get("base", "")), None)
    if base is None:
        problems.append(_("Choose one of the images."))
    elif not for_group(base, group):
        problems.append(_("The image {image} is not for everybody of this group.").format(image=base.name))
    if problems or base is None:
        return None, problems
    new = Build(new_id(), person.name, person.uid, group, name, tag_of(now), kind, source, base.name, now)
    return new, []


def again(one: Build, now: datetime.datetime) -> Build:
    """Return a new build of the same."""
    return Build(new_id(), one.owner, one.uid, one.group, one.name, tag_of(now), one.kind, one.source, one.base, now)


def tag_of(moment: datetime.datetime) -> str:
    """Return the tag of an image that was asked for at this moment."""
    return moment.astimezone(datetime.UTC).strftime("%Y%m%d-%H%M%S")


def with_own_tag(new: Build, known: Iterable[Build]) -> Build:
    """Return a new build with a tag that no other of its images has: that of the next second that is free.

    A button may be pressed twice within one second, and of two images of one name the second would replace the first.
    """
    taken, moment = {one.image for one in known}, new.asked
    while new.image in taken:
        moment += datetime.timedelta(seconds=1)
        new = dataclasses.replace(new, tag=tag_of(moment))
    return new


def new_id() -> str:
    """Return an id that nobody guesses or has already."""
    return secrets.token_hex(6)


def ended(one: Build, state: str, text: str, values: Mapping[str, Any], now: datetime.datetime) -> Build:
    """Return a build at its end, with words for its person."""
    used = {name: clean(values.get(name, ""), LONGEST_SOURCE) for name in re.findall(r"\{(\w+)\}", text)}
    return dataclasses.replace(one, state=state, ended=now, text=text, values=used)


def _time(text: str | None) -> datetime.datetime | None:
    if text is None:
        return None
    found = datetime.datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return found


def to_json(one: Build) -> dict[str, Any]:
    """Return it as it is kept."""
    kept = dataclasses.asdict(one)
    return {key: value.isoformat() if isinstance(value, datetime.datetime) else value for key, value in kept.items()}


def from_json(raw: Mapping[str, Any]) -> Build:
    """Return what was kept; raises KeyError, TypeError or ValueError."""
    asked = _time(raw["asked"])
    if asked is None:
        raise ValueError("asked is missing")
    return Build(**{**raw, "asked": asked, "began": _time(raw["began"]), "ended": _time(raw["ended"])})
