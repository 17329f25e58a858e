"""Which mode the Jacobian of a function takes: shown by ops that have a rule for one of them alone."""

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.ops._declare import op
from lazygrad.ops._rule import UNDEFINED


def double(name, vjp, jvp):
    shape = {"shape": lambda x: (x.shape, x.dtype)}
    return op(name, lambda x: 2.0 * x, vjp={"x": vjp}, jvp={"x": jvp}, register=False, **shape)


only_reverse = double("only_reverse", lambda g: 2.0 * g, UNDEFINED)
only_forward = double("only_forward", UNDEFINED, lambda t: 2.0 * t)


@pytest.mark.parametrize(
    ("outputs", "inputs", "good", "bad"),
    [
        (1, 3, only_reverse, only_forward),
        (2, 3, only_reverse, only_forward),
        (2, 2, only_reverse, only_forward),  # a tie goes to reverse mode
        (3, 2, only_forward, only_reverse),
        (3, 1, only_forward, only_reverse),
    ],
)
def test_a_function_takes_the_mode_of_fewer_passes(outputs, inputs, good, bad):
    A, x = np.arange(1.0, 1.0 + outputs * inputs).reshape(outputs, inputs), np.ones(inputs)
    np.testing.assert_array_equal(lg.jacobian(lambda x: A @ good(x))(x), 2 * A)
    with pytest.raises(lg.NotDifferentiableError, match=bad.name):
        lg.jacobian(lambda x: A @ bad(x))(x)


def test_all_outputs_and_all_arguments_count():
    x, y = np.ones(2), np.ones(2)
    two = lambda x, y: (only_reverse(x) * y, only_reverse(x * y).sum())  # noqa: E731 - 3 outputs, 4 arguments
    by_x, by_y = lg.jacobian(two, argnums=(0, 1))(x, y)[0]
    np.testing.assert_array_equal([by_x, by_y], [2 * np.eye(2), 2 * np.eye(2)])
    with pytest.raises(lg.NotDifferentiableError, match="only_reverse"):
        lg.jacobian(two)(x, y)  # 3 outputs, 2 arguments


def test_the_named_modes_are_what_they_say():
    x = np.ones(2)
    np.testing.assert_array_equal(lg.jacrev(only_reverse)(x), lg.jacfwd(only_forward)(x))
    for wrong in (lambda: lg.jacfwd(only_reverse)(x), lambda: lg.jacrev(only_forward)(x)):
        with pytest.raises(lg.NotDifferentiableError):
            wrong()
