"""Pymanopt's tests of backends, manifolds, optimisers and problems, on `lazygrad.plugins.pymanopt`.

    pip install -e ".[scipy]" pytest pymanopt==2.2.1
    python tests/hosts/pymanopt_suite.py
    python tests/hosts/pymanopt_suite.py --source DIRECTORY -k product   # of a source distribution unpacked before

The tests of all four of its differentiating backends are run, each with our decorator in the backend's place and
NumPy's functions under the framework's names; so none of autograd, jax, torch and tensorflow need be installed.
"""

import random
import sys
import types

import numpy as np
import pytest
import suites

TESTS = [
    "tests/backends",
    "tests/manifolds",
    "tests/optimizers",
    "tests/test_multi_tools.py",
    "tests/test_problem.py",
    "tests/test_problem_backend_interface.py",
]


class Seeds:
    """The seeds that the suite's conftest.py sets, without the frameworks that it imports."""

    @pytest.fixture(autouse=True)
    def initialize_test_state(self):
        random.seed(42)
        np.random.seed(42)  # noqa: NPY002 - the tests draw from it


def put_module(name: str, **members) -> types.ModuleType:
    """Make a module of these members that can be imported by that name."""
    made = types.ModuleType(name)
    vars(made).update(members)
    sys.modules[name] = made
    return made


def point_at_lazygrad(answered: suites.Answered) -> None:
    """Put our decorator in place of the frameworks', and NumPy's functions under their names."""
    suites.alias("autograd", "lazygrad.compat.autograd")
    import pymanopt  # before what only looks like jax

    import lazygrad.numpy as lnp
    from lazygrad.plugins._prepared_by_shape import PreparedByShape
    from lazygrad.plugins.pymanopt import function

    answered.count(PreparedByShape, "at")
    for framework in ("autograd", "jax", "pytorch", "tensorflow"):
        setattr(pymanopt.function, framework, function)
    put_module("jax", numpy=lnp)
    sys.modules["jax.numpy"] = lnp
    put_module("torch", sum=lnp.sum, exp=lnp.exp, real=lnp.real, dot=lnp.dot)
    math = put_module("tensorflow.math", real=lnp.real)
    put_module("tensorflow", reduce_sum=lnp.sum, exp=lnp.exp, tensordot=lnp.tensordot, math=math)


if __name__ == "__main__":
    sys.argv += ["--noconftest"]  # it imports all the frameworks
    sys.exit(suites.main("pymanopt==2.2.1", TESTS, point_at_lazygrad, Seeds(), at_least=399))
