"""A user's script full of mistakes, each of which is flagged."""

import math

import lazygrad as lg

W = lg.parameter([1.0, 2.0], name="W")
L = (W * W).sum()

lg.parameter("x")  # E: mypy[arg-type] pyright[reportArgumentType]
lg.parameter(W)  # E: mypy[arg-type] pyright[reportArgumentType]
lg.parameter([1.0], name=3)  # E: mypy[arg-type] pyright[reportArgumentType]
W.set("x")  # E: mypy[arg-type] pyright[reportArgumentType]
W.value = "x"  # E: mypy[assignment] pyright[reportAttributeAccessIssue]
lg.gradient(L, 3)  # E: mypy[call-overload] pyright[reportCallIssue]
lg.gradient("L", W)  # E: mypy[call-overload] pyright[reportCallIssue]
lg.gradient(L, [3])  # E: mypy[type-var] pyright[reportCallIssue]
lg.gradient(L, W, unconnected="zeros")  # E: mypy[call-overload] pyright[reportCallIssue]
lg.adjoint(L, 3)  # E: mypy[arg-type] pyright[reportArgumentType]
lg.differentiator(L).gradient(3)  # E: mypy[call-overload] pyright[reportCallIssue]
lg.grad(3)  # E: mypy[call-overload] pyright[reportCallIssue]
lg.grad(abs, "x")  # E: mypy[arg-type] pyright[reportCallIssue]
lg.compile(3)  # E: mypy[call-overload] pyright[reportCallIssue]
float(W)  # E: mypy[arg-type] pyright[reportArgumentType]
int(W)  # E: mypy[call-overload] pyright[reportArgumentType]
complex(W)  # E: mypy[call-overload] pyright[reportArgumentType]
range(W)  # E: mypy[call-overload] pyright[reportArgumentType]
math.sin(W)  # E: mypy[arg-type] pyright[reportArgumentType]
[1, 2][W]  # E: mypy[call-overload] pyright[reportArgumentType]
W[0] = 1.0  # E: mypy[index] pyright[reportIndexIssue]
W + "x"  # E: mypy[operator] pyright[reportOperatorIssue]
W.summ()  # E: mypy[attr-defined] pyright[reportAttributeAccessIssue]
W.sum(axis="x")  # E: mypy[arg-type] pyright[reportArgumentType]
W.reshape("x")  # E: mypy[arg-type] pyright[reportArgumentType]
lg.gradient(L, W).upper()  # E: mypy[attr-defined] pyright[reportAttributeAccessIssue]
