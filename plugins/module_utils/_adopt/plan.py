# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of taking a server over: the inventory, what is taken over and what is not, and what forbids it."""

from __future__ import annotations

from collections.abc import Iterator

from .._accounts.names import PREFIX, system_name
from .._common import sizes
from . import infer, judge
from .model import Choices, Current, Hub, Person, Plan, Row

KIND_WORDS = {"tljh": "The Littlest JupyterHub", "compose": "a hub by Docker Compose"}


def compare(current: Current, choices: Choices) -> Plan:
    """Return the plan; with refusals nothing of it may be carried out."""
    # A hub that is stopped cannot be asked, and need not be any more.
    refusals = () if current.adopted in ("switched", "done") else judge.refusals(current, choices)
    if len(current.hubs) != 1:
        return Plan(refusals=refusals)
    hub = current.hubs[0]
    everybody = infer.people(current, hub, choices)
    return Plan(
        hub,
        everybody,
        infer.inventory(current, hub, choices),
        infer.credentials(current),
        tuple(rows(current, hub, choices, everybody)),
        refusals,
    )


def rows(current: Current, hub: Hub, choices: Choices, everybody: tuple[Person, ...]) -> Iterator[Row]:
    """Yield what is taken over, what is not, and why."""
    yield from _people(current, hub, choices, everybody)
    yield from _hub(hub)
    yield from _files(current, hub)


def _people(current: Current, hub: Hub, choices: Choices, everybody: tuple[Person, ...]) -> Iterator[Row]:
    there = [person for person in everybody if person.uid is not None]
    yield Row("accounts", "yes", f"{len(there)} people", "uid, home, shell, groups and SSH keys stay as they are")
    new = [person.name for person in everybody if person.uid is None]
    if new:
        yield Row("accounts", "yes", judge.listed(new), "they never started a server: their accounts are made now")
    kept = [person.name for person in everybody if person.has_password]
    yield Row("passwords", "yes" if kept else "no", f"{len(kept)} people", "they log in with the password they have")
    open_names = [person.name for person in everybody if not person.has_password]
    if open_names:
        yield Row(
            "passwords",
            "no",
            judge.listed(open_names),
            "they have none, so whoever types such a name first has the account: they get one-time passwords",
        )
    admins = [person.name for person in everybody if person.admin]
    if admins:
        why = "administrators of the hub"
        if hub.kind == "tljh":
            why += "; sudo in the own notebook, which TLJH gives them, goes: servers are containers without rights"
        yield Row("administrators", "partly" if hub.kind == "tljh" else "yes", judge.listed(admins), why)
    banned = [person.name for person in everybody if person.banned]
    if banned:
        yield Row("banned people", "yes", judge.listed(banned), "state: locked")
    groups = sorted(infer.lab_groups(current, hub, choices))
    if groups:
        yield Row("groups", "yes", judge.listed(groups), "with their numbers and members")
    dropped = sorted(set(current.people.groups) - set(groups))
    if dropped:
        yield Row("groups", "no", judge.listed(dropped), "empty, a group of the system, or a name that no host takes")
    if choices.without:
        yield Row("people", "no", judge.listed(sorted(choices.without)), "left out by adopt_without, not deleted")
    taken = {person.account for person in everybody}
    left = [
        account.name
        for account in current.accounts
        if account.name.startswith(PREFIX) and account.name not in taken | {system_name(n) for n in choices.without}
    ]
    if left:
        yield Row("accounts", "no", judge.listed(left), "nobody at the old hub has these names; they stay as they are")
    gone = sorted(set(current.passwords.hashes) - {person.name for person in everybody} - choices.without)
    if gone:
        yield Row("passwords", "no", judge.listed(gone), "left of people who were removed at the old hub")


def _hub(hub: Hub) -> Iterator[Row]:
    limits = ", ".join(filter(None, [hub.memory and f"memory {hub.memory}", hub.cpu and f"{hub.cpu} cores"]))
    if limits:
        yield Row("limits of a server", "yes", limits, "hub_default_memory and hub_default_cpu")
    else:
        yield Row("limits of a server", "no", "none", "there are always limits here: those of the role hub")
    if hub.culls is not None:
        said = f"after {hub.cull_seconds} s" if hub.culls else "never"
        yield Row("idle servers", "yes", f"stopped {said}", "people are warned before")
    yield Row(
        "address",
        "partly",
        ("https" if hub.https else "http") + f", path {hub.base_url}",
        "the front door has TLS at port 443 and leads there from port 80; see the role certificates",
    )
    yield Row("running servers", "no", "", "they end when the old hub stops; what was saved is in the homes")
    yield Row("tokens and cookies", "no", "", "everybody logs in once more; tokens of the API are made anew")


def _files(current: Current, hub: Hub) -> Iterator[Row]:
    yield Row("homes", "yes", "", "they stay where they are and are not copied; others' right to look into them goes")
    for share in current.shares:
        problem = infer.share_problem(share)
        if problem:
            yield Row("share", "no", share.target, f"{problem}; its line in /etc/fstab stays")
        else:
            yield Row("share", "yes", share.target, f"{share.source}, for all people: narrow its access")
    if hub.kind == "tljh":
        yield Row(
            "environment",
            "partly",
            f"{len(current.packages)} packages",
            "people's servers run from images; the list of packages is written for one of your own",
        )
        yield Row("jupyterhub_config.d", "no", "", "snippets for TLJH's spawner mean nothing here; see hub_config_d")
    else:
        yield Row("jupyterhub_config.py", "no", "", "code is not translated; what was understood is in the inventory")
        if current.registry_store:
            said = f"{current.registry_store}, {sizes.text(current.registry_bytes)}"
            yield Row("images", "yes", said, "copied into the lab's registry under their names")
        else:
            yield Row("images", "no", "no registry with a folder here", "push them to the lab's registry")
