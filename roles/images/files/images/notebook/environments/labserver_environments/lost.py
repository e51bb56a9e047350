# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel that stands in for one whose environment cannot run: each cell is answered with what to do."""

from __future__ import annotations

import os
import sys
from typing import Any

from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel

from .specs import LOST


class LostKernel(Kernel):
    """Runs nothing."""

    implementation = "labserver_environments"
    implementation_version = "1"
    language_info = {"name": "python", "mimetype": "text/x-python", "file_extension": ".py"}
    banner = os.environ.get(LOST, "")

    def do_execute(self, code: str, silent: bool, *_more: Any, **_options: Any) -> dict[str, Any]:  # noqa: ARG002
        """Answer with the sentences."""
        problem = {"ename": "EnvironmentLost", "evalue": self.banner.splitlines()[0], "traceback": [self.banner]}
        if not silent:
            self.send_response(self.iopub_socket, "error", problem)
        return {"status": "error", "execution_count": self.execution_count, **problem}


if __name__ == "__main__":
    # The text is all that it needs; whatever the environment's variables say of packages is not for this process.
    sys.path[:] = [one for one in sys.path if one]
    IPKernelApp.launch_instance(kernel_class=LostKernel)
