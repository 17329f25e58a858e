"""A NumPy loss inside a JAX program: JAX asks only for what it moves, and lazygrad computes only that.

A small network is trained by JAX, block by block. Its loss is written with NumPy and counts which of its derivatives
run. Run it with ``pip install "lazygrad[jax]"`` and ``python examples/jax_perturbed.py``.
"""

from collections import Counter

import numpy as np

import lazygrad as lg

try:
    import jax
except ImportError:
    raise SystemExit('This example needs JAX: pip install -e ".[jax]"') from None
import jax.numpy as jnp

from lazygrad.plugins.jax import function

jax.config.update("jax_enable_x64", True)
ran = Counter()


def counted(name, answer):
    """Count which rules run."""
    ran[name] += 1
    return answer


layer = lg.primitive(
    lambda W, x: counted("layer", np.tanh(x @ W)),
    vjp={
        "W": lambda g, out, x: counted("by weights", np.swapaxes(x, 0, 1) @ (g * (1 - out * out))),
        "x": lambda g, out, W: counted("by input", (g * (1 - out * out)) @ W.T),
    },
    shape=lambda W, x: (x.shape[0], W.shape[1]),
    name="layer",
)


def loss(p, x, y):
    """Mean squared error of two layers, written with NumPy."""
    return np.mean((layer(p["W2"], layer(p["W1"], x)) - y) ** 2)


def asked(what, answer):
    """Show what ran for an answer."""
    jax.block_until_ready(answer)
    print(f"{what}: {', '.join(f'{n} {name}' for name, n in sorted(ran.items())) or 'nothing'}")
    ran.clear()
    return answer


def main():
    """Ask for gradients in the ways of JAX, train, and take a product with the Hessian."""
    rng = np.random.default_rng(0)
    x = jnp.array(rng.normal(size=(64, 5)))
    y = jnp.array(np.sin(x @ rng.normal(size=(5, 1))))
    p = {"W1": jnp.array(rng.normal(size=(5, 8)) / 3), "W2": jnp.array(rng.normal(size=(8, 1)) / 3)}
    f = function(loss)

    print("What runs for each question, all at one point:")
    asked("the value", f(p, x, y))
    asked("by the last block alone", jax.grad(lambda W2: f({**p, "W2": W2}, x, y))(p["W2"]))
    asked("by both blocks", jax.grad(f)(p, x, y))
    asked("by the data", jax.grad(f, argnums=1)(p, x, y))
    asked("by both blocks, again", jax.grad(f)(p, x, y))

    print("\nAt a new point, compiled, only one gradient used:")
    moved = jax.tree.map(lambda W: 0.9 * W, p)
    asked("the last block's", jax.jit(lambda p: jax.grad(f)(p, x, y)["W2"])(moved))

    def step(W2, _):
        value, slope = jax.value_and_grad(lambda W2: f({**p, "W2": W2}, x, y))(W2)
        return W2 - 0.3 * slope, value

    print("\nTrained in a compiled loop, by the last block alone:")
    _, values = asked("30 steps", jax.lax.scan(step, p["W2"], None, length=30))
    print(f"loss: {values[0]:.4f} -> {values[-1]:.4f}")

    v = jax.tree.map(jnp.ones_like, p)
    product = jax.jvp(lambda p: jax.grad(f)(p, x, y), (p,), (v,))[1]
    theirs = jax.jvp(jax.grad(lambda p: jnp.mean((jnp.tanh(jnp.tanh(x @ p["W1"]) @ p["W2"]) - y) ** 2)), (p,), (v,))[1]
    agree = all(np.allclose(product[k], theirs[k]) for k in p)
    print(f"\nThe Hessian's product with a vector is that of JAX itself: {agree}")


if __name__ == "__main__":
    main()
