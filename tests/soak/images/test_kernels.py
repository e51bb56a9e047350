# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other languages than Python: cells that compute, plots that are pictures, packages of one's own."""

from __future__ import annotations

import pytest
from pictures import colours
from stack import Stack

PACKAGE = {
    "DESCRIPTION": "Package: twice\nVersion: 1.0\n",
    "NAMESPACE": "useDynLib(twice)\nexport(twice)\n",
    "R/twice.R": 'twice <- function(x) .Call("twice", x, PACKAGE = "twice")\n',
    "src/twice.c": "#include <Rinternals.h>\nSEXP twice(SEXP x) { return ScalarReal(2 * asReal(x)); }\n",
}


@pytest.mark.image("r")
def test_r_computes_and_plots(stack: Stack) -> None:
    with stack.server("bob", "r") as bob:
        kernel = bob.kernel("ir")
        assert "42" in kernel.run("cat(sum(c(1, 2, 39)))", 120)
        tidy = "suppressMessages(library(tidyverse)); cat(nrow(filter(mpg, cyl == 8)))"
        assert kernel.run(tidy, 120).strip() == "70"
        (picture,) = kernel.pictures("print(ggplot(mpg, aes(displ, hwy, colour = class)) + geom_point())", 120)
        assert len(colours(picture)) > 20
        assert "fit 1.00 2.00" in kernel.run(
            "x <- 1:9; m <- lm(I(1 + 2 * x) ~ x); cat(sprintf('fit %.2f %.2f', coef(m)[1], coef(m)[2]))"
        )


@pytest.mark.image("r")
def test_r_compiles_a_package_into_the_home(stack: Stack) -> None:
    """What ``install.packages`` does with a source package that has C in it."""
    with stack.server("bob", "r"):
        for name, text in PACKAGE.items():
            path = stack.folder / "home" / "jupyter-bob" / "pack" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        # R compiles beside the sources, so they have to be the person's.
        stack.inside("bob", "cp -r ~/pack /tmp/pack")
        stack.inside("bob", 'cd /tmp && Rscript -e \'install.packages("pack", repos = NULL, type = "source")\'')
        assert stack.inside("bob", "cd / && Rscript -e 'cat(twice::twice(21))'") == "42"
        assert "jupyter-bob/R/" in stack.inside("bob", "Rscript -e 'cat(find.package(\"twice\"))'")


@pytest.mark.image("octave")
def test_octave_computes_and_plots(stack: Stack) -> None:
    with stack.server("bob", "octave") as bob:
        kernel = bob.kernel("octave")
        assert "42" in kernel.run("disp(det([6 0; 0 7]))", 120)
        assert "2.0000" in kernel.run("pkg load statistics; printf('%.4f', median([1 2 9]))", 120)
        (picture,) = kernel.pictures(
            "x = linspace(0, 6, 200); plot(x, sin(x), 'r', x, cos(x), 'b'); title('waves')", 120
        )
        assert len(colours(picture)) > 20
