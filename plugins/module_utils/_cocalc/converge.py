# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings a CoCalc server to its state: first up on this host alone, then administrators and token, then for others."""

from __future__ import annotations

from dataclasses import dataclass, field

from .model import Access, Desired, certificate_files, settings_hash
from .world import STOP_SECONDS, CocalcError, Current, World, differing, previous


@dataclass
class Outcome:
    """What was, or in check mode would be, done; and what an administrator has to know."""

    actions: list[dict[str, str]] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)  # named administrators who have no account yet
    exposed: bool = False
    dump: str = ""
    left: list[str] = field(default_factory=list)  # what stays although nothing uses it

    def add(self, what: str, name: str, reason: str) -> None:
        self.actions.append({"what": what, "name": name, "reason": reason})


def converge(world: World, server: Desired, check: bool) -> Outcome:
    """Bring the server to its state.

    Raises:
        CocalcError: when that fails; a replacement that failed has been undone by then.
    """
    outcome = Outcome()
    missing = world.missing()
    if missing and check:
        outcome.add("create", server.name, missing)
        return outcome
    if missing:
        raise CocalcError(missing)
    if world.container(previous(server)) is not None:
        reason = "an earlier replacement was interrupted"
        if check:
            outcome.add("recover", server.name, reason)
            return outcome
        # Nobody knows for how long the new container has served: what it wrote is not deleted.
        aside = world.go_back(server, keep=True)
        outcome.add("recover", server.name, f"{reason}; its database is in {aside}" if aside else reason)
    certificate(world, server, outcome, check, world.container(server.name))
    container(world, server, outcome, check)
    if check and not is_up(world, server):
        foresee_access(server, outcome)
        return outcome
    access(world, server, outcome, check)
    letsencrypt(world, server, outcome, check)
    outcome.left = world.leftovers(server)
    return outcome


def is_up(world: World, server: Desired) -> bool:
    current = world.container(server.name)
    return current is not None and current.running


def certificate(world: World, server: Desired, outcome: Outcome, check: bool, current: Current | None) -> None:
    """Deploy the certificate. CoCalc reads it when it starts, so a running server is restarted."""
    files = differing(certificate_files(server))
    if not files:
        return
    outcome.add("certificate", server.name, f"{', '.join(path.name for path in files)} differs")
    if check:
        return
    world.write_files(files)
    if current is not None and current.running:
        world.docker("restarting the container", "restart", "--time", STOP_SECONDS, server.name)
        world.wait(server, current.exposed)


def container(world: World, server: Desired, outcome: Outcome, check: bool) -> None:
    """Make, replace or start the container. Who was exposed stays so; a new server begins on this host alone."""
    current = world.container(server.name)
    image_id = world.image_id(server.image)
    if not image_id and server.pull:
        outcome.add("pull", server.image, "not on this host")
        if not check:
            world.docker(f"docker pull {server.image}", "pull", "--quiet", server.image)
            image_id = world.image_id(server.image)
    elif not image_id:
        raise CocalcError(f"the image {server.image} is not on this host and cocalc_pull is false; load it first")
    exposed = bool(current and current.exposed and server.wants_exposure)
    outcome.exposed = exposed
    if not check and (current is None or current.image_id != image_id or not is_set_up(server)):
        require_letsencrypt(world, server, image_id)
    if current is None:
        outcome.add("create", server.name, "no container")
        if not check:
            world.start_new(server, image_id, exposed)
            world.wait(server, exposed)
        return
    if current.hash != settings_hash(server, image_id, exposed):
        new_image = current.image_id != image_id
        outcome.add(
            "replace", server.name, f"image {current.image} -> {server.image}" if new_image else "settings changed"
        )
        if not check:
            if current.running:
                outcome.dump = world.dump(server)
            world.replace(server, current, image_id, exposed)
        return
    if not current.running:
        outcome.add("start", server.name, "not running")
        if not check:
            world.docker("starting the container", "start", server.name)
    if not check:
        world.wait(server, exposed)


def access(world: World, server: Desired, outcome: Outcome, check: bool) -> None:
    """Set token and administrators; when both are there, open the server to others."""
    found = world.access(server)
    plan_access(found, outcome)
    outcome.waiting = list(found.unknown)
    if not check and (found.ordinary or not found.token):
        world.grant(server, found)
        found = world.access(server)
        if found.ordinary or not found.token:
            raise CocalcError("the database did not take the token or the administrators; the server is not opened")
    if not server.wants_exposure or outcome.exposed:
        return
    expected = Access(admins=found.admins + found.ordinary, token=True) if check else found
    if not expected.safe_to_expose:
        return
    outcome.add("expose", server.name, f"token and administrators are set; listens on {server.bind_address} now")
    outcome.exposed = True
    current = world.container(server.name)
    if not check and current is not None:
        world.replace(server, current, world.image_id(server.image), exposed=True)


def plan_access(found: Access, outcome: Outcome) -> None:
    for email in found.ordinary:
        outcome.add("admin", email, "is an ordinary account")
    if not found.token:
        outcome.add("token", "registration token", "not set or disabled")


def foresee_access(server: Desired, outcome: Outcome) -> None:
    """What will follow once a server runs that does not run yet."""
    if not any(action["what"] in ("start", "replace") for action in outcome.actions):
        outcome.add("token", "registration token", "the server does not run yet")
    outcome.waiting = list(server.admins)


def is_set_up(server: Desired) -> bool:
    return (server.data_folder / "conf" / "dehydrated" / "conf").exists()


def require_letsencrypt(world: World, server: Desired, image_id: str) -> None:
    """Refuse an image that cannot get its own certificate before anything is touched."""
    if server.letsencrypt and not world.has_command(image_id, "letsencrypt-cert"):
        raise CocalcError(
            f"the image {server.image} has no letsencrypt-cert (no official one has), which cocalc_letsencrypt needs; "
            "nothing was changed. Take cocalc_letsencrypt out and name a certificate of the role certificates "
            "(cocalc_certificate), or give the files (cocalc_certificate_file, cocalc_key_file)"
        )


def letsencrypt(world: World, server: Desired, outcome: Outcome, check: bool) -> None:
    """Set up the certificate program inside the container once, where an image has one."""
    if not server.letsencrypt or is_set_up(server):
        return
    outcome.add("letsencrypt", server.letsencrypt["domain"], "not set up")
    if check:
        return
    test = ["--test"] if server.letsencrypt.get("test") else []
    setup = ["letsencrypt-cert", "setup", *test, server.letsencrypt["domain"], server.letsencrypt["email"]]
    world.docker("letsencrypt-cert setup", "exec", server.name, *setup)
    world.docker("letsencrypt-cert renew", "exec", server.name, "letsencrypt-cert", "renew")


def remove(world: World, server: Desired, check: bool) -> Outcome:
    """Take the container away; data, dumps and images stay, and are named."""
    outcome = Outcome()
    if world.missing():
        return outcome
    for name in (server.name, previous(server)):
        if world.container(name) is not None:
            outcome.add("remove", name, "cocalc is absent")
    if not check:
        aside = world.remove(server)
        if aside:
            outcome.add("recover", server.name, f"an earlier replacement was interrupted; its database is in {aside}")
    kept = [str(folder) for folder in (server.data_folder, server.dump_folder) if folder.exists()]
    outcome.left = [*kept, *world.leftovers(server)]
    return outcome
