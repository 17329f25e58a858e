"""The parts of the Numba plug-in.

The machines that numba compiles once, and the rows they run; imported by `lazygrad.plugins.numba` alone. It may
import the ops and the schedules.
"""
