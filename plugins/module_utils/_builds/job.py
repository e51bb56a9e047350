# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver builds``: the job that makes images of what people's builds left, and removes images they gave up."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._catalogue import model
from .._common import clock, exchange, files, job, lock
from .._common.words import clean
from .._registry import reach
from .._registry.client import RegistryClient
from .._registry.protocol import RegistryError
from . import archive, home, image, orders, settings

PUBLISHED = "etc/labserver/hub/published.json"
ROSTER = "etc/labserver/public/roster.json"
IMAGES = "var/lib/labserver/catalogue/images.json"
LOCK = "builds"
HUB_GROUP = 64100
"""Who reads what came of the orders: the hub."""
MOST_BYTES = 16 << 20
"""Of the hub's file."""
PASSING = frozenset({None, 405, 429, 500, 502, 503, 504})
"""Answers of a registry that is away, full, or does not take anything while it is looked after."""


@dataclass(frozen=True)
class Result:
    """What came of an order. ``reason``: ok, removed, or why not, in a word; ``line`` says more."""

    reason: str
    line: str = ""
    digest: str = ""


class LaterError(Exception):
    """Nothing can be done with the registry now; the text says why."""


def load_results(path: Path) -> dict[str, Result]:
    """Return what came of earlier orders, by the id of the build; empty when that is not known."""
    try:
        document = exchange.parse(path.read_bytes(), path.name)
        return {str(key): Result(**one) for key, one in document["results"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def document(results: Mapping[str, Result]) -> str:
    """Return the content of published.json."""
    listed = {
        key: {"reason": one.reason, "line": one.line, "digest": one.digest} for key, one in sorted(results.items())
    }
    return json.dumps({"version": 1, "results": listed}, indent=1) + "\n"


def publish(client: RegistryClient, order: orders.Order, person: orders.Person, most_bytes: int) -> Result:
    """Make the image of a build. Raises LaterError."""
    wanted = image.Wanted(
        repository=order.repository,
        tag=order.tag,
        base_repository=order.base_repository,
        base_digest=order.base_digest,
        group=order.group,
        name=order.name,
        owner=order.owner,
        source=clean(order.source, 200),
        created=clock.stamp(clock.utc_now()),
    )
    try:
        with home.archive(person.home, order.identity, person.uid, person.gid) as source:
            digest = image.publish(
                client,
                wanted,
                lambda sink: archive.write_layer(
                    source, sink, wanted.root, archive.Bounds(most_bytes), image.kernel(wanted)
                ),
            )
    except archive.ArchiveError as error:
        return Result("archive", str(error))
    except (home.HomeError, image.BaseError) as error:
        return Result("refused", str(error))
    except RegistryError as error:
        if error.status in PASSING:
            raise LaterError(str(error)) from error
        return Result("registry", str(error))
    except OSError as error:
        return Result("refused", f"the archive of the build cannot be read ({error.strerror})")
    return Result("ok", "", digest)


def remove(client: RegistryClient, order: orders.Order) -> Result:
    """Take an image off the registry; its layers go with the next collection. Raises LaterError."""
    try:
        digest = client.digest(order.repository, order.tag)
        if digest is not None:
            client.delete_manifest(order.repository, digest)
    except RegistryError as error:
        raise LaterError(str(error)) from error
    return Result("removed")


def follow(
    order: orders.Order,
    client: RegistryClient,
    known: Mapping[str, orders.Person],
    images: Sequence[model.Entry],
    wanted: settings.Settings,
) -> Result:
    """Do what an order says. Raises LaterError."""
    person = known.get(order.owner)
    if order.state == orders.REMOVING:
        return remove(client, order)
    try:
        person = orders.check(order, known, images, wanted.groups)
    except orders.RefusedError as error:
        result = Result("refused", str(error))
    else:
        result = publish(client, order, person, wanted.most_bytes)
    if person is not None and person.uid == order.uid:
        home.forget(person.home, order.identity, person.uid, person.gid)
    return result


def read_orders(root: Path, builds_file: str) -> tuple[list[orders.Order], list[str], frozenset[str]]:
    """Return what ``orders.read`` finds in the hub's file; nothing when there is none. Raises ExchangeError."""
    given = root / builds_file.lstrip("/")
    try:
        with given.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return [], [], frozenset()
    if len(content) > MOST_BYTES:
        raise exchange.ExchangeError(f"{given.name} is larger than {MOST_BYTES} bytes")
    return orders.read(content, given.name)


def read_people(root: Path) -> dict[str, orders.Person]:
    """Return the people of the roster; raises OSError or ExchangeError."""
    return orders.people(exchange.parse((root / ROSTER).read_bytes(), "roster.json"))


def read_images(root: Path) -> list[model.Entry]:
    """Return the images that are offered; raises OSError, ValueError, KeyError or TypeError."""
    return model.read((root / IMAGES).read_text())


def attend(root: Path, wanted: settings.Settings, client: RegistryClient) -> tuple[list[str], list[str]]:
    """Follow every order once; returns what was done and what is not as it should be. Raises OSError or ValueError."""
    asked, problems, ids = read_orders(root, wanted.builds_file)
    path = root / PUBLISHED
    before = load_results(path)
    results = {key: one for key, one in before.items() if key in ids}
    # An image that was made is to be removed later: then the order counts, not what came of the one before.
    waiting = [
        one
        for one in asked
        if one.identity not in results or (one.state == orders.REMOVING and results[one.identity].reason != "removed")
    ]
    done: list[str] = []
    if waiting:
        known, images = read_people(root), read_images(root)
        for order in waiting:
            try:
                result = follow(order, client, known, images, wanted)
            except LaterError as error:
                problems.append(f"the registry does not do it now, it is tried again: {error}")
                break
            said = clean(result.line, 300)
            results[order.identity] = Result(result.reason, said, result.digest)
            done.append(f"{order.repository}:{order.tag}: {result.reason} {said}".rstrip())
            files.replace(path, document(results).encode(), 0o640, group=HUB_GROUP)
    if results != before:
        files.replace(path, document(results).encode(), 0o640, group=HUB_GROUP)
    return done, problems


def registry(wanted: settings.Settings) -> RegistryClient:
    """Return the lab's registry, as the user who may push."""
    return RegistryClient(
        reach.url(wanted.registry, plain_http=wanted.plain_http),
        username=wanted.username or None,
        password=Path(wanted.password_file).read_text().strip() if wanted.password_file else "",
        ca_files=reach.authorities(wanted.registry),
        retries=1,
    )


def main(argv: Sequence[str]) -> int:
    """Command line of the job: 0 well, 1 something waits, 2 nothing can be done, 3 another run is at it."""
    parser = argparse.ArgumentParser(prog="labserver builds", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("/"), help="root of the file system")
    root = parser.parse_args(list(argv)).root
    try:
        wanted = settings.load(root)
        with lock.hold(root, LOCK), contextlib.closing(registry(wanted)) as client:
            done, problems = attend(root, wanted, client)
    except lock.BusyError as error:
        sys.stderr.write(f"labserver builds: {error}\n")
        return job.BUSY
    except (OSError, ValueError, KeyError, TypeError) as error:
        job.leave(clean(str(error), 500))
        sys.stderr.write(f"labserver builds: {error}\n")
        return job.CRITICAL
    for line in done:
        sys.stdout.write(f"{clean(line, 500)}\n")
    line = "; ".join(problems) or (f"orders followed: {len(done)}" if done else "nothing to do")
    job.leave(clean(line, 500))
    sys.stdout.write(f"{clean(line, 500)}\n")
    return job.WARNING if problems else job.OK
