r"""Tomassoli, section 13, step by step: three weights, and no derivative computed twice.

The graph, from the inputs on the left to the loss L on the right::

        f     W1
         \   /
           g ------------------> L
                                 ^
    x --> e --> c --> b ---------+
          ^     ^\    ^
          W3   W2 d   a

Only dL/dW1, dL/dW2 and dL/dW3 are wanted. So nobody needs a derivative by the inputs `f`, `x` and `a`;
and `d`, which is built on `c` but does not lead to L, is not even evaluated.

Run it with ``python examples/tomassoli.py``.
"""

import numpy as np

import lazygrad as lg


def named(name, node):
    """Give a node the name that reports show."""
    node.name = name
    return node


def main():
    """Build the graph and ask for the three derivatives, one after the other."""
    # The leaves: three weights, and three inputs that nobody wants a derivative of.
    W1 = lg.parameter(3.0, name="W1")
    W2 = lg.parameter(-1.0, name="W2")
    W3 = lg.parameter(0.5, name="W3")
    f, x, a = lg.constant(2.0, name="f"), lg.constant(4.0, name="x"), lg.constant(5.0, name="a")

    # The graph. These lines compute nothing.
    g = named("g", W1 * f)
    e = named("e", W3 * x)
    c = named("c", W2 * e)
    b = named("b", c * a)
    d = named("d", np.exp(c))  # another consumer of c, which L does not need
    L = named("L", g * b)

    print("The forward phase: L asks for what it needs, and each value is computed once.")
    with lg.record() as forward:
        print(f"L = {L.value:g}")
    print("values computed:", ", ".join(node.name for node in forward.values.computed))
    print("nobody needs d: ", d)

    # In the traces, "A -> B" means "compute A and store it in B", "A <- B" means "read A from B".
    # What a step needs stands indented below it: the local derivatives and the derivatives further on.
    reports = []
    for weight in (W1, W2, W3):
        with lg.record() as report:
            derivative = lg.gradient(L, weight)
        print(f"\ndL/d{weight.name} = {derivative:g}")
        print(report.trace())
        reports.append(report)

    print("\ndL/dc was computed once, for W2, and read from the table for W3. All that was computed:")
    print("derivatives:", ", ".join(node.name for report in reports for node in report.adjoints.computed))
    print("new values: ", sum(report.values.misses for report in reports))

    print("\nThe request for dL/dW3 in numbers; its one adjoint hit is dL/dc:")
    print(reports[-1])


if __name__ == "__main__":
    main()
