# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What forbids taking a server over, each in a sentence, before anything is touched. All pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from .._accounts.names import login_name_problem
from .._common import sizes
from . import infer
from .model import Choices, Current, Hub, Person

NEEDED_BYTES = 6 << 30
"""What a first run needs below /var (room _host), images included."""
KNOWN = {"tljh": ("1", "2"), "compose": ("1", "2", "3", "4", "5", "6")}
"""Major versions of TLJH and, by Compose, of JupyterHub, whose state is read here."""
NAMES = {"tljh": "TLJH", "compose": "JupyterHub"}
MOST_NAMED = 8


def listed(names: list[str]) -> str:
    """Return names for a sentence, a bounded number of them."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def refusals(current: Current, choices: Choices) -> tuple[str, ...]:
    """Return everything that forbids it."""
    if not current.hubs:
        return ("There is no hub here that can be taken over: neither /opt/tljh nor a running hub of Docker Compose.",)
    if len(current.hubs) > 1:
        paths = listed([hub.path for hub in current.hubs])
        return (
            f"There are {len(current.hubs)} hubs here ({paths}); stop and remove all but the one to be taken over.",
        )
    hub = current.hubs[0]
    everybody = infer.people(current, hub, choices)
    found = [f"Not everything could be looked at: {text}." for text in current.unread]
    if "labserver" in current.kinds and not current.adopted:
        found.append(
            "A lab server of this collection is here already; taking over a second hub would mix their people."
        )
    found += _hub(current, hub, choices)
    found += _names(current, everybody)
    found += _unknown(current, hub, choices)
    running = sorted(current.people.running)
    if running and not choices.stop_servers:
        found.append(
            f"Servers of {len(running)} people run ({listed(running)}), and what runs in them would be lost: ask them"
            " to save and stop, or say adopt_stop_servers=true."
        )
    needed = NEEDED_BYTES + current.registry_bytes
    if current.free_bytes < needed and not current.adopted:
        found.append(
            f"{sizes.text(current.free_bytes)} are free where /var lies, and {sizes.text(needed)} are needed; make room"
            " there."
        )
    return tuple(found)


def _hub(current: Current, hub: Hub, choices: Choices) -> Iterator[str]:
    name, known = NAMES[hub.kind], KNOWN[hub.kind]
    if hub.version.partition(".")[0] not in known:
        yield (
            f"{hub.path}: the version of {name} is {hub.version or 'not known'}, and its state is known for versions"
            f" {known[0]} to {known[-1]}; upgrade the old hub first, or move its people by hand."
        )
    for problem in current.passwords.problems:
        yield f"The password store is unreadable: {problem}. Nobody could log in with the old password."
    if "firstuse" not in hub.authenticator.lower():
        if not choices.new_passwords:
            yield (
                f"People log in by {hub.authenticator or 'an authenticator that is not known'}, whose passwords are not"
                " on this host or not as hashes that can be taken: say adopt_new_passwords=true to give everybody a"
                " one-time password, or set hub_authenticator afterwards."
            )
    elif not current.passwords.hashes and not current.passwords.problems and not choices.new_passwords:
        yield (
            f"No password is stored for anybody ({current.passwords.path or 'there is no passwords.dbm'}): look whether"
            " the store was lost, or say adopt_new_passwords=true to give everybody a one-time password."
        )


def _names(current: Current, everybody: tuple[Person, ...]) -> Iterator[str]:
    for person in everybody:
        problem = login_name_problem(person.name)
        if problem:
            yield f"{problem}; rename the person at the old hub, or leave the name out: adopt_without={person.name}."
    for account, names in _groups((person.account, person.name) for person in everybody):
        yield f"{listed(names)} would share the account {account}; leave all but one out with adopt_without."
    for lower, names in _groups((person.name.lower(), person.name) for person in everybody):
        yield f"{listed(names)} are one name ({lower}) to the hub; leave all but one out with adopt_without."
    count = Counter(account.uid for account in current.accounts)
    for person in everybody:
        if person.uid is None:
            continue
        if count[person.uid] > 1:
            others = [each.name for each in current.accounts if each.uid == person.uid and each.name != person.account]
            yield (
                f"{person.account} and {listed(others)} have the one uid {person.uid}, so each reads the other's files;"
                " give one of them another uid (usermod -u, then chown of what it owns)."
            )
        if not infer.FIRST_ID <= person.uid <= infer.LAST_ID:
            yield (
                f"{person.account} has the uid {person.uid}, which is not from {infer.FIRST_ID} to {infer.LAST_ID};"
                f" give it another one (usermod -u), or leave it out: adopt_without={person.name}."
            )
    foreign = sorted(person.account for person in everybody if person.account in current.directory)
    if foreign:
        yield (
            f"{listed(foreign)} come from a directory (LDAP, sssd, Active Directory) and are not in /etc/passwd; an"
            " account of the lab would hide them. Keep such people at the directory: hub_authenticator: ldap on a"
            " server of its own, or leave them out with adopt_without."
        )


def _unknown(current: Current, hub: Hub, choices: Choices) -> Iterator[str]:
    unknown = sorted(choices.without - infer.logins(current, hub))
    if unknown:
        yield f"adopt_without names {listed(unknown)}, who is nobody at the old hub; correct the name."


def _groups(pairs: Iterator[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for key, name in pairs:
        found.setdefault(key, []).append(name)
    yield from ((key, names) for key, names in sorted(found.items()) if len(names) > 1)
