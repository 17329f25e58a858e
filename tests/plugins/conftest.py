"""Fixtures that several files of one host share; a host is imported where a test asks for its fixture."""

import pytest

from lazygrad.plugins.flat import Objective
from tests.helpers.flat_objectives import P, mlp, parameters

# -- objectives --------------------------------------------------------------------------------------


@pytest.fixture
def net():
    p = parameters()
    L = mlp(p)
    return Objective(L, p), L, p


@pytest.fixture
def function():
    return Objective.of(mlp, P)


@pytest.fixture(params=["net", "function"])
def either(request):
    made = request.getfixturevalue(request.param)
    return made if isinstance(made, Objective) else made[0]


# -- JAX ---------------------------------------------------------------------------------------------


@pytest.fixture
def wide():
    """64 bits, as JAX has only if asked; and programs compiled fast, as each runs once."""
    jax = pytest.importorskip("jax")
    options = {"jax_enable_x64": True, "jax_disable_most_optimizations": True}
    before = {name: jax.config.values[name] for name in options}
    for name, value in options.items():
        jax.config.update(name, value)
    yield jax.config
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.fixture
def narrow(wide):
    wide.update("jax_enable_x64", False)


@pytest.fixture(params=("reverse", "both"))
def mode(request):
    return request.param


# -- PyTensor ----------------------------------------------------------------------------------------


@pytest.fixture
def uncompiled():
    """PyTensor's linker that compiles nothing."""
    pytensor = pytest.importorskip("pytensor")
    with pytensor.config.change_flags(linker="vm", cxx=""):
        yield
