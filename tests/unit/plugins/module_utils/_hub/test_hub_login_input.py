# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the role hub for the authenticators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.input import problems

DEFAULTS = Path(__file__).resolve().parents[5] / "roles" / "hub" / "defaults" / "main.yml"
OIDC = {
    "hub_authenticator": "oauth",
    "hub_oauth_authorize_url": "https://id.example.org/auth",
    "hub_oauth_token_url": "https://id.example.org/token",
    "hub_oauth_userinfo_url": "https://id.example.org/me",
    "hub_oauth_callback_url": "https://hub.example.org/hub/oauth_callback",
    "hub_oauth_client_id": "hub",
    "hub_oauth_client_secret": "from a vault",
}
GITLAB = {
    **OIDC,
    "hub_oauth_provider": "gitlab",
    "hub_oauth_url": "https://gitlab.example.org",
    "hub_oauth_authorize_url": "",
    "hub_oauth_token_url": "",
    "hub_oauth_userinfo_url": "",
}
LDAP = {
    "hub_authenticator": "ldap",
    "hub_ldap_server": "ldap.example.org",
    "hub_ldap_bind_templates": ["uid={username},ou=people,dc=example,dc=org"],
}
LOOKUP = {**LDAP, "hub_ldap_bind_templates": [], "hub_ldap_search_base": "ou=people,dc=example,dc=org"}


def found(inputs: dict[str, Any], **changes: Any) -> list[str]:
    return problems({**yaml.safe_load(DEFAULTS.read_text()), "hub_registry": "127.0.0.1:5000", **inputs, **changes})


@pytest.mark.parametrize(
    "inputs",
    [
        {"hub_authenticator": "native"},
        OIDC,
        GITLAB,
        {**OIDC, "hub_oauth_username_claim": "email", "hub_oauth_scopes": ["openid", "email"],
         "hub_oauth_username_pattern": "([a-z]+)@example[.]org", "hub_login_names": {"asmith": "alice"}},
        {**OIDC, "hub_base_url": "/lab/", "hub_oauth_callback_url": "https://h.example.org/lab/hub/oauth_callback"},
        LDAP,
        {**LOOKUP, "hub_ldap_search_user": "cn=hub,dc=example", "hub_ldap_search_password": "from a vault"},
        {**LDAP, "hub_ldap_bind_templates": ["{username}@example.org"], "hub_ldap_tls": "ldaps"},
    ],
)  # fmt: skip
def test_what_is_complete_is_right(inputs: dict[str, Any]) -> None:
    assert found(inputs) == []


def test_all_that_is_missing_is_named_at_once() -> None:
    missing = ["authorize_url", "token_url", "userinfo_url", "callback_url", "client_id", "client_secret"]
    assert [line.split(":")[0] for line in found({"hub_authenticator": "oauth"})] == [f"hub_oauth_{m}" for m in missing]
    names = [line.split(":")[0] for line in found({"hub_authenticator": "ldap"})]
    assert names == ["hub_ldap_server", "hub_ldap_bind_templates"]


@pytest.mark.parametrize(
    ("inputs", "changes", "message"),
    [
        ({}, {"hub_login_names": {"a": "b"}}, "hub_login_names: is for oauth and ldap"),
        (LDAP, {"hub_passwords_reset": ["alice"]}, "hub_passwords_reset: with hub_authenticator ldap there are no"),
        (
            OIDC,
            {"hub_oauth_token_url": "http://id.example.org/t"},
            "hub_oauth_token_url: http://id.example.org/t has no TLS",
        ),
        (
            OIDC,
            {"hub_oauth_userinfo_url": "id.example.org"},
            "hub_oauth_userinfo_url: 'id.example.org' is no plain https",
        ),
        (OIDC, {"hub_oauth_token_url": "https://[::1/t"}, "hub_oauth_token_url: 'https://[::1/t' is no address"),
        (
            OIDC,
            {"hub_oauth_token_url": "https://u:p@id.org/"},
            "hub_oauth_token_url: 'https://u:p@id.org/' is no plain",
        ),
        (OIDC, {"hub_oauth_callback_url": "https://hub.example.org/"}, "does not end with /hub/oauth_callback"),
        (OIDC, {"hub_oauth_url": "https://id.example.org"}, "hub_oauth_url: is for hub_oauth_provider gitlab"),
        (OIDC, {"hub_oauth_scopes": ["profile"]}, "hub_oauth_scopes: openid is not among them"),
        (OIDC, {"hub_oauth_username_claim": "email"}, "hub_oauth_scopes: email is not among them"),
        (OIDC, {"hub_oauth_username_pattern": "("}, "hub_oauth_username_pattern: '(' is no regular expression"),
        (OIDC, {"hub_oauth_username_pattern": "x"}, "hub_oauth_username_pattern: has 0 groups"),
        (OIDC, {"hub_oauth_client_secret": ""}, "hub_oauth_client_secret: is missing"),
        (GITLAB, {"hub_oauth_url": ""}, "hub_oauth_url: is missing"),
        (GITLAB, {"hub_oauth_url": "https://gitlab.example.org/"}, "ends with a slash"),
        (GITLAB, {"hub_oauth_token_url": "https://x.org/t"}, "hub_oauth_token_url: is for hub_oauth_provider oidc"),
        (LDAP, {"hub_ldap_server": "ldap://x"}, "hub_ldap_server: 'ldap://x' is no name of a server"),
        (LDAP, {"hub_ldap_server": "10.0.0.1"}, "hub_ldap_server: 10.0.0.1 is an address; give the name"),
        (LDAP, {"hub_ldap_port": 70000}, "hub_ldap_port: 70000 is no port"),
        (LDAP, {"hub_ldap_search_base": "dc=example"}, "hub_ldap_bind_templates: give either these"),
        (LDAP, {"hub_ldap_bind_templates": ["uid=alice"]}, "hub_ldap_bind_templates[0]: 'uid=alice' has to contain"),
        (LDAP, {"hub_ldap_bind_templates": ["uid={username},{x}"]}, "hub_ldap_bind_templates[0]:"),
        (LDAP, {"hub_ldap_bind_templates": ["uid={username"]}, "hub_ldap_bind_templates[0]:"),
        (LOOKUP, {"hub_ldap_search_base": "people"}, "hub_ldap_search_base: 'people' is no name of the directory"),
        (LOOKUP, {"hub_ldap_user_attribute": "uid)(x"}, "hub_ldap_user_attribute: 'uid)(x' is no attribute"),
        (LOOKUP, {"hub_ldap_search_user": "cn=hub"}, "hub_ldap_search_user: needs hub_ldap_search_password"),
        (LDAP, {"hub_ldap_search_user": "x", "hub_ldap_search_password": "y"}, "looks people up below"),
        (LDAP, {"hub_login_names": {"ASmith": "alice"}}, "hub_login_names[ASmith]: has capital letters"),
        (LDAP, {"hub_login_names": {"asmith": "Alice"}}, 'hub_login_names[asmith]: name "Alice" has capital'),
        (LDAP, {"hub_login_names": {"a": "alice", "b": "alice"}}, "hub_login_names[b]: alice is also a"),
    ],
)
def test_mistakes(inputs: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    lines = found(inputs, **changes)
    assert len(lines) == 1, lines
    assert message in lines[0]
