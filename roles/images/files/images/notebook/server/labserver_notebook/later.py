# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leaves modules unread that a person's server imports but does not use, or not before somebody opens a page.

While the server's packages are imported, stand-ins take their places. Each answers the few names that are taken from it
without being used; for any other name it fetches the real module. So another version of JupyterHub that does need one
starts as slowly as it would without this, and works. Afterwards the stand-ins are gone: who imports SQLAlchemy then
gets it.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

from . import hub_client


class StandIn(ModuleType):
    """Answers in place of a module, which is read when a name is asked for that is not among those given."""

    def __init__(self, name: str, given: Mapping[str, Any]):
        super().__init__(name)
        self.__path__: list[str] = []
        self.__dict__.update(given)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(real(self.__name__), name)


class Name:
    """A name taken from a module with ``from module import name``; what it is, is read when it is used."""

    def __init__(self, module: str, name: str):
        self._module, self._name = module, name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(getattr(real(self._module), self._name), attribute)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return getattr(real(self._module), self._name)(*arguments, **named)


class Made:
    """An object that is made when something of it is asked for; what is given is known before."""

    def __init__(self, make: Callable[[], Any], **given: Any):
        self.__dict__.update(given, _make=make, _made=None)

    def __getattr__(self, attribute: str) -> Any:
        if self.__dict__["_made"] is None:
            self.__dict__["_made"] = self.__dict__["_make"]()
        return getattr(self.__dict__["_made"], attribute)


def _never(name: str) -> type[Exception]:
    """Return a class for ``except`` and ``isinstance``: nothing of this kind ever comes up in a person's server."""
    return type(name, (Exception,), {})


def extension_manager(*arguments: Any) -> Made:
    """Stand in for JupyterLab's PyPIExtensionManager, whose making reads all certificates of the system."""
    pypi = "jupyterlab.extensions.pypi"
    metadata = importlib.import_module("jupyterlab.extensions.manager").ExtensionManagerMetadata(
        "PyPI", True, sys.prefix
    )
    return Made(lambda: real(pypi).PyPIExtensionManager(*arguments), metadata=metadata)


# What is taken from them without being used. jupyterhub 6.1: utils an exception to be caught, log a class to compare
# with, roles the functions of SQL, and the way to ask the hub. JupyterLab: blocked extensions, and the manager.
STAND_INS: dict[str, dict[str, Any]] = {
    "sqlalchemy": {"func": Name("sqlalchemy", "func")},
    "sqlalchemy.exc": {"SQLAlchemyError": _never("SQLAlchemyError")},
    "jupyterhub.orm": {},
    "jupyterhub.handlers": {},
    "jupyterhub.handlers.pages": {"HealthCheckHandler": _never("HealthCheckHandler")},
    "jupyterhub.httpclient": {"fetch": hub_client.fetch},
    "aiohttp": {},
    "requests": {},
    "websocket": {},
    "jupyterlab.extensions.pypi": {"PyPIExtensionManager": extension_manager},
}
# Optional checks of jsonschema, which it leaves out where these are not installed. Jupyter asks for one: whether the
# names of its kinds of events are URIs.
OPTIONAL = ("fqdn", "isoduration", "jsonpointer", "rfc3339_validator", "rfc3986_validator", "uri_template", "webcolors")


def real(name: str) -> ModuleType:
    """Return the module itself."""
    remove()
    return importlib.import_module(name)


def remove() -> None:
    """Take the stand-ins away, and let what is optional be found."""
    for name in OPTIONAL:
        if sys.modules.get(name, "") is None:
            del sys.modules[name]
    for name in STAND_INS:
        if isinstance(sys.modules.get(name), StandIn):
            del sys.modules[name]
        parent, _dot, child = name.rpartition(".")
        if isinstance(getattr(sys.modules.get(parent), child, None), StandIn):
            delattr(sys.modules[parent], child)


@contextlib.contextmanager
def standing_in() -> Iterator[None]:
    """Let the stand-ins answer meanwhile, and nothing optional be found."""
    for name, given in STAND_INS.items():
        if name not in sys.modules:
            sys.modules[name] = StandIn(name, given)
    for name in OPTIONAL:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type] # None says: not installed
    try:
        yield
    finally:
        remove()
