"""HIPS autograd's test-suite on `lazygrad.compat.autograd`: 631 tests, most of them through make_vjp and make_jvp.

    pip install -e ".[scipy]" pytest autograd==1.9.1
    python tests/hosts/autograd_suite.py
    python tests/hosts/autograd_suite.py --source DIRECTORY -k fft -x   # of a source distribution unpacked before

autograd itself is not imported, and need not be installed: its tests find lazygrad under its name.
"""

import functools
import sys

import numpy as np
import suites

REMOVED = "a deprecated way to declare derivatives; `defvjp` is what replaced it"
CONST_GRAPH = "const_graph is no part of lazygrad.compat.autograd: it replays a graph unchecked"
NO_DERIVATIVE = "a comparison has no derivative: make_vjp says so, where the test wants 0"
FAILURES = {
    "test_core.py::test_eq": NO_DERIVATIVE,
    "test_core.py::test_neq": NO_DERIVATIVE,
    "test_core.py::test_leq": NO_DERIVATIVE,
    "test_core.py::test_geq": NO_DERIVATIVE,
    "test_core.py::test_lt": NO_DERIVATIVE,
    "test_core.py::test_gt": NO_DERIVATIVE,
    "test_fft.py::test_rfftn_odd_not_implemented": "it works here, where the test wants NotImplementedError",
    "test_misc.py::test_const_graph": CONST_GRAPH,
    "test_misc.py::test_const_graph_args": CONST_GRAPH,
    "test_wrappers.py::test_deprecated_defgrad_wrapper": REMOVED,
    "test_wrappers.py::test_deprecated_defvjp_wrapper": REMOVED,
    "test_wrappers.py::test_deprecated_defvjp_is_zero_wrapper": REMOVED,
    "test_wrappers.py::test_deprecated_quick_grad_check_wrapper": REMOVED,
    "test_wrappers.py::test_wrapped_name_and_docs": "it compares the text of a docstring; ours is another",
}


def point_at_lazygrad(answered: suites.Answered) -> None:
    """Put lazygrad under autograd's name, with stand-ins for four private names that test modules import."""
    suites.alias("autograd", "lazygrad.compat.autograd")
    import lazygrad.compat.autograd as ag

    answered.count(ag.core, "_vjp", "_jvp")  # what make_vjp and make_jvp call
    ag.core.primitive_vjps = {}  # a table of rules by function, from which a test takes one out for a while
    ag.misc.const_graph = functools.partial  # what const_graph does but for being fast; its tests fail
    ag.numpy.linalg.T = lambda x: np.swapaxes(x, -1, -2)
    ag.numpy.linalg._dot = functools.partial(np.einsum, "...ij,...jk->...ik")


if __name__ == "__main__":
    sys.exit(suites.main("autograd==1.9.1", ["tests"], point_at_lazygrad, failures=FAILURES, at_least=600))
