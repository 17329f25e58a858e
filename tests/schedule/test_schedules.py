"""Schedules against the walk of the memo: every op, random graphs, every form that a schedule can take."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
import numpy as np
import pytest

import lazygrad as lg
from lazygrad._query.differentiator import Differentiator
from lazygrad._schedule import schedule as _schedule
from lazygrad._schedule.forms import batches
from lazygrad._schedule.forms.batches import Batches, write_batches
from lazygrad._schedule.forms.loop import Loop, write_loop
from lazygrad._schedule.forms.numbers import Numbers, Tape, has_only_numbers, write_numbers, write_tape
from lazygrad._schedule.forms.order import find_out_of_order
from lazygrad._schedule.forms.straight import Straight, write_straight
from lazygrad._schedule.program import Program
from tests.cases.op_table import TABLE
from tests.helpers.op_checks import Case, draw_direction, make_generator
from tests.helpers.random_graphs import build, random_dag, same_bits

# Rules that NumPy and SciPy read otherwise on arrays than as ops, in the last bits: a number of no axes as an exponent,
# and a function of SciPy's that computes in double precision what was given in single.
TWO_READINGS = ("power", "np.power", "scipy.special.stdtr", "of SciPy t.")


# -- every op ------------------------------------------------------------------------------------------


def leaf(value: Any) -> lg.Node:
    return (lg.parameter if np.asarray(value).dtype.kind in "fc" else lg.constant)(value)


@attrs.define(eq=False)
class Question:
    """The value of one case and its gradients by all inputs, as nodes."""

    roots: list[lg.Node]
    leaves: list[lg.Node]  # of the case
    seed: lg.Node | None

    @property
    def inputs(self) -> list[lg.Node]:
        return [*{id(i): i for i in self.leaves}.values(), *([self.seed] if self.seed is not None else [])]

    def ask(self, values: Sequence[Any]) -> list[Any]:
        """By the walk of the memo."""
        for i, value in zip(self.inputs, values, strict=True):
            i.set(value)
        return [root.value for root in self.roots]


def question(case: Case, leaves: list[lg.Node] | None = None) -> Question | None:
    """None for a case that makes no node."""
    leaves = leaves or [leaf(x) for x in case.inputs]
    node = case.op(*leaves, **case.static)
    if not isinstance(node, lg.Node):
        return None
    if not (case.order and case.wrt and node.dtype.kind in "fc"):
        return Question([node], leaves, None)
    seed = lg.parameter(np.asarray(draw_direction(make_generator(), node)).astype(node.dtype))
    adjoint = Differentiator(node, cotangent=seed).adjoint
    return Question([node, *[adjoint(i) for i in {id(leaves[k]): leaves[k] for k in case.wrt}.values()]], leaves, seed)


def other_values(row: Any, shapes: Any, case: Case, of: Question) -> list[Any]:
    """Other inputs of the same row, and a cotangent with zeros in it."""
    rng = np.random.default_rng(5)
    domains = [row.domains[min(k, len(row.domains) - 1)] for k in range(len(shapes))]
    drawn = [np.asarray(d(rng, s))[()] for d, s in zip(domains, shapes, strict=True)]
    values = {id(i): x.astype(i.dtype) for i, x in zip(of.leaves, drawn, strict=True)}
    found = list(values.values())
    if of.seed is not None:
        w = of.seed.value
        found.append(w * np.asarray(rng.integers(0, 2, w.shape)).astype(w.dtype))
    return found


def scattered(value: Any) -> Any:
    """The same numbers, not side by side in memory."""
    value = np.asarray(value)
    if value.ndim > 1:
        return np.asfortranarray(value)
    return np.repeat(value, 2)[::2] if value.ndim else value


def near(found: Sequence[Any], wanted: Sequence[Any], rtol: float) -> None:
    for a, b in zip(found, wanted, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        finite = np.isfinite(b)
        scale = np.abs(b[finite]).max(initial=1.0)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * scale)


@contextmanager
def quiet(what: str) -> Iterator[None]:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except BaseException as error:
            error.add_note(what)
            raise


def each_case(row: Any) -> Iterator[tuple[str, Any, Case]]:
    named = row.cases()
    for shapes in row.shapes:
        for _ in row.statics:
            name, case = next(named)
            yield name, shapes, case


def check(case: Case, row: Any, shapes: Any, name: str, leaves: list[lg.Node] | None = None) -> bool:
    """Bit for bit, again with other values, and once more with the first; nobody's array is written to."""
    of = question(case, leaves)
    if of is None:
        return False
    first = [i.value for i in of.inputs]
    others = other_values(row, shapes, case, of)
    wanted = [root.value for root in of.roots]
    step = lg.compile(of.roots, inputs=of.inputs, exact=True)
    given = [scattered(x) for x in first]
    before = [x.tobytes() for x in given]
    found = step(*given)
    kept = [x.tobytes() for x in found]
    second, third = step(*others), step(*first)
    assert [x.tobytes() for x in given] == before, "an argument was written to"
    assert [x.tobytes() for x in found] == kept, "a result was written over"
    assert not any(np.may_share_memory(a, b) for a in found for b in given if a.size), "a result shows an argument"
    assert all(x.__class__ is np.ndarray and not x.flags.writeable for x in found)
    assert same_bits(found, third)
    after = of.ask(others)
    if any(part in name for part in TWO_READINGS):
        rtol = 2e-6 if any(x.dtype in (np.float32, np.complex64) for x in wanted) else 1e-14
        near(found, wanted, rtol)
        near(second, after, rtol)
        return True
    assert same_bits(found, wanted)
    assert same_bits(second, after)
    return True


