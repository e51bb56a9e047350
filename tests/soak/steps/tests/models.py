# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run inside the image: molecules of A become B at a rate of 2 per second.

Every solver of STEPS has to agree on how many of 100,000 are left after half a second.
"""

import warnings

import steps.interface  # noqa: F401 - has to come first
from steps.geom import Compartment, Geometry, LinearMeshPartition, TetMesh
from steps.model import Diffusion, Model, ReactionManager, Species, VolumeSystem
from steps.rng import RNG
from steps.sim import MPI, Simulation

warnings.filterwarnings("ignore", "Cannot reset a TetODE solver")  # said of each new run, also the first
CUBES_A_SIDE = 3
SIDE = 1e-6  # of a cube, in metres


def model():
    mdl, react = Model(), ReactionManager()
    with mdl:
        a, b = Species(name="whole"), Species(name="decayed")
        system = VolumeSystem(name="system")
        with system:
            a > react["decay"] > b  # noqa: B015 - STEPS's way to write it
            react["decay"].K = 2.0
            Diffusion(a, 1e-12, name="spread")
    return mdl, system


def cube():
    """A cube of small cubes, each of which is six tetrahedrons around its diagonal."""
    n, size = CUBES_A_SIDE, CUBES_A_SIDE + 1
    corners = [(x, y, z) for z in range(size) for y in range(size) for x in range(size)]
    number = {corner: index for index, corner in enumerate(corners)}
    paths = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    tets = []
    for x, y, z in ((x, y, z) for z in range(n) for y in range(n) for x in range(n)):
        for path in paths:
            corner, tet = [x, y, z], [number[x, y, z]]
            for axis in path:
                corner[axis] += 1
                tet.append(number[tuple(corner)])
            tets += tet
    return TetMesh.FromData([length * SIDE / n for corner in corners for length in corner], tets)


def decay(solver):
    """Return how many molecules of A are left."""
    mdl, system = model()
    rng = RNG("mt19937", 512, 4711)
    if solver.startswith("Wm"):
        space = Geometry()
        with space:
            Compartment(system, SIDE**3, name="box")
    else:
        space = cube()
        with space:
            Compartment(space.tets, system, name="box")
    parallel = [MPI.EF_NONE] if solver in ("TetOpSplit", "TetVesicle") else []
    if solver == "TetOpSplit":
        parallel.append(LinearMeshPartition(space, MPI.nhosts, 1, 1))
    sim = Simulation(solver, mdl, space, rng, *parallel, check=False)
    sim.newRun()
    if solver == "Wmrk4":
        sim.setDT(1e-4)
    if solver == "TetODE":
        sim.setTolerances(1e-7, 1e-7)
    sim.box.whole.Count = 100_000
    sim.run(0.5)
    return sim.box.whole.Count


def print_by_mpi(solver):
    left = decay(solver)
    if MPI.rank == 0:
        print("counted", MPI.nhosts, left, flush=True)
