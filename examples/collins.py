"""Collins' course notes on computational graphs, with his numbers: examples 1 to 5 and figure 1.4.

Run it with ``python examples/collins.py``.
"""

import numpy as np

import lazygrad as lg


def named(name, node):
    """Give a node the name that reports show."""
    node.name = name
    return node


def local_jacobian(j, i):
    """J^{j->i}: the derivative of node i by its input j, the other inputs held fixed (section 1.4.1).

    With i itself as the target, it is what the edge from j to i contributes.
    """
    (edge,) = [c for c in lg.differentiator(i).contributions(j) if c.consumer is i]
    return edge.value


def examples_1_to_5():
    """Return the graph of figure 1.2: u3 = u1 + u2 and u4 = u2 * u3, at u1 = 2 and u2 = 3."""
    print("Example 1: a computational graph (figure 1.2)")
    u1 = lg.parameter(2.0, name="u1")
    u2 = lg.parameter(3.0, name="u2")
    u3 = named("u3", u1 + u2)
    u4 = named("u4", u2 * u3)
    edges = [(j, i) for i in (u3, u4) for j in i.inputs]
    print("E =", ", ".join(f"({j.name}, {i.name})" for j, i in edges))

    print("\nExample 2: the forward algorithm")
    print(f"u4 = {u4.value:g}, on the way u3 = {u3.value:g}")

    print("\nExample 3: the local Jacobian of each edge")
    for j, i in edges:
        print(f"J {j.name}->{i.name} = {local_jacobian(j, i):g}")

    print("\nExample 4: backpropagation; P^j is the adjoint of u4 at u^j")
    for j in (u4, u3, u2, u1):
        print(f"P{j.name[1]} = {lg.gradient(u4, j):g}")

    print("\nExample 5: two paths lead from u2 to u4, and P2 is the sum over both")
    terms = lg.differentiator(u4).contributions(u2)
    for term in terms:
        print(f"through {term.consumer.name}: {term.value:g}")
    print("P2 =", " + ".join(f"{term.value:g}" for term in terms), f"= {sum(term.value for term in terms):g}")


def central_difference(o, leaf, step=1e-6):
    """D o / d leaf by changing one element of the leaf at a time: slow, but it knows no calculus."""
    start = leaf.value
    slopes = np.zeros(leaf.shape)
    for k in np.ndindex(leaf.shape):
        ends = []
        for sign in (1, -1):
            moved = start.copy()
            moved[k] += sign * step
            leaf.set(moved)  # what depends on the leaf becomes stale ...
            ends.append(o.value)  # ... and is computed anew, because it is asked for
        slopes[k] = (ends[0] - ends[1]) / (2 * step)
    leaf.set(start)
    return slopes


def figure_1_4():
    """Return the network of section 1.2.5: o = -log p(y | x; W, b, V, gamma) with one hidden layer."""
    print("\nFigure 1.4: a network with a single hidden layer")
    rng = np.random.default_rng(0)
    d, m, K = 3, 4, 5  # inputs, neurons, labels

    # The leaves. Collins counts labels from 1; arrays count from 0.
    W = lg.parameter(rng.normal(size=(m, d)), name="W")
    b = lg.parameter(rng.normal(size=m), name="b")
    V = lg.parameter(rng.normal(size=(K, m)), name="V")
    gamma = lg.parameter(rng.normal(size=K), name="gamma")
    x = lg.constant(rng.normal(size=d), name="x")
    y = lg.constant(2, name="y")

    # The network, with the names of the figure.
    z = named("z", W @ x + b)
    h = named("h", np.tanh(z))
    l = named("l", V @ h + gamma)  # noqa: E741 (his name for the logits)
    q = named("q", lg.ops.log_softmax(l))
    o = named("o", -lg.ops.pick(q, y))
    print(f"o = {o.value:.6f}")

    # Each of the four gradients, checked against central differences.
    for leaf in (W, b, V, gamma):
        gradient = lg.gradient(o, leaf)
        error = abs(gradient - central_difference(o, leaf)).max()
        verdict = "agrees" if error < 1e-8 else "DIFFERS"
        print(f"do/d{leaf.name} of shape {gradient.shape} {verdict} with the central difference")

    # For gamma there is a closed form: softmax(l), minus 1 at the label.
    closed = np.exp(q.value)
    closed[y.value] -= 1
    verdict = "agrees" if np.allclose(lg.gradient(o, gamma), closed, rtol=0, atol=1e-12) else "DIFFERS"
    print(f"do/dgamma {verdict} with softmax(l) - e_y")

    # A label is discrete, so its edge has no Jacobian (section 1.4.4): it is blocked. That hinders none of the
    # others, and is an error only for who asks for it.
    print("does a derivative flow from y to o?", lg.differentiator(o).is_connected(y))
    try:
        lg.gradient(o, y)
    except lg.NotDifferentiableError as error:
        print(f"NotDifferentiableError: {error}")


if __name__ == "__main__":
    examples_1_to_5()
    figure_1_4()
