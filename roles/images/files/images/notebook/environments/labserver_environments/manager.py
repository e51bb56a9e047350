# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists people's environments among the kernels: the kernel spec manager of the images' server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

from . import caches
from .find import fault, is_environment, own, shared, shared_folders
from .looker import Looker
from .specs import Kernel, kernels, lost


class EnvironmentSpecManager(KernelSpecManager):
    """The kernels of the image, those that people registered themselves, and those of their environments."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        caches.set_places(os.environ, Path.home())  # here, as every server makes one of these when it starts
        self._folders = shared_folders()
        self._shared = Looker(lambda: list(shared(self._folders)))

    def _environments(self) -> dict[str, Kernel]:
        try:
            mine = list(own(Path.home()))
            return kernels([*mine, *(self._shared() if self._folders else ())])
        except OSError:
            self.log.warning("the environments could not be listed", exc_info=True)
            return {}

    def find_kernel_specs(self) -> dict[str, str]:
        """Return the folders of all kernels by their name."""
        found: dict[str, str] = super().find_kernel_specs()
        allowed = self.allowed_kernelspecs
        more = {name: one.folder for name, one in self._environments().items() if not allowed or name in allowed}
        return {**more, **found}

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the spec of a kernel; raises NoSuchKernel."""
        try:
            return self._checked(super().get_kernel_spec(kernel_name))
        except NoSuchKernel:
            found = self._environments().get(kernel_name.lower())
            if found is None:
                raise
            return self._made(found.folder, found.spec)

    def get_all_specs(self) -> dict[str, Any]:
        """Return all specs as the server tells them."""
        listed: dict[str, Any] = {}
        environments = self._environments()
        for name, folder in super().find_kernel_specs().items():
            try:
                spec = self._checked(super().get_kernel_spec(name))
                listed[name] = {"resource_dir": folder, "spec": spec.to_dict()}
            except NoSuchKernel:
                continue
            except Exception:
                self.log.warning("the kernel %r has no spec that can be read", name, exc_info=True)
        allowed = self.allowed_kernelspecs
        for name, one in environments.items():
            if name not in listed and (not allowed or name in allowed):
                listed[name] = {"resource_dir": one.folder, "spec": self._made(one.folder, one.spec).to_dict()}
        return listed

    def remove_kernel_spec(self, name: str) -> str:
        """Remove a kernel that somebody registered; an environment's own is refused."""
        if name in self._environments() and name not in super().find_kernel_specs():
            raise ValueError(f"{name} is the kernel of an environment; remove the environment's folder instead")
        removed: str = super().remove_kernel_spec(name)
        return removed

    def _made(self, folder: str, spec: dict[str, Any]) -> KernelSpec:
        return self.kernel_spec_class(resource_dir=folder, **{k: v for k, v in spec.items() if self._known(k)})

    def _known(self, key: str) -> bool:
        return bool(self.kernel_spec_class.class_traits().get(key))

    def _checked(self, spec: KernelSpec) -> KernelSpec:
        """Return the spec of ``ipykernel install --user``, or why its environment cannot run."""
        program = Path(spec.argv[0]) if spec.argv else Path()
        prefix = program.parent.parent
        if not program.is_absolute() or not is_environment(prefix):
            return spec
        wrong = fault(prefix)
        return self._made(spec.resource_dir, lost(spec.display_name, prefix, wrong)) if wrong else spec
