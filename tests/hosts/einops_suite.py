"""einops' op tests, on nodes: its operations, packing, einsum and what else takes a backend.

    pip install -e . pytest einops==0.8.2
    python tests/hosts/einops_suite.py

The tests are those that einops is installed with. Their list of backends is fixed, so lazygrad's takes JAX's place in
it; those of layers and of other frameworks find nothing to test.
"""

import os
import sys

import suites

FILES = ["test_ops.py", "test_packing.py", "test_einsum.py", "test_other.py", "test_examples.py", "test_parsing.py"]


class Functional:
    """Let the tests of einsum take our backend."""

    def pytest_collection_modifyitems(self, items):
        for module in {item.module for item in items}:
            if hasattr(module, "valid_backends_functional"):
                module.valid_backends_functional.append("lazygrad")


def point_at_lazygrad(answered: suites.Answered) -> None:
    """Put lazygrad's backend among those that the tests ask."""
    os.environ["EINOPS_TEST_BACKENDS"] = "numpy,lazygrad"
    from einops import _backends

    from lazygrad.plugins.einops import LazygradBackend

    _backends.JaxBackend = LazygradBackend
    answered.count(LazygradBackend, "from_numpy")


if __name__ == "__main__":
    requirement, installed = "einops==0.8.2", "einops.tests"
    sys.exit(suites.main(requirement, FILES, point_at_lazygrad, Functional(), at_least=49, installed=installed))