def name_of(row: Any) -> str:
    return f"{row.name} {row.label}".strip()


@pytest.mark.parametrize("row", TABLE, ids=name_of)
def test_every_op_bit_for_bit(row: Any) -> None:
    tried = 0
    for k, (name, shapes, case) in enumerate(each_case(row)):
        with quiet(name):
            tried += check(case, row, shapes, name)
            if k == 0 and np.float32 in row.dtypes:
                check(case.cast(np.float32), row, shapes, f"{name} in single precision")
            if k % 4 == 0 and (of := question(case)) is not None:
                found = lg.compile(of.roots, inputs=of.inputs)(*[i.value for i in of.inputs])
                near(found, [root.value for root in of.roots], 1e-12)
    assert tried or row.order == 0


def same_shape(case: Case) -> list[int]:
    """The inputs with a derivative that have the shape of the first such."""
    return [k for k in case.wrt if np.shape(case.inputs[k]) == np.shape(case.inputs[case.wrt[0]])]


REPEATED = [row for row in TABLE if any(len(same_shape(case)) > 1 for _, case in row.cases())]


def test_an_input_that_stands_there_twice() -> None:
    tried = 0
    for row in REPEATED:
        for name, shapes, case in each_case(row):
            repeated = same_shape(case)
            if len(repeated) < 2 or case.inputs[repeated[0]].dtype.kind != "f":
                continue
            leaves = [leaf(x) for x in case.inputs]
            for k in repeated:
                leaves[k] = leaves[repeated[0]]
            with quiet(name):
                try:
                    case.op(*leaves, **case.static).value  # noqa: B018 - it need not be defined there
                except (np.linalg.LinAlgError, ValueError, lg.LazygradError):
                    continue
                tried += check(case, row, shapes, name, leaves)
    assert tried > 200


@pytest.mark.parametrize("row", [row for row in TABLE if row.points], ids=name_of)
def test_kinks_and_edges_bit_for_bit(row: Any) -> None:
    for point in row.points:
        with quiet(repr(point)):
            leaves = [lg.parameter(np.full_like(x, 0.75)) for x in point.inputs]
            node = row.call(*leaves, **point.static)
            adjoint = Differentiator(node, cotangent=np.ones(node.shape)).adjoint
            roots = [node, *[adjoint(i) for i in leaves]]
            step = lg.compile(roots, inputs=leaves, exact=True)
            found = step(*point.inputs)
            for i, x in zip(leaves, point.inputs, strict=True):
                i.set(x)
            assert same_bits(found, [root.value for root in roots])


SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -2.0, 1e300, 5e-324])


def same_numbers(a: Any, b: Any) -> bool:
    """The same bits, but for those of a nan."""
    nan = np.isnan(b)
    return a.dtype == b.dtype and np.array_equal(np.isnan(a), nan) and a[~nan].tobytes() == b[~nan].tobytes()


def guarded(case: Case, count: int) -> tuple[list[lg.Node], list[lg.Node]] | None:
    """Roots and inputs of a case on other shapes; None for what takes no such inputs, or has no derivative."""
    leaves = [lg.parameter(np.ones(SPECIAL.shape)) for _ in range(count)]
    try:
        node = case.op(*leaves, **case.static)
        if not isinstance(node, lg.Node) or node.dtype.kind not in "fc" or not case.order:
            return None
        seed = lg.parameter(np.ones(node.shape))
        adjoint = Differentiator(node, cotangent=seed).adjoint
        roots = [node, *[adjoint(leaves[k]) for k in case.wrt]]
        assert all(root.value.dtype.kind in "fc" for root in roots)
    except (TypeError, ValueError, IndexError, lg.LazygradError):
        return None
    return roots, [*leaves, seed]


