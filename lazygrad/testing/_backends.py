"""The questions that every backend has to answer, checked by closed forms, never by another backend."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import numpy as np

from .._errors import ShapeError
from .._graph.trees import leaves, list_places, structure_key
from ..backend._backend import Backend
from ..backend._prepare import prepare
from ..backend._prepared import Prepared
from ..backend._registry import get

__all__ = ["check_backend"]

A = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]])
X = np.array([0.5, -1.0, 2.0])
AT = {"a": X, "b": np.array(1.5)}
ELSEWHERE = {"a": np.array([1.0, 0.25, -0.5]), "b": np.array(-2.0)}


@attrs.frozen
class _BackendUnderTest:
    """A backend with its tolerances, and the functions that it is tried with."""

    backend: Backend
    rtol: float
    atol: float

    @property
    def xp(self) -> Any:
        """Return the module of functions on its arrays."""
        return self.backend.namespace

    def prepare(self, f: Callable[..., Any], *example: Any, **options: Any) -> Prepared:
        """Prepare a function with this backend."""
        return prepare(f, *example, backend=self.backend, **options)

    def assert_equal(self, found: Any, expected: Any) -> None:
        """Raise AssertionError unless structure, shapes, dtypes and numbers agree and arrays are read-only."""
        if structure_key(found) != structure_key(expected):
            raise AssertionError(
                f"the answer has leaves at {list_places(found)}, expected {list_places(expected)}: {found}"
            )
        for place, a, b in zip(list_places(found), leaves(found), leaves(expected), strict=True):
            if not isinstance(a, np.ndarray):
                raise AssertionError(f"the answer{place} is a {type(a).__name__}, expected an array")
            b = np.asarray(b)
            if (a.shape, a.dtype) != (b.shape, b.dtype):
                raise AssertionError(f"the answer{place} has {a.shape} and {a.dtype}, expected {b.shape} and {b.dtype}")
            if a.flags.writeable:
                raise AssertionError(f"the answer{place} can be written to, expected a read-only array")
            np.testing.assert_allclose(a, b, rtol=self.rtol, atol=self.atol, err_msg=f"the answer{place}")

    def prepare_wave(self) -> Prepared:
        """Prepare ``b sum(sin a) + a.a``: a number that is a function of a dict."""
        xp = self.xp
        return self.prepare(lambda w: (xp.sin(w["a"]) * w["b"]).sum() + (w["a"] * w["a"]).sum(), AT)

    def prepare_pair(self, **options: Any) -> Prepared:
        """Prepare two outputs of two arguments; the matrix between them does not move."""
        return self.prepare(
            lambda x, m, c: {"y": (m @ x) * (m @ x) * c, "s": (x * x).sum()}, X, A, np.array(2.0), wrt=(0, 2), **options
        )


def _solve_wave(w: Any) -> tuple[Any, dict[str, Any]]:
    """Return value and gradient of the wave in closed form."""
    a, b = w["a"], w["b"]
    return (np.sin(a) * b).sum() + a @ a, {"a": np.cos(a) * b + 2 * a, "b": np.sin(a).sum()}


def _solve_wave_hvp(w: Any, v: Any) -> dict[str, Any]:
    """Return the product of the wave's Hessian with a vector in closed form."""
    a, b = w["a"], w["b"]
    return {"a": (2 - np.sin(a) * b) * v["a"] + np.cos(a) * v["b"], "b": np.cos(a) @ v["a"]}


def _assert_raises(kind: type[Exception], ask: Callable[[], Any], *words: str) -> None:
    """Raise AssertionError unless a question raises that error, with these words in its message."""
    try:
        found = ask()
    except kind as error:
        if missing := [word for word in words if word not in str(error)]:
            raise AssertionError(f"the message {str(error)!r} does not tell {missing}") from error
        return
    except Exception as error:
        raise AssertionError(f"{type(error).__name__} was raised, expected {kind.__name__}: {error}") from error
    raise AssertionError(f"nothing was raised, expected {kind.__name__}; the answer was {found}")


def _check_value(tested: _BackendUnderTest) -> None:
    p = tested.prepare_wave()
    for w in (AT, ELSEWHERE, AT):
        tested.assert_equal(p.value(w), _solve_wave(w)[0])
    tested.assert_equal(tested.prepare_pair().value(X, A, 2.0), {"y": 2 * (A @ X) ** 2, "s": X @ X})


def _check_gradient(tested: _BackendUnderTest) -> None:
    p = tested.prepare_wave()
    for w in (AT, ELSEWHERE, AT):
        tested.assert_equal(p.gradient(w), _solve_wave(w)[1])
    value, gradient = tested.prepare_wave().value_and_gradient(ELSEWHERE)
    tested.assert_equal([value, gradient], list(_solve_wave(ELSEWHERE)))


