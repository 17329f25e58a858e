"""Mici's tests of its interface to autodiff backends, and of its samplers with one, on `lazygrad.plugins.mici`.

    pip install -e . pytest mici==0.4.1
    python tests/hosts/mici_suite.py
    python tests/hosts/mici_suite.py --source DIRECTORY -k constrained   # of a source distribution unpacked before

The tests know some backends by name. Ours stands under autograd's, with `lazygrad.compat.autograd.numpy` under that of
autograd.numpy, and what they ask of JAX is left out: 123 tests remain.
"""

import sys

import suites

TESTS = ["tests/test_autodiff.py", "tests/test_interface.py"]


class OneBackend:
    """Leave out what another framework is asked."""

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if "jax" not in item.callspec.params.values()]


def point_at_lazygrad(answered: suites.Answered) -> None:
    """Let the name of autograd mean our backend."""
    suites.alias("autograd", "lazygrad.compat.autograd")
    from mici import autodiff

    from lazygrad.plugins import mici

    answered.count(mici.Derivative, "__call__")
    autodiff._REGISTERED_BACKENDS.clear()
    mici.register("autograd")


if __name__ == "__main__":
    sys.exit(suites.main("mici==0.4.1", TESTS, point_at_lazygrad, OneBackend(), at_least=123))