def test_special_numbers_behind_a_guard() -> None:
    """0, inf and nan, with cotangents of which some are 0: a nan that a guard keeps out is kept out."""
    rng = np.random.default_rng(1)
    tried = 0
    for row in TABLE:
        shapes = next((s for s in (((3,),), ((3,), (3,))) if s in row.shapes), None)
        case = next((case for _, s, case in each_case(row) if s == shapes), None)
        if case is None or any(x.dtype != np.float64 for x in case.inputs):
            continue
        with quiet(row.name):
            made = guarded(case, len(case.inputs))
            if made is None:
                continue
            roots, inputs = made
            step = lg.compile(roots, inputs=inputs, exact=True)
            for trial in range(3):
                values: list[Any] = [rng.permutation(SPECIAL) for _ in inputs[:-1]]
                values.append(np.asarray(rng.integers(0, 2, inputs[-1].shape), float) if trial else inputs[-1].value)
                lg.update(dict(zip(inputs, values, strict=True)))
                try:
                    wanted = [root.value for root in roots]
                except (ValueError, np.linalg.LinAlgError):  # it does not take them
                    continue
                assert all(map(same_numbers, step(*values), wanted))
                tried += 1
    assert tried > 400


# -- random graphs, in every form ----------------------------------------------------------------------

Form = Callable[[Program, Any, bool], Any]


def as_straight(program: Program, params: Any, exact: bool) -> Any:
    return write_straight(program, params, exact, "")


def as_steps(program: Program, params: Any, exact: bool) -> Any:
    live = program.find_live()
    return write_loop(program, live, params) if not program.guards else None


def as_levels(program: Program, params: Any, exact: bool) -> Any:
    return write_batches(program, program.find_live(), params)


def as_numbers(program: Program, params: Any, exact: bool) -> Any:
    live = program.find_live()
    return write_numbers(program, live, params, "") if not program.guarded and has_only_numbers(program, live) else None


def as_tape(program: Program, params: Any, exact: bool) -> Any:
    live = program.find_live()
    return write_tape(program, live, params) if not program.guarded and has_only_numbers(program, live) else None