def _check_select(tested: _BackendUnderTest) -> None:
    p = tested.prepare_wave()
    expected = _solve_wave(AT)[1]
    for select, chosen in [
        ("b", expected["b"]),
        (0, expected["a"]),
        ("['a']", expected["a"]),
        (["b", "a"], [expected["b"], expected["a"]]),
        ({"first": 1}, {"first": expected["b"]}),
    ]:
        tested.assert_equal(p.gradient(AT, select=select), chosen)
        tested.assert_equal(tested.prepare_wave().gradient(AT, select=select), chosen)
    v = {"a": X + 1, "b": np.array(-1.0)}
    tested.assert_equal(p.hvp(AT, vectors=v, select="b"), _solve_wave_hvp(AT, v)["b"])
    w = {"y": np.ones(2), "s": 0.0}
    tested.assert_equal(tested.prepare_pair().vjp(X, A, 2.0, cotangent=w, select=1), np.sum((A @ X) ** 2))
    _assert_raises(KeyError, lambda: p.gradient(AT, select="c"))
    _assert_raises(IndexError, lambda: p.gradient(AT, select=2))


def _check_vjp(tested: _BackendUnderTest) -> None:
    p = tested.prepare_pair()
    for x, c in ((X, 2.0), (-X + 1, 0.5), (X, 2.0)):
        for wy, ws in ((np.array([1.0, -2.0]), 3.0), (np.array([0.0, 1.0]), 0.0)):
            y = A @ x
            pulled = (2 * c * (wy * y) @ A + 2 * ws * x, wy @ y**2)
            tested.assert_equal(p.vjp(x, A, c, cotangent={"s": ws, "y": wy}), pulled)


def _check_jvp(tested: _BackendUnderTest) -> None:
    p = tested.prepare_pair()
    for x, c in ((X, 2.0), (-X + 1, 0.5)):
        for t in ((np.array([1.0, 0.0, -1.0]), 2.0), (X, 0.0)):
            y = A @ x
            pushed = {"y": 2 * c * y * (A @ t[0]) + y**2 * t[1], "s": 2 * x @ t[0]}
            tested.assert_equal(p.jvp(x, A, c, tangents=t), ({"y": c * y**2, "s": x @ x}, pushed))


def _check_hvp(tested: _BackendUnderTest) -> None:
    p = tested.prepare_wave()
    for w in (AT, ELSEWHERE):
        for v in ({"a": X + 1, "b": np.array(-1.0)}, {"a": np.zeros(3), "b": np.array(1.0)}):
            tested.assert_equal(p.hvp(w, vectors=v), _solve_wave_hvp(w, v))
    pair, vx, wy, ws = tested.prepare_pair(), X + 1, np.array([1.0, -2.0]), 0.5
    for x, c in ((X, 2.0), (-X + 1, 0.5)):  # of more than one number: of its product with a cotangent
        y, t = A @ x, A @ vx
        expected = (2 * A.T @ (wy * (c * t - y)) + 2 * ws * vx, 2 * wy @ (y * t))
        tested.assert_equal(pair.hvp(x, A, c, vectors=(vx, -1.0), cotangent={"y": wy, "s": ws}), expected)


def _check_jacobian(tested: _BackendUnderTest) -> None:
    p = tested.prepare_pair()
    for x, c in ((X, 2.0), (-X + 1, 0.5)):
        y = A @ x
        rows = {"y": (2 * c * y[:, None] * A, y**2), "s": (2 * x, np.array(0.0))}
        tested.assert_equal(p.jacobian(x, A, c), rows)
        tested.assert_equal(p.jacobian(x, A, c, select=[1]), {name: [row[1]] for name, row in rows.items()})
    wide = tested.prepare(lambda x: (x * x).sum(), X)
    tested.assert_equal(wide.jacobian(X), 2 * X)
    tall = tested.prepare(lambda t: t * t * t, X[:1])
    tested.assert_equal(tall.jacobian(X[:1]), 3 * X[:1, None] ** 2)


