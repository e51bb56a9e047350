# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login method ``ldap``: passwords of a directory (OpenLDAP, Active Directory), over TLS and nothing else."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPBindError, LDAPException
from ldapauthenticator import LDAPAuthenticator
from ldapauthenticator.ldapauthenticator import TlsStrategy
from tornado.web import HTTPError

from ..exchange.settings import Settings
from ..words.language import gettext as _
from . import trust
from .gate import PasswordGate, mapped

CONNECT_SECONDS = 5
ANSWER_SECONDS = 10


@dataclass(frozen=True)
class Options:
    """The keys of ``login`` in hub.json: people are looked up below ``search_base`` or, without it, by templates."""

    server: str
    port: int = 0
    tls: str = "start_tls"
    bind_templates: tuple[str, ...] = ()
    search_base: str = ""
    search_user: str = ""
    user_attribute: str = "uid"
    names: Mapping[str, str] = field(default_factory=dict)


class LabLDAPAuthenticator(PasswordGate, LDAPAuthenticator):
    """Asks the directory whether a password is right; the certificate of its server is always checked."""

    names: Mapping[str, str] = {}
    password_file: Path | None = None

    def is_known(self, name: str) -> bool:
        return super().is_known(mapped(name, self.names) or "")

    def matches(self, name: str, password: str, candidate: Any) -> bool:
        if self.lookup_dn and self.password_file is not None:
            # Read for each login: a password that was changed needs no restart.
            self.lookup_dn_search_password = self.password_file.read_text().strip()
        data = {"username": name, "password": password}
        # The coroutine of the package blocks, so it runs in the thread of this call.
        return asyncio.run(LDAPAuthenticator.authenticate(self, None, data)) is not None

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:
        try:
            name = await super().authenticate(handler, data)
        except LDAPException as error:
            self.log.error("the directory %s does not answer: %s", self.server_address, error)
            raise HTTPError(
                503, _("The directory that knows the passwords does not answer. Please try again later.")
            ) from error
        return None if name is None else mapped(name, self.names)

    def get_connection(self, userdn: str | None, password: str | None) -> Any:
        """Return a connection that is bound as ``userdn``, None when the directory refuses that.

        The method of the package would wait for ever for a server that does not answer.
        """
        server = ldap3.Server(
            self.server_address,
            port=self.server_port,
            use_ssl=self.tls_strategy == TlsStrategy.on_connect,
            tls=ldap3.Tls(**self.tls_kwargs),
            connect_timeout=CONNECT_SECONDS,
            get_info=ldap3.NONE,
        )
        on_connect = self.tls_strategy == TlsStrategy.on_connect
        try:
            return ldap3.Connection(
                server,
                user=userdn,
                password=password,
                auto_bind=ldap3.AUTO_BIND_NO_TLS if on_connect else ldap3.AUTO_BIND_TLS_BEFORE_BIND,
                receive_timeout=ANSWER_SECONDS,
                auto_referrals=False,
            )
        except LDAPBindError:
            return None


def configure(c: Any, settings: Settings) -> None:
    """Fill in JupyterHub's configuration."""
    options = Options(**settings.login)
    LabLDAPAuthenticator.names = dict(options.names)
    ldap = c.LabLDAPAuthenticator
    ldap.failures_path = str(Path(settings.state_folder) / "failures.sqlite")
    ldap.server_address = options.server
    ldap.tls_strategy = TlsStrategy.on_connect if options.tls == "ldaps" else TlsStrategy.before_bind
    if options.port:
        ldap.server_port = options.port
    # The default of the package accepts any certificate.
    ldap.tls_kwargs = {"validate": ssl.CERT_REQUIRED, "ca_certs_file": trust.bundle(settings)}
    ldap.valid_username_regex = r"^[a-z0-9][a-z0-9._-]*\Z"
    if options.search_base:
        ldap.lookup_dn = True
        ldap.user_search_base = options.search_base
        ldap.user_attribute = options.user_attribute
        ldap.lookup_dn_user_dn_attribute = options.user_attribute
        if options.search_user:
            ldap.lookup_dn_search_user = options.search_user
            LabLDAPAuthenticator.password_file = Path(settings.secrets_folder) / "ldap_search_password"
    else:
        ldap.bind_dn_template = list(options.bind_templates)
