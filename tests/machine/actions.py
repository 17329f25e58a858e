"""The machine's actions: each does something to a lazy graph and holds its answers against the naive twin's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import lazygrad as lg
from tests.helpers.invariants import check_invariants
from tests.helpers.random_graphs import Grower, Step, same_bits
from tests.machine.functions import FUNCTIONS, LARGEST, PAIRS
from tests.machine.naive import QUESTIONS, Boom, Question, alive, ask, cotangent, from_scratch, fuse, node_of

GONE = np.zeros(0, bool)  # stands for the value of a dropped step, so that nothing is built on it


SHAPES = ((), (3,), (2, 3), (1, 3), (4, 2, 3), (5,), (1,), (0,), (3, 3))


def draw_like(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return random numbers of a shape and dtype."""
    x = rng.normal(size=shape)
    return np.asarray(x + 1j * rng.normal(size=shape) if dtype.kind == "c" else x).astype(dtype)


class World:
    """A lazy graph that lives through builds, sets, queries, drops and exceptions."""

    def __init__(self, seed: int, arrays: bool, adjoints: bool = True, refits: bool = True) -> None:
        self.adjoints = adjoints  # whether to build on adjoints
        self.refits = refits  # whether to set leaves to other shapes and dtypes
        self.grower = Grower(seed, arrays)
        self.recipe = self.grower.recipe
        self.nodes: dict[int, lg.Node] = {}
        self.steps_built = 0
        # Adjoints that are held, but that their target's memo has forgotten as a shape changed or it was cleared: they
        # follow, but the adjoints that it builds anew do not lead to them. What was built on them is asked for.
        self.forgotten: set[int] = set()
        self.held: dict[int, tuple[int, Any, lg.Differentiator]] = {}  # target -> seed, its shape and dtype, memo
        for _ in range(3):
            self.grower.random_leaf()
        self.grower.random_leaf("constant")
        self.built()
        for k in range(6):
            self.build(seed + k)

    # -- what is there -------------------------------------------------------------------------------

    def built(self) -> None:
        """Build the nodes of new steps."""
        while self.steps_built < len(self.recipe):
            step = self.recipe[self.steps_built]
            node = node_of(step, [self.nodes[j] for j in step.inputs])
            self.nodes[self.steps_built] = node
            if step.kind == "adjoint" and node.op is None:  # a zero or a one, constant from now on
                self.forget(self.steps_built)
            self.steps_built += 1

    def floats(self, rng: np.random.Generator, scalar: bool = False) -> int:
        found = [k for k, n in self.nodes.items() if n.dtype.kind == "f" and (n.size == 1 or not scalar)]
        found = [k for k in found if k not in self.forgotten]
        return int(rng.choice(found if found else list(self.nodes)))

    def below(self, rng: np.random.Generator, target: int) -> int:
        """Return a float step below the target, mostly."""
        found = [k for k in alive(self.recipe, {target}) if k in self.nodes and self.nodes[k].dtype.kind == "f"]
        found = [k for k in found if k not in self.forgotten]
        return int(rng.choice(found)) if found and rng.random() < 0.8 else self.floats(rng)

    def leaf(self, rng: np.random.Generator) -> int:
        kinds = ("parameter", "constant")
        found = [k for k in self.nodes if self.recipe[k].kind in kinds and self.nodes[k].dtype.kind in "fc"]
        return int(rng.choice(found)) if found else self.new_leaf()

    def new_leaf(self) -> int:
        k = self.grower.random_leaf()
        self.built()
        return k

    def check(self) -> None:
        try:
            self.quiet(lambda: check_invariants(self.nodes.values()))
        except TypeError:  # there are edges that no rule leads over, of complex numbers
            assert any(node.dtype.kind == "c" for node in self.nodes.values())

    # -- actions ---------------------------------------------------------------------------------------

    def build(self, seed: int) -> None:
        """Build new nodes on what is there, sometimes a new leaf, an adjoint or an op that may raise."""
        self.grower.rng = rng = np.random.default_rng(seed)
        what = rng.random()
        if what < 0.1:
            self.grower.random_leaf()
        elif what < 0.2:
            self.append("fragile", self.floats(rng))
        elif what < 0.35 and self.adjoints:
            target = self.floats(rng, scalar=True)
            if self.nodes[target].size == 1 and self.nodes[target].dtype.kind == "f":
                self.append("adjoint", target, self.floats(rng))
        elif what < 0.5:
            self.grower.loss()
        elif what < 0.7 and self.refits:
            self.call(rng)
        else:
            self.grower.grow()
        self.built()

    def call(self, rng: np.random.Generator) -> None:
        """Call a function of what is there, if it takes it."""
        kind = str(rng.choice(list(FUNCTIONS)))
        inputs = [self.any_inexact(rng) for _ in range(2 if kind in PAIRS else 1)]
        try:
            node = self.quiet(lambda: FUNCTIONS[kind](*[self.nodes[j] for j in inputs]))
        except (TypeError, ValueError, IndexError):
            return
        if isinstance(node, lg.Node) and node.size <= LARGEST and node.ndim < 4:
            self.recipe.append(Step(kind, tuple(inputs)))
            self.grower.values.append(np.zeros(node.shape, node.dtype))

    def any_inexact(self, rng: np.random.Generator) -> int:
        """Return a step of floats, real or complex."""
        found = [k for k, n in self.nodes.items() if n.dtype.kind in "fc"]
        return int(rng.choice(found if found else list(self.nodes)))

    def append(self, kind: str, *inputs: int) -> None:
        """Add a step that the grower does not know; its value has the shape of its last input."""
        self.recipe.append(Step(kind, inputs))
        self.grower.values.append(self.grower.values[inputs[-1]])

    def set(self, seed: int) -> None:
        """Give a leaf another value, perhaps of another shape or dtype; or the same again."""
        rng = np.random.default_rng(seed)
        k = self.leaf(rng)
        old = self.nodes[k].value
        how = rng.random() * (1 if self.refits else 0.3)
        if how < 0.25:
            new = draw_like(rng, old.shape, old.dtype)
        elif how < 0.3:
            new = old.copy()
        elif how < 0.45:
            new = old.real.astype(np.float32 if old.dtype == np.float64 else np.float64)
        elif how < 0.55:
            new = draw_like(rng, old.shape, np.dtype(complex))
        elif how < 0.8:
            new = rng.normal(size=[n if rng.random() < 0.7 else int(rng.integers(0, 4)) for n in old.shape])
        else:
            shape = SHAPES[rng.integers(len(SHAPES))]
            new = draw_like(rng, shape, old.dtype if rng.random() < 0.8 else np.dtype(np.float32))
        before = self.recipe[k]
        self.recipe[k] = before._replace(value=new)
        fresh, broken = from_scratch(self.recipe, set(self.nodes))
        if (new.shape, new.dtype) != (old.shape, old.dtype):
            self.forget_adjoints()
        misfits = [j for j in broken if self.recipe[j].kind != "adjoint" and not self.on_broken_adjoint(j, broken)]
        try:  # (pytest.raises would keep the frames, and by them nodes that were dropped)
            with lg.record() as report:
                if rng.random() < 0.5:
                    self.nodes[k].set(new)
                else:
                    self.nodes[k].value = new
            assert (report.rules_run, report.values.misses) == (0, 0)
            assert not misfits, "that should not fit"
        except (ValueError, IndexError, TypeError) as error:
            assert broken, "that should fit"
            assert "keeps its value" in "".join(error.__notes__)  # noqa: PT017
            assert same_bits(self.nodes[k].value, old)
            self.recipe[k] = before
            return
        for j in broken:  # an adjoint of what is no scalar any more
            self.forget(j)
        for j, node in fresh.items():
            if j in self.nodes:
                self.grower.values[j] = np.zeros(node.shape, node.dtype)

    def on_broken_adjoint(self, j: int, broken: dict[int, Exception]) -> bool:
        """Return whether that step fails only because an adjoint below it cannot be asked for any more."""
        below = [i for i in self.recipe[j].inputs if i in broken]
        return any(self.recipe[i].kind == "adjoint" or self.on_broken_adjoint(i, broken) for i in below)

    def question(self, rng: np.random.Generator) -> Question:
        kind = QUESTIONS[rng.integers(len(QUESTIONS))]
        scalar = kind in ("gradient", "adjoint", "contributions", "connected", "second")
        target = max(self.floats(rng, scalar), self.floats(rng, scalar))  # late ones have more below them
        steps = tuple(self.below(rng, target) for _ in range(int(rng.integers(2, 5))))
        return Question(kind, target, steps, int(rng.integers(1000)))

    def query(self, seed: int) -> None:
        """Ask something, and the same again."""
        question = self.question(np.random.default_rng(seed))
        fresh, _ = from_scratch(self.recipe, set(self.nodes))
        truth = self.quiet(lambda: ask(fresh, question))
        for _ in range(2):
            self.agree(self.quiet(lambda: ask(self.nodes, question)), truth, question)

    def hold(self, seed: int) -> None:
        """Keep a Differentiator with its own cotangent for later questions."""
        rng = np.random.default_rng(seed)
        k = self.floats(rng)
        node = self.nodes[k]
        self.held[k] = seed, (node.shape, node.dtype), lg.Differentiator(node, cotangent=cotangent(node, seed))

    def query_held(self, seed: int) -> None:
        """Ask a Differentiator that was kept."""
        rng = np.random.default_rng(seed)
        if not self.held:
            self.hold(seed)
            return
        k = int(rng.choice(list(self.held)))
        old, signature, d = self.held[k]
        if signature != (self.nodes[k].shape, self.nodes[k].dtype):  # the cotangent does not fit any more
            del self.held[k]
            return
        fresh, _ = from_scratch(self.recipe, set(self.nodes))
        question = Question("gradient", k, tuple(self.below(rng, k) for _ in range(3)))
        same = lg.Differentiator(fresh[k], cotangent=cotangent(fresh[k], old))
        truth = self.quiet(lambda: ask(fresh, question, same))
        self.agree(self.quiet(lambda: ask(self.nodes, question, d)), truth, question)

    def agree(self, answer: Any, truth: Any, question: Question) -> None:
        assert same_bits(answer, truth), f"{question} of {self.recipe[question.target]}: {answer} is not {truth}"

    def raise_in_the_middle(self, seed: int) -> None:
        """Let a query fail, at a value or at a rule."""
        rng = np.random.default_rng(seed)
        question = self.question(rng)
        fuse.left = int(rng.integers(1, 4))
        try:
            self.quiet(lambda: ask(self.nodes, question))
        except Boom:
            pass
        finally:
            fuse.left = 0
        self.check()
        self.query(seed)

    def drop(self, seed: int) -> None:
        """Forget a step; what is built on it keeps it."""
        rng = np.random.default_rng(seed)
        self.forget(int(rng.choice(list(self.nodes))))
        if not self.nodes:
            self.new_leaf()

    def forget_adjoints(self) -> None:
        """Note that memos know adjoints no more that are held."""
        self.forgotten |= {k for k in self.nodes if self.recipe[k].kind == "adjoint"}

    def forget(self, k: int) -> None:
        self.nodes.pop(k, None)
        self.held.pop(k, None)
        self.grower.values[k] = GONE
        self.grower.unused.pop(k, None)

    def cache_clear(self, seed: int) -> None:
        """Drop the adjoints of one target."""
        rng = np.random.default_rng(seed)
        d = lg.differentiator(self.nodes[self.floats(rng)])
        d.cache_clear()
        self.forget_adjoints()
        assert d.cache_info() == (0, 0, None, 0)

    @staticmethod
    def quiet(function: Callable[[], Any]) -> Any:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of empty slices, and of derivatives that are not defined at a point
            return function()


ACTIONS = 3 * ("build", "query") + 2 * ("set",) + ("query_held", "raise_in_the_middle", "drop", "cache_clear")