def _check_points(tested: _BackendUnderTest) -> None:
    p = tested.prepare_wave()
    moving = {"a": X.copy(), "b": np.array(1.5)}
    first = p.gradient(moving)
    moving["a"][:] = ELSEWHERE["a"]  # what was given may be changed
    tested.assert_equal(first, _solve_wave(AT)[1])
    tested.assert_equal(p.gradient(moving), _solve_wave({"a": ELSEWHERE["a"], "b": AT["b"]})[1])
    tested.assert_equal(p.value(), _solve_wave({"a": ELSEWHERE["a"], "b": AT["b"]})[0])  # the present point
    counts = tested.prepare_wave()
    for w in (AT, {"a": X.copy(), "b": 1.5}, ELSEWHERE, AT):
        counts.value(w)
    if (found := (counts.statistics.points.hits, counts.statistics.points.misses)) != (2, 2):
        raise AssertionError(f"two points, one of them three times, count as (hits, misses) = {found}, expected (2, 2)")
    inverse = tested.prepare(lambda x: (1.0 / x).sum(), np.ones(1))
    with np.errstate(divide="ignore"):
        for x in (0.0, -0.0, 0.0):  # equal, but not the same bytes
            tested.assert_equal(inverse.value(np.array([x])), np.array(np.copysign(np.inf, x)))
    missing = np.array([np.nan])
    tested.assert_equal([inverse.value(missing), inverse.value(missing.copy())], [np.array(np.nan), np.array(np.nan)])
    if (hits := inverse.statistics.points.hits) != 2:
        raise AssertionError(f"0.0 again and nan again are 2 hits, but {hits} were counted")


def _check_unconnected(tested: _BackendUnderTest) -> None:
    p = tested.prepare(lambda x, y: (x * x).sum(), X, np.ones((2, 2)), wrt=(0, 1))
    tested.assert_equal(p.gradient(X, np.ones((2, 2))), (2 * X, np.zeros((2, 2))))
    tested.assert_equal(p.hvp(X, np.ones((2, 2)), vectors=(X, np.ones((2, 2)))), (2 * X, np.zeros((2, 2))))
    tested.assert_equal(p.jacobian(X, np.ones((2, 2)), select=1), np.zeros((2, 2)))


def _check_dtype(tested: _BackendUnderTest) -> None:
    x = X.astype(np.float32)
    p = tested.prepare(lambda x: (x * x * x).sum(), x)
    loose = attrs.evolve(tested, rtol=max(tested.rtol, 1e-4), atol=max(tested.atol, 1e-4))
    loose.assert_equal([p.value(x), p.gradient(x)], [(x**3).sum(), 3 * x**2])
    loose.assert_equal(p.hvp(x, vectors=x), 6 * x**2)
    loose.assert_equal(p.jvp(x, tangents=x), ((x**3).sum(), 3 * (x**3).sum()))


def _check_shapes(tested: _BackendUnderTest) -> None:
    square = tested.prepare(lambda x: (x * x).sum(), np.array(1.0))
    tested.assert_equal(square.gradient(3.0), np.array(6.0))
    tested.assert_equal(square.jacobian(3.0), np.array(6.0))
    for shape in ((0,), (2, 0), (1, 1), (2, 1, 3)):
        x = np.full(shape, 2.0)
        p = tested.prepare(lambda x: (x * x).sum(), x)
        tested.assert_equal([p.value(x), p.gradient(x)], [np.sum(x * x), 2 * x])
        tested.assert_equal(p.hvp(x, vectors=x), 2 * x)
        tested.assert_equal(p.jvp(x, tangents=x)[1], np.sum(2 * x * x))


def _check_refusals(tested: _BackendUnderTest) -> None:
    p = tested.prepare_wave()
    _assert_raises(ShapeError, lambda: p.value({"a": X[:2], "b": 1.5}), "['a']", "(2,)", "(3,)")
    _assert_raises(TypeError, lambda: p.gradient({"a": X.astype(np.float32), "b": 1.5}), "['a']", "float32", "float64")
    _assert_raises(TypeError, lambda: p.value({"a": X.astype(object), "b": 1.5}), "['a']", "object")
    _assert_raises(TypeError, lambda: p.value({"a": X}), "['b']")
    _assert_raises(TypeError, lambda: p.value(AT, AT), "1", "2")
    _assert_raises(TypeError, lambda: p.hvp(AT, vectors={"a": X}), "vector")
    _assert_raises(ShapeError, lambda: p.hvp(AT, vectors={"a": X[:2], "b": 0.0}), "vector", "['a']", "(2,)", "(3,)")
    pair = tested.prepare_pair()
    _assert_raises(TypeError, lambda: pair.gradient(X, A, 2.0), "one number")
    _assert_raises(ShapeError, lambda: pair.jvp(X, A, 2.0, tangents=(X[:1], 0.0)), "tangent", "(1,)", "(3,)")
    _assert_raises(
        ShapeError, lambda: pair.vjp(X, A, 2.0, cotangent={"y": X, "s": 0.0}), "cotangent", "['y']", "(3,)", "(2,)"
    )
    _assert_raises(ShapeError, lambda: pair.value(X, A.T, 2.0), "(3, 2)", "(2, 3)")
    tested.assert_equal(p.gradient(AT), _solve_wave(AT)[1])


