# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login method ``oauth``: people log in at GitLab or at another OpenID Connect provider."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oauthenticator.generic import GenericOAuthenticator
from tornado.httpclient import HTTPClientError
from tornado.web import HTTPError

from ..exchange.settings import Settings
from ..exchange.text import clean
from ..words.language import gettext as _
from . import trust
from .gate import RosterGate, mapped


@dataclass(frozen=True)
class Options:
    """The keys of ``login`` in hub.json; ``names`` maps names at the provider to names of the roster."""

    authorize_url: str
    token_url: str
    userinfo_url: str
    callback_url: str
    client_id: str
    service: str = "your account"
    scopes: tuple[str, ...] = ("openid", "profile")
    claim: str = "preferred_username"
    pattern: str = ""
    names: Mapping[str, str] = field(default_factory=dict)


def name_of(info: Mapping[str, Any], options: Options) -> str:
    """Return the roster's name of the person that the provider describes; raises 403 with the reason if none."""
    value = info.get(options.claim)
    said = {"service": options.service, "claim": options.claim}
    if not isinstance(value, str) or not value:
        raise HTTPError(403, _("{service} did not send your {claim}. Please tell the administrator.").format(**said))
    said["shown"] = clean(value, 100)
    if options.claim == "email" and info.get("email_verified") is not True:
        raise HTTPError(403, _("{service} has not verified that the address {shown} is yours.").format(**said))
    if options.pattern:
        found = re.fullmatch(options.pattern, value)
        if found is None:
            raise HTTPError(
                403, _("You are {shown} at {service}; this server does not accept that name.").format(**said)
            )
        value = found.group(1)
    name = mapped(value.lower(), options.names)
    if name is None:
        raise HTTPError(403, _("You are {shown} at {service}, which is the name of somebody else here.").format(**said))
    return name


class LabOAuthenticator(RosterGate, GenericOAuthenticator):
    """OAuth 2 with PKCE; of what the provider sends only the name is kept."""

    options: Options
    secret_file: Path

    def user_info_to_username(self, user_info: Mapping[str, Any]) -> str:
        return name_of(user_info, self.options)

    async def authenticate(self, handler: Any, data: Any = None, **kwargs: Any) -> Any:
        # Read for each login: a secret that was changed needs no restart.
        self.client_secret = self.secret_file.read_text().strip()
        try:
            found = await super().authenticate(handler, data, **kwargs)
        except (OSError, HTTPClientError) as error:
            self.log.error("the request to the identity provider failed: %s", error)
            words = f"{self.options.service} does not answer as it should. Please try again later."
            raise HTTPError(503, words) from error
        return found and {"name": found["name"]}


def configure(c: Any, settings: Settings) -> None:
    """Fill in JupyterHub's configuration."""
    options = Options(**settings.login)
    LabOAuthenticator.options = options
    LabOAuthenticator.secret_file = Path(settings.secrets_folder) / "oauth_client_secret"
    oauth = c.LabOAuthenticator
    oauth.login_service = options.service
    oauth.authorize_url = options.authorize_url
    oauth.token_url = options.token_url
    oauth.userdata_url = options.userinfo_url
    oauth.oauth_callback_url = options.callback_url
    oauth.client_id = options.client_id
    oauth.scope = list(options.scopes)
    oauth.enable_pkce = True
    oauth.http_request_kwargs = {"ca_certs": trust.bundle(settings), "request_timeout": 15.0}
