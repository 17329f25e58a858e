"""Operators, modules and optimisers of PyTorch on functions written with NumPy."""

import copy
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lazygrad as lg

torch = pytest.importorskip("torch")

from lazygrad.plugins.torch import Layer, custom_op, function  # noqa: E402
from tests.helpers.torch_functions import CASES, WARNINGS, dense, dense_torch, named, randn, rosenbrock  # noqa: E402

pytestmark = WARNINGS

dense_op = custom_op("lazygrad_test::dense", dense)
pair_op = custom_op("lazygrad_test::pair", lambda x, y, n=2: (x * np.exp(y), np.sum(x**n)), outputs=2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["dense", "pair"])
def test_opcheck(name, dtype):
    op, case = {"dense": (dense_op, "layer"), "pair": (pair_op, "two results")}[name]
    arguments = tuple(t.detach().to(dtype).requires_grad_() for t in CASES[case][1]())
    results = torch.library.opcheck(op, arguments)
    assert set(results.values()) == {"SUCCESS"}
    assert len(results) == 4


def test_operators_differentiate_to_second_order():
    for op, case in [(dense_op, "layer"), (pair_op, "two results")]:
        assert torch.autograd.gradcheck(op, CASES[case][1]())
        assert torch.autograd.gradgradcheck(op, CASES[case][1]())


def test_operators_select_as_well():
    op = custom_op("lazygrad_test::selected", dense)
    x, W, b = CASES["layer"][1]()
    for wanted, rules in [([b], 2), ([W], 2), ([x], 1), ([W, b], 0)]:
        loss = op(x, W, b).sum()
        with lg.record() as report:
            torch.autograd.grad(loss, wanted)
        assert report.rules_run == rules  # those of tanh and + once; then what is new


def test_operators_in_vmap_and_compiled_code():
    x, W, b = (t.detach() for t in CASES["layer"][1]())
    batched = torch.func.vmap(dense_op, in_dims=(0, None, None))(x, W, b)
    torch.testing.assert_close(batched, dense_torch(x, W, b))
    product, total = torch.func.vmap(pair_op)(x, x)
    torch.testing.assert_close((product, total), (x * x.exp(), x.square().sum(1)))
    W.requires_grad_()
    compiled = torch.compile(lambda W: dense_op(x, W, b).sum(), backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(torch.autograd.grad(compiled(W), W), torch.autograd.grad(dense_torch(x, W, b).sum(), W))


def test_functions_in_compiled_code():
    f = function(np.tanh)
    x = randn(3)
    compiled = torch.compile(lambda x: (f(3 * x) * 2).sum(), backend="eager")
    expected = torch.autograd.grad((torch.tanh(3 * x) * 2).sum(), x)
    torch.testing.assert_close(torch.autograd.grad(compiled(x), x), expected)


def test_operators_that_cannot_be():
    with pytest.raises(TypeError, match="fixed number of tensors"):
        custom_op("lazygrad_test::any", lambda *x: x[0])
    wrong = custom_op("lazygrad_test::wrong", lambda x: (x, x))
    with pytest.raises(ValueError, match=r"returned 2 arrays, but .* outputs=1"):
        wrong(torch.ones(2))


def test_a_layer_is_a_module():
    W = torch.nn.Parameter(randn(3, 2).detach())
    layer = Layer(named, {"W": W, "b": lg.parameter(np.ones(2, np.float32))})
    assert layer.W is W
    assert [(name, p.dtype) for name, p in layer.named_parameters()] == [("W", torch.float64), ("b", torch.float32)]
    assert repr(layer) == "Layer(named, W: (3, 2), b: (2,))"
    x = randn(4, 3, requires_grad=False)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(twin(x), layer(x))
        with torch.no_grad():
            twin.W += 1
        assert not torch.equal(twin(x), layer(x))
        twin.load_state_dict(layer.state_dict())
        torch.testing.assert_close(twin(x), layer(x))
    assert layer.double()(x).dtype is torch.float64


def test_a_layer_takes_what_torch_puts_in_place_of_its_parameters():
    layer = Layer(named, {"W": np.ones((3, 2)), "b": np.ones(2)})
    x, W, b = (t.detach() for t in CASES["layer"][1]())
    torch.testing.assert_close(torch.func.functional_call(layer, {"W": W, "b": b}, x), dense_torch(x, W, b))

    class Doubled(torch.nn.Module):
        def forward(self, W):
            return 2 * W

    torch.nn.utils.parametrize.register_parametrization(layer, "W", Doubled())
    torch.testing.assert_close(layer(x).detach(), dense_torch(x, 2 * torch.ones_like(W), torch.ones_like(b)))
    layer(x).sum().backward()
    assert layer.parametrizations.W.original.grad.shape == (3, 2)


def test_training_agrees_with_torch():
    x, y = randn(8, 3, requires_grad=False), randn(8, 2, seed=1, requires_grad=False)
    native = torch.nn.Linear(3, 2, dtype=torch.float64)
    layer = Layer(named, {"W": native.weight.detach().T, "b": native.bias})
    layer.b = torch.nn.Parameter(native.bias.detach().clone())
    for net in (native, layer):
        optimiser = torch.optim.Adam(net.parameters(), lr=0.1)
        for _ in range(10):
            optimiser.zero_grad()
            out = torch.tanh(net(x)) if net is native else net(x)
            (out - y).square().sum().backward()
            optimiser.step()
    torch.testing.assert_close(layer.W.detach(), native.weight.detach().T)
    torch.testing.assert_close(layer.b.detach(), native.bias.detach())


def test_a_frozen_parameter_is_not_asked():
    layer = Layer(named, {"W": np.ones((3, 2)), "b": np.ones(2)})
    layer.W.requires_grad_(False)
    loss = layer(randn(4, 3, requires_grad=False)).sum()
    with lg.record() as report:
        loss.backward()
    assert report.rules_run == 2
    assert layer.W.grad is None


def test_lbfgs_finds_what_scipy_finds():
    optimize = pytest.importorskip("scipy.optimize")
    start = np.linspace(-1, 1, 10)
    x = torch.tensor(start, requires_grad=True)
    f = function(rosenbrock)
    optimiser = torch.optim.LBFGS(
        [x], max_iter=200, tolerance_grad=1e-10, tolerance_change=0, line_search_fn="strong_wolfe"
    )
    asked = []

    def closure():
        optimiser.zero_grad()
        loss = f(x)
        loss.backward()
        asked.append(x.detach().numpy().tobytes())
        return loss

    with lg.record() as report:
        optimiser.step(closure)
    found = optimize.minimize(
        lg.value_and_grad(rosenbrock), start, jac=True, method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-10}
    )
    np.testing.assert_allclose(x.detach().numpy(), found.x, rtol=1e-7)
    np.testing.assert_allclose(found.x, np.ones(10), rtol=1e-7)
    sums = [i for i in report.values.computed if i.op.name == "sum"]
    assert len(sums) == f.statistics.misses == len(set(asked))  # each point once, though value and gradient are asked
    assert f.statistics.schedules == 2


def test_the_example():
    example = Path(__file__).parents[2] / "examples" / "torch_module.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    steps = re.findall(r"^(.*): loss (.*); each step computes (\d+) values, (\d+) rules$", done.stdout, re.M)
    (_, first, *everything), (_, last, *heights) = steps
    assert float(last) < float(first) < 0.01
    assert (everything, heights) == (["9", "11"], ["4", "3"])
    assert "schedules=2, hits=200, misses=200" in done.stdout
