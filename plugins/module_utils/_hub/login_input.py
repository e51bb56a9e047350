# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of the role ``hub`` for the authenticators: what each needs, named and checked."""

from __future__ import annotations

import ipaddress
import re
import string
import urllib.parse
from collections.abc import Mapping
from typing import Any

from .._accounts.names import login_name_problem

ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Return every problem of the inputs that belong to the chosen authenticator."""
    chosen = inputs["hub_authenticator"]
    found = []
    if chosen != "firstuse" and inputs["hub_passwords_reset"]:
        found.append(
            f"hub_passwords_reset: with hub_authenticator {chosen} there are no one-time passwords; take the names out"
        )
    if chosen == "oauth":
        return [*found, *_oauth(inputs), *_names(inputs)]
    if chosen == "ldap":
        return [*found, *_ldap(inputs), *_names(inputs)]
    if inputs["hub_login_names"]:
        found.append(f"hub_login_names: is for oauth and ldap; with {chosen} people have the names of the roster")
    return found


def _https(name: str, value: str, example: str) -> list[str]:
    if not value:
        return [f"{name}: is missing; give an address such as {example}"]
    try:
        parts = urllib.parse.urlsplit(value)
        host = parts.hostname
    except ValueError as error:
        return [f"{name}: {value!r} is no address ({error}); give one such as {example}"]
    if parts.scheme == "http":
        return [f"{name}: {value} has no TLS, anybody on the way could log in as others; write https://"]
    if parts.scheme != "https" or not host or parts.username or parts.query or parts.fragment:
        return [f"{name}: {value!r} is no plain https address; give one such as {example}"]
    return []


def _oauth(inputs: Mapping[str, Any]) -> list[str]:
    found = []
    if inputs["hub_oauth_provider"] == "gitlab":
        found += _https("hub_oauth_url", inputs["hub_oauth_url"], "https://gitlab.example.org")
        if inputs["hub_oauth_url"].endswith("/"):
            found.append(f"hub_oauth_url: {inputs['hub_oauth_url']} ends with a slash; leave it out")
    elif inputs["hub_oauth_url"]:
        found.append(
            "hub_oauth_url: is for hub_oauth_provider gitlab; give the three addresses hub_oauth_*_url instead"
        )
    for end in ("authorize", "token", "userinfo"):
        name = f"hub_oauth_{end}_url"
        if inputs["hub_oauth_provider"] == "oidc":
            found += _https(name, inputs[name], f"https://id.example.org/{end}")
        elif inputs[name]:
            found.append(f"{name}: is for hub_oauth_provider oidc; GitLab's follows from hub_oauth_url")
    found += _callback(inputs)
    if not inputs["hub_oauth_client_id"]:
        found.append("hub_oauth_client_id: is missing; register the hub at the provider and give the id that it got")
    if not inputs["hub_oauth_client_secret"]:
        found.append(
            "hub_oauth_client_secret: is missing; give the secret of the hub's registration, from Ansible Vault"
        )
    if "openid" not in inputs["hub_oauth_scopes"]:
        found.append("hub_oauth_scopes: openid is not among them; without it providers do not say who somebody is")
    if inputs["hub_oauth_username_claim"] == "email" and "email" not in inputs["hub_oauth_scopes"]:
        found.append("hub_oauth_scopes: email is not among them, which hub_oauth_username_claim asks for; add it")
    return found + _pattern(inputs["hub_oauth_username_pattern"])


def _callback(inputs: Mapping[str, Any]) -> list[str]:
    path = f"{inputs['hub_base_url']}hub/oauth_callback"
    callback = inputs["hub_oauth_callback_url"]
    wrong = _https("hub_oauth_callback_url", callback, f"https://hub.example.org{path}")
    if not wrong and urllib.parse.urlsplit(callback).path != path:
        wrong = [f"hub_oauth_callback_url: {callback} does not end with {path}, where the hub waits for people"]
    return wrong


def _pattern(pattern: str) -> list[str]:
    try:
        groups = re.compile(pattern).groups if pattern else 1
    except re.error as error:
        return [f"hub_oauth_username_pattern: {pattern!r} is no regular expression: {error}"]
    if groups != 1:
        return [
            f"hub_oauth_username_pattern: has {groups} groups; the one group is the name, as in ([a-z]+)@example[.]org"
        ]
    return []


def _ldap(inputs: Mapping[str, Any]) -> list[str]:
    found = []
    server, base = inputs["hub_ldap_server"], inputs["hub_ldap_search_base"]
    if not server:
        found.append("hub_ldap_server: is missing; give the name of the directory's server, such as ldap.example.org")
    elif not re.fullmatch(r"[A-Za-z0-9.-]+", server):
        found.append(f"hub_ldap_server: {server!r} is no name of a server; give one such as ldap.example.org")
    else:
        try:
            ipaddress.ip_address(server)
            found.append(f"hub_ldap_server: {server} is an address; give the name that the server's certificate has")
        except ValueError:
            pass
    if not 0 <= int(inputs["hub_ldap_port"]) <= 65535:
        found.append(f"hub_ldap_port: {inputs['hub_ldap_port']} is no port; give 0 for the usual one, or 1 to 65535")
    if bool(inputs["hub_ldap_bind_templates"]) == bool(base):
        found.append(
            "hub_ldap_bind_templates: give either these, such as uid={username},ou=people,dc=example,dc=org, or"
            " hub_ldap_search_base"
        )
    for index, template in enumerate(inputs["hub_ldap_bind_templates"]):
        try:
            fields = [
                field for _text, field, _format, _conversion in string.Formatter().parse(template) if field is not None
            ]
        except ValueError:
            fields = []
        if fields != ["username"]:
            found.append(
                f"hub_ldap_bind_templates[{index}]: {template!r} has to contain {{username}} once, and no other field"
            )
    return found + _lookup(inputs)


def _lookup(inputs: Mapping[str, Any]) -> list[str]:
    found = []
    base = inputs["hub_ldap_search_base"]
    if base and "=" not in base:
        found.append(
            f"hub_ldap_search_base: {base!r} is no name of the directory; give one such as ou=people,dc=example"
        )
    if not ATTRIBUTE.match(inputs["hub_ldap_user_attribute"]):
        found.append(
            f"hub_ldap_user_attribute: {inputs['hub_ldap_user_attribute']!r} is no attribute; give one such as uid"
        )
    if bool(inputs["hub_ldap_search_user"]) != bool(inputs["hub_ldap_search_password"]):
        found.append("hub_ldap_search_user: needs hub_ldap_search_password, and the other way round; give both or none")
    elif inputs["hub_ldap_search_user"] and not base:
        found.append("hub_ldap_search_user: looks people up below hub_ldap_search_base, which is missing")
    return found


def _names(inputs: Mapping[str, Any]) -> list[str]:
    found = []
    people: dict[str, str] = {}
    for there, here in inputs["hub_login_names"].items():
        where = f"hub_login_names[{there}]"
        if there != str(there).lower():
            found.append(f"{where}: has capital letters, which do not count; write {str(there).lower()}")
        problem = login_name_problem(here)
        if problem:
            found.append(f"{where}: {problem}")
        elif here in people:
            found.append(f"{where}: {here} is also {people[here]}; a person of the roster has one name there")
        people.setdefault(str(here), str(there))
    return found
