"""What runs when PyTorch asks: only rules on the way, each point once, and nothing that nobody uses."""

import numpy as np
import pytest

import lazygrad as lg

torch = pytest.importorskip("torch")

from lazygrad.plugins.torch import function  # noqa: E402
from tests.helpers.torch_functions import CASES, WARNINGS, dense, forwards, randn  # noqa: E402

pytestmark = WARNINGS


def test_only_the_rules_of_what_needs_a_gradient_run():
    x, W, b = CASES["layer"][1]()
    f = function(dense)
    rules = {}
    for name, wanted in {"b": [b], "W": [W], "W and b": [W, b], "all": [x, W, b]}.items():
        x.detach_()
        W.detach_()
        b.detach_()
        for t in wanted:
            t.requires_grad_()
        loss = f(x, W, b).sum()
        f.points.clear()
        with lg.record() as report:
            loss.backward()
        rules[name] = report.rules_run
    assert rules == {"b": 2, "W": 3, "W and b": 4, "all": 5}  # tanh and +, then one for each that is asked


def test_inputs_asked_for_are_a_selection():
    x, W, b = CASES["layer"][1]()
    c = 2 * b
    f = function(dense)
    for wanted, rules in [([c], 2), ([W], 2), ([b], 0), ([x, b], 1), ([x, W, b], 0)]:
        loss = f(x, W, c).sum()
        with lg.record() as report:
            torch.autograd.grad(loss, wanted, retain_graph=True)
        assert report.rules_run == rules  # those of tanh and + once; then what is new
    loss = f(x, 2 * W.detach(), c).sum()
    with lg.record() as report:
        loss.backward(inputs=[b])
    assert report.rules_run == 2
    assert x.grad is None


def test_torch_func_selects_as_well():
    x, W, b = (t.detach() for t in CASES["layer"][1]())
    f = function(dense)
    for argnums, rules in [(2, 2), (1, 3), ((0, 1, 2), 5)]:
        f.points.clear()
        with lg.record() as report:
            torch.func.grad(lambda *a: f(*a).sum(), argnums)(x, W, b)
        assert report.rules_run == rules


def test_forward_values_that_no_rule_reads_are_not_computed():
    def f(W, a, x):
        return np.sum(W * a) + np.sum(np.sinh(np.exp(x)))

    W, a, x = randn(3), randn(3, seed=1, requires_grad=False), randn(3, seed=2, requires_grad=False)
    ours = function(f)
    loss = ours(W, a, x)
    ours.points.clear()  # as if other points had been asked in between
    with lg.record() as report:
        loss.backward()
    assert forwards(report) == []
    assert torch.equal(W.grad, a)


def test_a_result_that_nobody_uses_costs_nothing():
    f = function(lambda x: {"near": np.sum(x * x), "far": np.sum(np.exp(np.sin(x)))})
    x = randn(3)
    out = f(x)
    with lg.record() as report:
        out["near"].backward()
    assert report.rules_run == 3  # sum, and both inputs of the product
    torch.testing.assert_close(x.grad, 2 * x.detach())


def test_one_memo_for_all_orders_at_a_point():
    f = function(lambda x: np.sum(np.exp(np.sin(x))))
    x = randn(4)
    with lg.record() as first:
        y = f(x)
    assert forwards(first) == ["sin", "exp", "sum"]
    with lg.record() as later:
        (g,) = torch.autograd.grad(y, x, create_graph=True)
        (h,) = torch.autograd.grad(g.sum(), x)
        again = f(x)
    assert not {i.serial for i in first.values.computed} & {i.serial for i in later.values.computed}
    torch.testing.assert_close(again, y)
    native = torch.func.hessian(lambda x: torch.exp(torch.sin(x)).sum())(x.detach())
    torch.testing.assert_close(h, native.sum(0))
    with lg.record() as repeat:
        torch.autograd.grad(f(x), x)
    assert (repeat.values.misses, repeat.rules_run) == (0, 0)


def test_a_jacobian_evaluates_the_function_once():
    x = randn(5, requires_grad=False)
    f = function(lambda x: np.tanh(x) * x[::-1])
    with lg.record() as report:
        jacobian = torch.func.jacrev(f)(x)
    assert forwards(report).count("tanh") == 1
    assert (f.statistics.schedules, f.statistics.misses) == (1, 1)
    assert f.statistics.evaluations == {"value": 1, "vjp": 5}
    torch.testing.assert_close(jacobian, torch.func.jacrev(lambda x: torch.tanh(x) * x.flip(0))(x))


@pytest.mark.parametrize(("points", "again"), [(1, 3), (2, 3), (3, 0)])
def test_points_are_how_many_calls_wait_for_their_gradient(points, again):
    f = function(lambda x, W: np.exp(x @ W), points=points)
    W = randn(2, 2)
    xs = [randn(1, 2, seed=k, requires_grad=False) for k in range(3)]
    loss = sum(f(x, W).sum() for x in xs)
    with lg.record() as report:
        loss.backward()
    assert forwards(report).count("exp") <= again
    assert (forwards(report).count("exp") == 0) == (again == 0)
    (native,) = torch.autograd.grad(sum(torch.exp(x @ W).sum() for x in xs), W)
    torch.testing.assert_close(W.grad, native)


def test_a_changed_parameter_costs_what_it_reaches():
    def net(x, W1, W2):
        return np.sum(np.tanh(x @ W1) @ W2)

    f = function(net, points=1)
    x, W1, W2 = randn(4, 3, requires_grad=False), randn(3, 5, requires_grad=False), randn(5, 2)
    f(x, W1, W2).backward()
    for _ in range(3):
        with torch.no_grad():
            W2 -= 0.1 * W2.grad
        with lg.record() as report:
            f(x, W1, W2).backward()
        assert forwards(report) == ["matmul", "sum"]  # and not what the frozen layer gives
        assert report.rules_run == 0  # dL/dW2 reads the first layer alone


def test_branches_are_taken_anew():
    f = function(lambda x: 2 * x if x.sum() > 0 else x**3)
    for value, slope in [(1.0, 2.0), (-2.0, 12.0), (3.0, 2.0), (-1.0, 3.0), (0.5, 2.0)]:
        x = torch.tensor([value], requires_grad=True)
        f(x).backward()
        assert x.grad.tolist() == [slope]


def test_structures_are_traced_once_each():
    f = function(lambda p, x, scale=1.0: {"out": np.sum(p["W"] * x) * scale, "note": "as it is"})
    W = randn(3)
    for shape in [(3,), (2, 3), (3,), (2, 3)]:
        for _ in range(3):
            out = f({"W": W}, np.ones(shape), scale=2.0)
            assert out["note"] == "as it is"
            (g,) = torch.autograd.grad(out["out"], W)
            assert g.tolist() == [2.0 * np.prod(shape) / 3] * 3
    assert f.statistics.schedules == 2


def test_the_third_plain_number_in_one_place_is_warned_of():
    f = function(lambda x, rate: np.sum(x * rate))
    x = torch.ones(2, dtype=torch.float64)
    assert f(x, 0.1) == 0.2
    assert f(x, 0.2) == 0.4
    with pytest.warns(UserWarning, match=r"argument rate of <lambda> is a Python number.*pass np\.float64\(0\.1\)"):
        f(x, 0.3)
    assert f(x, 0.4) == 0.8
    assert f.statistics.schedules == 4
    moving = function(lambda x, rate: np.sum(x * rate))
    for k in range(9):
        assert moving(x, torch.tensor(0.5 * k)) == moving(x, np.float64(0.5 * k)) == k
    assert moving.statistics.schedules <= 4
