# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the hub lets somebody into a server of another one, as the server finds out."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import requests
from live import Browser, Hub


def answered(hub: Hub, browser: Browser, owner: str, server: str = "") -> requests.Response:
    """Do what a server does when a browser comes: ask the hub who that is, by OAuth. Returns the hub's answer."""
    container = f"server-{server}.jupyter-{owner}" if server else f"jupyter-{owner}"
    environment = dict(line.split("=", 1) for line in hub.engine.containers[container]["Config"]["Env"])
    callback = f"/user/{owner}/{server}/oauth_callback" if server else f"/user/{owner}/oauth_callback"
    client = f"jupyterhub-user-{owner}-{server}" if server else f"jupyterhub-user-{owner}"
    asked = {"client_id": client, "redirect_uri": callback, "response_type": "code", "state": "s"}
    url = f"{hub.url}/hub/api/oauth2/authorize"
    answer = browser.get(url, params=asked, timeout=60, allow_redirects=False)
    if answer.status_code == 200:  # the page that asks; somebody else's server
        confirmed = {"_xsrf": browser.xsrf(), "scopes": f"access:servers!server={owner}/{server}"}
        answer = browser.post(
            url, params=asked, data=confirmed, timeout=60, allow_redirects=False, headers={"Referer": answer.url}
        )
    if answer.status_code != 302:
        return answer
    code = parse_qs(urlsplit(answer.headers["Location"]).query).get("code", [""])[0]
    secret = environment["JUPYTERHUB_API_TOKEN"]
    form = {"client_id": asked["client_id"], "client_secret": secret, "grant_type": "authorization_code",
            "code": code, "redirect_uri": callback}  # fmt: skip
    token = requests.post(f"{hub.url}/hub/api/oauth2/token", data=form, timeout=60).json()["access_token"]
    return requests.get(f"{hub.url}/hub/api/user", headers={"Authorization": f"token {token}"}, timeout=60)


def may_enter(answer: requests.Response, owner: str, server: str = "") -> bool:
    """Tell whether a server lets in whom the hub describes so (jupyterhub.singleuser looks at the same)."""
    wanted = {f"access:servers!server={owner}/{server}", f"access:servers!user={owner}", "access:servers"}
    return answer.ok and bool(wanted & set(answer.json()["scopes"]))