FORMS: dict[str, tuple[Form, type, bool]] = {  # how it is written, what comes of it, whether bit for bit
    "straight": (as_straight, Straight, True),
    "steps": (as_steps, Loop, True),
    "levels": (as_levels, Batches, True),
    "numbers": (as_numbers, Numbers, False),
    "tape": (as_tape, Tape, False),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("arrays", [False, True])
def test_random_graphs_in_every_form(form: str, arrays: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    write, kind, exactly = FORMS[form]
    if arrays and not exactly:
        pytest.skip("for single numbers alone")
    placed = False

    def written(program: Program, params: Any, exact: bool, *rest: Any, **options: Any) -> Any:
        nonlocal placed
        placed = bool(find_out_of_order(program, program.find_live()))
        return write(program, params, exact) or as_straight(program, params, exact)

    monkeypatch.setattr(_schedule, "choose_form", written)
    monkeypatch.setattr(batches, "WORTH", 0)
    tried = 0
    for seed in range(30):
        dag = random_dag(2 * seed + arrays, arrays)
        nodes = build(dag.recipe)
        rng = np.random.default_rng(seed)
        L = nodes[dag.losses[-1]]
        wrt = [nodes[k] for k in dag.parameters]
        inputs = [nodes[k] for k in dag.parameters if rng.random() < 0.8]
        step = lg.compile(L, wrt, inputs, exact=exactly)
        if not isinstance(step.schedule._form, kind):
            continue
        tried += 1
        for scale in (1.0, 0.9, 1.05):
            values = [scale * i.value for i in inputs]
            with quiet(f"seed {seed}"):
                found = step(*values)
                for i, x in zip(inputs, values, strict=True):
                    i.set(x)
                wanted = L.value, lg.gradient(L, wrt)
            if exactly and not (placed and kind is not Straight):
                assert same_bits(found, wanted), seed
            else:
                near([found[0], *found[1]], [wanted[0], *wanted[1]], 1e-11)
    assert tried >= (4 if kind is Batches and arrays else 15)


@pytest.mark.parametrize("arrays", [False, True])
def test_second_derivatives_of_random_graphs(arrays: bool) -> None:
    for seed in range(25):
        dag = random_dag(2 * seed + arrays, arrays)
        nodes = build(dag.recipe)
        L, w = nodes[dag.losses[0]], nodes[dag.parameters[0]]
        v = lg.constant(np.random.default_rng(seed).normal(size=w.shape))
        product = lg.adjoint((lg.adjoint(L, w) * v).sum(), w)  # a Hessian-vector product
        with quiet(f"seed {seed}"):
            found = lg.compile(product, inputs=[w, v], exact=True)(w.value, v.value)
            loose = lg.compile(product, inputs=[w, v])(w.value, v.value)
            assert same_bits(found, product.value)
            near([loose], [product.value], 1e-11)


# -- which form is taken -------------------------------------------------------------------------------


def layered(width: int, depth: int) -> tuple[list[lg.Node], lg.Node]:
    """Many small alike nodes: each layer of each of `width` strands reads two of the layer before."""
    rng = np.random.default_rng(0)
    leaves = [lg.parameter(rng.normal(size=3)) for _ in range(width)]
    layer = leaves
    for _ in range(depth):
        layer = [np.tanh(layer[k] * layer[(k * 7 + 1) % width] + layer[k - 1]) for k in range(width)]
    total = layer[0]
    for x in layer[1:]:
        total = total + x
    return leaves, total.sum()


def test_many_small_alike_nodes_are_batched() -> None:
    leaves, L = layered(60, 6)
    step = lg.compile(L, leaves, leaves, exact=True, backend="numpy")
    assert isinstance(step.schedule._form, Batches)
    rows = sum(batch.stop - batch.start for batch in step.schedule._form.batches)
    assert step.schedule.steps * 5 < rows
    for scale in (1.0, 0.5):
        values = [scale * i.value for i in leaves]
        found = step(*values)
        lg.update(dict(zip(leaves, values, strict=True)))
        assert same_bits(found, (L.value, lg.gradient(L, leaves)))


def test_a_long_chain_of_arrays_is_a_loop_of_steps() -> None:
    x = lg.parameter([0.1, 0.2])
    y = x
    for _ in range(3100):
        y = np.sin(y) + x
    step = lg.compile(y.sum(), x, x, exact=True, backend="numpy")
    assert isinstance(step.schedule._form, Loop)
    assert step.schedule.steps > 6000
    for value in ([0.1, 0.2], [0.3, -0.1]):
        found = step(value)
        x.set(value)
        assert same_bits(found, (y.sum().value, lg.gradient(y.sum(), x)))


def test_a_graph_of_numbers_runs_on_floats_unless_it_must_be_exact() -> None:
    x = lg.parameter(0.3)
    L = np.exp(np.sin(x) * x)
    assert isinstance(lg.compile(L, x, x, backend="numpy").schedule._form, Numbers)
    assert isinstance(lg.compile(L, x, x, exact=True, backend="numpy").schedule._form, Straight)


def test_setup_is_linear() -> None:
    """Rows and statements grow with the nodes, whatever they share."""
    steps = []
    for depth in (50, 100, 200):
        x = lg.parameter([0.1, 0.2])
        y = x
        for _ in range(depth):
            y = np.tanh(y * y)
        steps.append(lg.compile(y.sum(), x, x, exact=True).schedule.steps)
    assert steps[2] - steps[1] == 2 * (steps[1] - steps[0])


# -- memory: liveness, views, blocks -------------------------------------------------------------------


def test_arrays_are_used_again() -> None:
    x = lg.parameter(np.ones(100))
    y = x
    for _ in range(50):
        y = np.sin(y) * 0.5
    step = lg.compile(y, inputs=x, exact=True)
    assert step.schedule.nbytes <= 2 * 800


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    "shown",
    [
        lambda h: h[0],
        lambda h: h[1:, 0],
        lambda h: h.T,
        lambda h: h.T.reshape(-1),
        lambda h: h.reshape(2, 3).T.reshape(-1),
        lambda h: h[::-1].T * h.T,
        lambda h: np.broadcast_to(h[0], (3, 2)) + h,
        lambda h: h.T @ h,
        lambda h: np.concatenate([h, h[::-1]]),
        lambda h: h[[0, 2]],
        lambda h: (h.T * 2).sum(axis=0),
        lambda h: np.expand_dims(h, 0)[0, 1],
        lambda h: h.ravel()[3],
        lambda h: np.squeeze(h[:1, :1]),
    ],
)
def test_views_of_arrays_that_are_written_over(shown: Callable[[Any], Any], exact: bool) -> None:
    rng = np.random.default_rng(3)
    x = lg.parameter(rng.normal(size=(3, 2)))
    h = np.tanh(x) * 1.5
    seen = shown(h)
    later = np.sin(h * 2.0) + 1.0  # takes the memory of `h` over, unless the view is still needed
    L = (np.exp(seen).sum() * later).sum() + (seen * 3.0).sum()
    step = lg.compile([L, seen, h, lg.adjoint(L, x)], inputs=x, exact=exact)
    for _ in range(3):
        value = rng.normal(size=(3, 2))
        found = step(value)
        x.set(value)
        wanted = [L.value, seen.value, h.value, lg.gradient(L, x)]
        if exact:
            assert same_bits(found, wanted)
        near(found, wanted, 1e-12)


def test_long_chains_are_blocked_and_give_the_same_bits() -> None:
    rng = np.random.default_rng(0)
    x, c = lg.parameter(rng.normal(size=(500, 700))), lg.constant(rng.normal(size=700))
    y = np.tanh(x * 0.5 + 1.0) * x
    for _ in range(4):
        y = np.sin(y) + y * x
    y = y - c
    L = (y * y).sum()
    for exact in (True, False):
        step = lg.compile([L, y, lg.adjoint(L, x)], inputs=[x, c], exact=exact)
        assert "for i, j in" in step.schedule.source
        for _ in range(2):
            values = rng.normal(size=x.shape), rng.normal(size=700)
            found = step(*values)
            x.set(values[0])
            c.set(values[1])
            wanted = [L.value, y.value, lg.gradient(L, x)]
            if exact:
                assert same_bits(found, wanted)
            near(found, wanted, 1e-12)


def test_common_subexpressions_are_one_step_unless_they_have_effects() -> None:
    ran = []

    @lg.primitive(vjp={"x": lambda g: g}, shape=lambda x: (x.shape, x.dtype))
    def counted(x: Any) -> Any:
        ran.append(1)
        return x + len(ran)

    x = lg.parameter([1.0, 2.0])
    step = lg.compile(np.sin(x) * np.sin(x), inputs=x, exact=True)
    assert step.schedule.source.count("sin(") == 1
    step = lg.compile(counted(x) - counted(x), inputs=x)
    ran.clear()
    np.testing.assert_array_equal(step([5.0, 6.0]), [-1.0, -1.0])
    assert len(ran) == 2


def test_ones_and_zeros_are_not_multiplied() -> None:
    x, c = lg.parameter([1.0, 2.0]), lg.constant([3.0, 4.0])
    source = lg.compile(lg.adjoint((x * c + c).sum(), x), inputs=[x]).schedule.source
    assert "multiply" not in source
    assert "add" not in source


def test_keyword_arguments_that_are_equal_but_not_the_same() -> None:
    """1, 1.0 and True are one key of a dict, but not one power; nor are 0.0 and -0.0 one bound."""
    n, x = lg.constant([1, 2, 3]), lg.parameter([0.5, -0.0, 0.0])
    roots = [n**3, n**3.0, n**2, n**2.0, lg.ops.at_least(x, bound=0.0), lg.ops.at_least(x, bound=-0.0)]
    found = lg.compile(roots, inputs=[n, x], exact=True)([2, 3, 4], [0.25, 0.0, -0.0])
    n.set([2, 3, 4])
    x.set([0.25, 0.0, -0.0])
    assert same_bits(found, [root.value for root in roots])


def test_single_precision_stays_single() -> None:
    x = lg.parameter(np.float32([0.5, 2.0]))
    roots = [x * 0.1, x * lg.constant(np.float64(0.1)), x**2 * 3, np.where(x > 1, 1.0, x), x.max() * 0.3, x.mean()]
    step = lg.compile(roots, inputs=x, exact=True)
    assert same_bits(step(x.value), [root.value for root in roots])
    assert [r.dtype for r in lg.compile(roots, inputs=x)(x.value)] == [root.dtype for root in roots]


def test_signed_zeros() -> None:
    x = lg.parameter([1.0, 2.0, 3.0])
    roots = [-x, x * -1.0, x * 1.0, x + 0.0, x - 0.0, 0.0 - x, x / -1.0, -(x * x), abs(x), x * -0.0]
    found = lg.compile(roots, inputs=x, exact=True)([0.0, -0.0, 1.0])
    x.set([0.0, -0.0, 1.0])
    assert same_bits(found, [root.value for root in roots])
    s = lg.parameter(1.0)
    singles = [-s, s * -1.0, s + 0.0, 0.0 - s, -(s * s), s * -0.0, lg.adjoint(-(s * s), s)]
    step = lg.compile(singles, inputs=s)
    for v in (0.0, -0.0):
        found = step(v)
        s.set(v)
        assert same_bits(found, [root.value for root in singles])
