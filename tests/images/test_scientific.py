# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people do with the scientific image in their first minutes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import struct
import zlib

import image_builds as builds
from long_tests import long
from running import CPUS, MEMORY_BYTES, UID, Server

PLOT = """
import numpy as np, scipy.optimize, pandas as pd, h5py, xarray as xr, skimage.filters, sklearn.linear_model, numba
import ipympl, ipywidgets, matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt

@numba.njit
def total(values):
    found = 0.0
    for value in values:
        found += value
    return found

x = np.linspace(0, 1, 50)
slope, offset = scipy.optimize.curve_fit(lambda x, a, b: a * x + b, x, 3 * x + 1)[0]
assert abs(slope - 3) < 1e-6 and abs(total(x) - x.sum()) < 1e-9
with h5py.File("data.h5", "w") as file:
    file["x"] = x
frame = pd.DataFrame({"x": x, "y": 3 * x + 1})
assert xr.Dataset.from_dataframe(frame).y.max() == 4
fitted = sklearn.linear_model.LinearRegression().fit(frame[["x"]], frame.y)
assert skimage.filters.gaussian(np.eye(9)).shape == (9, 9)
plt.figure(figsize=(4, 3), dpi=100)
plt.plot(x, fitted.predict(frame[["x"]]))
plt.savefig("plot.png")
"""

EXTENSION = {
    "pyproject.toml": """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "tinyext"
version = "1"
[tool.setuptools]
ext-modules = [{name = "tinyext", sources = ["tinyext.c"]}]
""",
    "tinyext.c": """
#include <Python.h>
static PyObject *answer(PyObject *self, PyObject *none) { return PyLong_FromLong(42); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "tinyext", NULL, -1, methods};
PyMODINIT_FUNC PyInit_tinyext(void) { return PyModule_Create(&module); }
""",
}

FORMULA = r"""
# Überschrift

In a line $E = mc^2$, and

\begin{align} a &= \frac{b}{c} \end{align}

but not $\nonsense{$ this.
"""


def notebook() -> str:
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 4, 9])\nplt.show()"
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": FORMULA},
        {"cell_type": "code", "id": "b", "metadata": {}, "source": code, "outputs": [], "execution_count": None},
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


def unpacked(pdf: bytes) -> bytes:
    """Return a PDF with the content of its compressed parts."""
    parts = [pdf]
    for found in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            parts.append(zlib.decompress(found[1]))
        except zlib.error:
            continue
    return b"\n".join(parts)


def test_a_person_computes_and_plots(server: Server) -> None:
    server.run("python3 -", PLOT)
    picture = (server.home / "plot.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", picture[16:24]) == (400, 300)
    assert (server.home / "data.h5").read_bytes()[:8] == b"\x89HDF\r\n\x1a\n"
    assert (server.home / "plot.png").stat().st_uid == UID


def test_pip_compiles_what_comes_as_source(server: Server) -> None:
    folder = server.home / "tinyext"
    folder.mkdir()
    for name, content in EXTENSION.items():
        (folder / name).write_text(content)
    os.chown(folder, UID, UID)
    server.run("pip install --quiet --target lib ./tinyext")
    assert server.run("PYTHONPATH=lib python3 -c 'import tinyext; print(tinyext.answer())'") == "42"
    assert next(iter((server.home / "lib").glob("tinyext*.so"))).read_bytes()[:4] == b"\x7fELF"
    fortran = "program t\n  print '(i0)', sum([20, 22])\nend program\n"
    assert server.run("cat > t.f90; gfortran t.f90 -o t; ./t", fortran) == "42"


def test_uv_makes_an_environment(server: Server) -> None:
    server.run("uv venv --quiet uvenv && uv pip install --quiet --python uvenv/bin/python tabulate")
    assert server.run("uvenv/bin/python -c 'import tabulate; print(tabulate.__name__)'") == "tabulate"


def test_the_tools_are_there(server: Server) -> None:
    for command in (
        "git --version",
        "ssh -V",
        "rsync --version",
        "curl --version",
        "nano --version",
        "vim.tiny --version",
    ):
        server.run(f"{command} 2>&1")


def test_a_notebook_becomes_a_pdf_by_the_menu(server: Server) -> None:
    """The menu lists what /api/nbconvert names, and opens /nbconvert/pdf."""
    offered = server.get("/api/nbconvert")
    assert {"pdf", "html"} <= set(offered)
    assert not {"latex", "webpdf", "qtpdf", "qtpng", "rst", "asciidoc"} & set(offered), (
        "the menu offers what cannot work"
    )
    server.run("cat > report.ipynb && jupyter execute --inplace report.ipynb", notebook())
    headers, pdf = server.ask("/nbconvert/pdf/report.ipynb?download=true")
    assert headers["Content-Type"].startswith("application/pdf")
    assert 'filename="report.pdf"' in headers["Content-Disposition"] or "report.pdf" in headers["Content-Disposition"]
    content = unpacked(pdf)
    assert pdf[:5] == b"%PDF-" and len(re.findall(rb"/Type ?/Page\b", content)) >= 1
    assert re.search(rb"/Subtype ?/Image", content), "the plot is missing"
    assert b"DejaVu" in content


@long("soak-long")
def test_a_notebook_becomes_a_pdf_by_command(server: Server) -> None:
    server.run("cat > command.ipynb && jupyter nbconvert --to pdf --execute command.ipynb", notebook())
    assert (server.home / "command.pdf").read_bytes()[:5] == b"%PDF-"


def test_people_see_their_own_limits(server: Server) -> None:
    usage = server.get("/api/metrics/v1")
    assert usage["limits"]["memory"]["rss"] == MEMORY_BYTES
    assert usage["limits"]["cpu"] == {"cpu": CPUS}
    assert 0 < usage["rss"] < MEMORY_BYTES
    assert usage["cpu_percent"] >= 0


def test_the_language_server_is_found(server: Server) -> None:
    assert "jedi-language-server" in server.get("/lsp/status")["sessions"]


def test_the_extensions_of_the_server_are_loaded(server: Server) -> None:
    for path in ("git", "lsp", "api/metrics/v1", "git-pull", "nbdime"):
        with contextlib.suppress(AssertionError):  # the first request loads it, whatever the answer is
            server.ask(f"/{path}/nothing")
    log = builds.docker("logs", server.name, stderr=True)
    assert "error adding extension" not in log, log
    for name in ("jupyterlab_git", "jupyter_lsp", "jupyter_resource_usage", "nbgitpuller", "nbdime"):
        assert f"{name} | extension was successfully loaded" in log, log


def test_the_extensions_of_the_page_are_there(server: Server) -> None:
    listed = server.run("jupyter labextension list 2>&1")
    for name in (
        "@jupyterlab/git",
        "jupyter-matplotlib",
        "@jupyter-widgets/jupyterlab-manager",
        "labserver-announcements",
    ):
        assert re.search(rf"{name} v\S+ .*enabled.*OK", listed), listed


def test_the_layers_below_are_those_of_the_notebook_image(scientific: str, notebook_image: str) -> None:
    """What images have in common is stored and sent once."""
    below, above = (
        json.loads(builds.docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", reference))
        for reference in (notebook_image, scientific)
    )
    assert above[: len(below)] == below and len(above) > len(below)
