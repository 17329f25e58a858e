"""A PyTorch module with a layer written in NumPy, trained by torch's own loop.

A small network learns sin(2x) + x/2. Its last layer is a NumPy function, a sum of Gaussian bumps, whose gradients
torch asks of lazygrad; the first is torch's. Then all is frozen but the heights of the bumps: what torch does not ask
for is not computed, and what has not changed is not computed again.

Run it with ``python examples/torch_module.py``; it takes a few seconds.
"""

import numpy as np

try:
    import torch
except ImportError:
    raise SystemExit('This example needs PyTorch: pip install -e ".[torch]"') from None

import lazygrad as lg
from lazygrad.plugins.torch import Layer, function

BUMPS, STEPS = 12, 100


def bumps(p, x):
    """Return a sum of Gaussian bumps: x of shape (n, 1) -> (n, 1)."""
    distance = (x - p["places"]) / p["widths"]
    return np.exp(-(distance**2)) @ p["heights"]


def squared_error(prediction, y):
    """NumPy again: a loss is a function of tensors, too."""
    return np.mean((prediction - y) ** 2)


def main():
    """Train all parameters, then the heights of the bumps alone."""
    torch.manual_seed(0)
    x = torch.linspace(-3, 3, 100, dtype=torch.float64)[:, None]
    y = torch.sin(2 * x) + x / 2
    start = {"places": np.linspace(-3, 3, BUMPS), "widths": np.ones(BUMPS), "heights": np.zeros((BUMPS, 1))}
    layer = Layer(bumps, start)
    net = torch.nn.Sequential(torch.nn.Linear(1, 1, dtype=torch.float64), layer)
    loss_of = function(squared_error)
    print(net)

    def train():
        """Torch's usual loop; what its last step computed."""
        optimiser = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=0.05)
        for _ in range(STEPS):
            optimiser.zero_grad()
            with lg.record() as report:
                loss = loss_of(net(x), y)
                loss.backward()
            optimiser.step()
        counts = f"{report.values.misses} values, {report.rules_run} rules"
        return f"loss {loss.item():.5f}; each step computes {counts}"

    print(f"all parameters: {train()}")
    for parameter in (*net[0].parameters(), layer.places, layer.widths):
        parameter.requires_grad_(False)
    print(f"the heights alone: {train()}")
    print(layer.call)

    def loss_by(heights):
        return loss_of(layer.call({**dict(layer.named_parameters()), "heights": heights}, net[0](x)), y)

    hessian = torch.func.jacrev(torch.func.grad(loss_by))(layer.heights.detach()).reshape(BUMPS, BUMPS)
    curvatures = torch.linalg.eigvalsh(hessian)
    print(f"curvatures of the loss by the heights: {curvatures.min():.1e} to {curvatures.max():.1e}")


if __name__ == "__main__":
    main()