def _check_exceptions(tested: _BackendUnderTest) -> None:
    class MineError(Exception):
        pass

    def f(x: Any, mode: str) -> Any:
        if mode == "fail":
            raise MineError("mine")
        return (x * x).sum() if mode == "square" else (x * x * x).sum()

    p = tested.prepare(f, X, "square")
    _assert_raises(MineError, lambda: p.gradient(X, "fail"), "mine")
    tested.assert_equal(p.gradient(X, "square"), 2 * X)
    tested.assert_equal(p.gradient(X, "cube"), 3 * X**2)
    tested.assert_equal(p.gradient(X, "square"), 2 * X)


def _check_threads(tested: _BackendUnderTest) -> None:
    p = tested.prepare_wave()

    def ask(k: int) -> tuple[Any, Any]:
        w = {"a": X + k % 3, "b": np.array(float(k % 2))}
        return w, p.value_and_gradient(w)

    with ThreadPoolExecutor(4) as pool:
        for w, found in pool.map(ask, range(24)):
            tested.assert_equal(found, _solve_wave(w))


def _check_complex(tested: _BackendUnderTest) -> None:
    z, v = np.array([1 + 2j, 3 - 1j]), np.array([1j, 2 - 1j])
    xp = tested.xp
    p = tested.prepare(lambda z: xp.real(z * z * z).sum(), z)  # dL = Re(sum of gradient * dz)
    tested.assert_equal([p.value(z), p.gradient(z)], [(z**3).real.sum(), 3 * z**2])
    tested.assert_equal(p.hvp(z, vectors=v), 6 * z * v)
    tested.assert_equal(p.jvp(z, tangents=v)[1], (3 * z**2 * v).real.sum())
    rotated = tested.prepare(lambda x: x * (1 + 2j), X)
    tested.assert_equal(rotated.value(X), X * (1 + 2j))
    tested.assert_equal(rotated.vjp(X, cotangent=X * 1j), (X * 1j * (1 + 2j)).real)
    tested.assert_equal(rotated.jvp(X, tangents=X)[1], X * (1 + 2j))
    tested.assert_equal(rotated.jacobian(X), np.eye(3) * (1 + 2j))


CHECKS = {
    "value": _check_value,
    "gradient": _check_gradient,
    "select": _check_select,
    "vjp": _check_vjp,
    "jvp": _check_jvp,
    "hvp": _check_hvp,
    "jacobian": _check_jacobian,
    "points": _check_points,
    "unconnected": _check_unconnected,
    "float32": _check_dtype,
    "shapes": _check_shapes,
    "refusals": _check_refusals,
    "exceptions": _check_exceptions,
    "threads": _check_threads,
    "complex": _check_complex,
}


def check_backend(
    backend: str | Backend, *, without: tuple[str, ...] = (), rtol: float = 1e-7, atol: float = 1e-9
) -> None:
    """Put a backend through all checks of the answers that hosts rely on.

    Parameters
    ----------
    backend
        A name or a `lazygrad.backend.Backend`. The functions it is tried with take their names from its `namespace`.
    without
        Checks to leave out: of ``"value"``, ``"gradient"``, ``"select"``, ``"vjp"``, ``"jvp"``, ``"hvp"``,
        ``"jacobian"``, ``"points"``, ``"unconnected"``, ``"float32"``, ``"shapes"``, ``"refusals"``,
        ``"exceptions"``, ``"threads"``, ``"complex"``.
    rtol, atol
        How far numbers may be from the closed forms.

    Raises
    ------
    AssertionError
        With the name of the check, and what was found and expected.
    ValueError
        If a check to leave out does not exist.

    Examples
    --------
    >>> import lazygrad as lg
    >>> check_backend("lazy")
    >>> class Halved(lg.backend.Backend):
    ...     def vjp(self, f, arrays):
    ...         value, pull = lg.vjp(lambda *x: list(f(*x)), *arrays)
    ...         return value, lambda w, wanted: [pull(w)[k] / 2 for k in wanted]
    >>> check_backend(Halved())
    Traceback (most recent call last):
        ...
    AssertionError: the check 'gradient' of Halved failed:
    ...
    """
    if unknown := [name for name in without if name not in CHECKS]:
        raise ValueError(f"there is no check {unknown[0]!r}; checks are {', '.join(CHECKS)}")
    found = get(backend)
    tested = _BackendUnderTest(found, rtol, atol)
    for name, check in CHECKS.items():
        if name in without:
            continue
        title = backend if isinstance(backend, str) else type(found).__name__
        try:
            check(tested)
        except Exception as error:
            raise AssertionError(f"the check {name!r} of {title} failed:\n{type(error).__name__}: {error}") from error
