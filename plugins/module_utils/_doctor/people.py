# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hazards of who gets in: accounts, passwords, sign-up, rights that make somebody root."""

from __future__ import annotations

from collections import Counter

from .hazards import Seen, hazard
from .model import Current, Settings, Store


def _first_use(hub: Settings) -> bool:
    return "firstuse" in hub.authenticator.lower()


@hazard(
    "accounts-claimable",
    "critical",
    "whoever types such a name first chooses its password and has that person's files",
    "give each of them a password before others do, or take the name off until the person comes",
)
def accounts_claimable(current: Current) -> Seen:
    """The password is set by the first login: names that may log in and have none yet."""
    known = frozenset(name for store in current.stores for name in store.names)
    for hub in current.hubs:
        if not _first_use(hub):
            continue
        people = {account.name.partition("-")[2] for account in current.accounts if account.name.startswith("jupyter-")}
        open_names = sorted((hub.allowed | hub.admins | people) - known)
        if open_names:
            shown = ", ".join(open_names[:8]) + (f" and {len(open_names) - 8} more" if len(open_names) > 8 else "")
            yield hub.path, f"no password is set for {shown}"


@hazard(
    "open-signup",
    "critical",
    "everybody who reaches the page makes an account and runs programs on this server",
    "c.FirstUseAuthenticator.create_users = False, c.NativeAuthenticator.open_signup = False; name who may log in",
)
def open_signup(current: Current) -> Seen:
    """FirstUseAuthenticator creates users unless told otherwise; NativeAuthenticator where it is told so."""
    for hub in current.hubs:
        created = hub.create_users if hub.create_users is not None else hub.kind != "tljh"
        if _first_use(hub) and created and not hub.has_list:
            yield hub.path, "the first login of any name makes the account"
        elif "native" in hub.authenticator.lower() and hub.open_signup:
            yield hub.path, "everybody may sign up without anybody's approval"
        elif hub.allow_all and "dummy" not in hub.authenticator.lower() and _first_use(hub):
            yield hub.path, "allow_all lets every name in"


@hazard(
    "dummy-login",
    "critical",
    "one password, or none, opens every account, those of the administrators too",
    "choose another authenticator; this one is for trying things out",
)
def dummy_login(current: Current) -> Seen:
    """DummyAuthenticator and TLJH's tmpauthenticator."""
    for hub in current.hubs:
        if "dummy" in hub.authenticator.lower():
            yield hub.path, f"people log in by {hub.authenticator}"


@hazard(
    "password-store-backend",
    "critical",
    "the hub opens an empty store beside the old one without a word, and every account can be claimed",
    "keep the files of one backend, and a hub whose Python has it; move the passwords over before its image changes",
)
def password_store_backend(current: Current) -> Seen:
    """Files of two dbm backends under one name, or of one that the hub's Python does not have."""
    for store in current.stores:
        if len(store.kinds) > 1:
            yield store.path, f"files of {len(store.kinds)} backends lie there: {', '.join(store.kinds)}"
        elif store.kinds and store.openable is False:
            yield store.path, f"it was written by {store.kinds[0]}, which the hub's Python does not have"


@hazard(
    "password-store-empty",
    "critical",
    "the passwords were lost, and whoever comes first chooses a new one for each account",
    "stop the hub, bring the store back from a backup, and look when it was emptied",
)
def password_store_empty(current: Current) -> Seen:
    """A store without a name on a host that has people with homes."""
    people = [account for account in current.accounts if account.person and account.home_mode is not None]

    def lost(store: Store) -> bool:
        return bool(store.kinds) and not store.names

    for store in current.stores:
        if lost(store) and len(people) > 1:
            yield store.path, f"it holds no password, and {len(people)} people have a home here"


@hazard(
    "empty-password",
    "critical",
    "everybody logs in as this account without a password",
    "lock the account: passwd -l NAME",
)
def empty_password(current: Current) -> Seen:
    """An empty field in /etc/shadow."""
    for account in current.accounts:
        if account.no_password:
            yield account.name, "its password in /etc/shadow is empty"


@hazard(
    "duplicate-uid",
    "critical",
    "the accounts are one to the kernel: each reads and deletes the other's files",
    "give one of them a number of its own and chown its files",
)
def duplicate_uid(current: Current) -> Seen:
    """Two names with one number."""
    count = Counter(account.uid for account in current.accounts)
    for uid in sorted(uid for uid, many in count.items() if many > 1):
        names = [account.name for account in current.accounts if account.uid == uid]
        yield ", ".join(names), f"they share the number {uid}"


@hazard(
    "docker-group",
    "critical",
    "a member starts a container with the whole disk in it and so is root, without a password and without a trace",
    "take people out of the group docker: gpasswd -d NAME docker",
)
def docker_group(current: Current) -> Seen:
    """People of the hub in the group docker."""
    for account in current.accounts:
        if "docker" in account.groups and account.person:
            yield account.name, "the account of a person is in the group docker"


@hazard(
    "person-with-sudo",
    "critical",
    "what runs in that person's notebooks runs as root on this host",
    "take people out of sudo and wheel; let administrators use an account of their own for it",
)
def person_with_sudo(current: Current) -> Seen:
    """People in sudo or wheel. TLJH's own group of administrators is named where it is not the known way."""
    for account in current.accounts:
        rights = account.groups & {"sudo", "wheel", "root", "adm-root", "lxd", "disk"}
        if account.person and rights:
            yield account.name, f"the account of a person is in {', '.join(sorted(rights))}"


@hazard(
    "home-of-nobody",
    "warning",
    "the next account that is made may get that number, and with it the files",
    "archive the folder and remove it, or give it to whom it belongs",
)
def home_of_nobody(current: Current) -> Seen:
    """Homes whose owner has no account."""
    for path in current.orphans:
        yield path, "its owner has no account on this host"


@hazard(
    "home-of-another",
    "critical",
    "the person cannot write to the own home, and another one reads and changes what is in it",
    "chown it to the account whose home it is, after a look at what happened",
)
def home_of_another(current: Current) -> Seen:
    """A home that belongs to another account."""
    for account in current.accounts:
        if account.person and account.home_uid not in (None, account.uid, 0):
            yield account.home, f"it is the home of {account.name} ({account.uid}) and belongs to {account.home_uid}"


@hazard(
    "home-open",
    "warning",
    "people read each other's notebooks, data and keys",
    "chmod o-rwx on the homes; share through a group's folder",
)
def home_open(current: Current) -> Seen:
    """Homes that everybody may enter."""
    for account in current.accounts:
        if account.person and account.home_mode is not None and account.home_mode & 0o005:
            yield account.home, f"everybody may look into it (mode {account.home_mode:04o})"


@hazard(
    "root-login-by-password",
    "warning",
    "the password of root can be guessed over the network",
    "PermitRootLogin prohibit-password in /etc/ssh/sshd_config",
)
def root_by_password(current: Current) -> Seen:
    """sshd that lets root in with a password."""
    if current.system.root_by_password:
        yield "sshd", "root may log in with a password"


@hazard(
    "notebook-without-token",
    "critical",
    "everybody who reaches the port runs programs as that account",
    "leave the token on; let the hub start people's servers",
)
def notebook_without_token(current: Current) -> Seen:
    """Notebook servers started by hand without a token."""
    for command in current.system.bare_servers:
        yield command, "a notebook server runs without token and password"
