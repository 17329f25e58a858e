"""Losses that are sums over shards of data: the graph and the memo of each shard stay on the worker that has the data.

Only what has changed travels: of the parameters those with other bytes than a worker has, of the gradients those that
are asked for. Each worker holds one actor for some neighbouring shards. Nothing is assumed of what an actor knows: a
message tells on which one it builds, and an actor that has not seen that - because it is new, or a message was lost -
gets everything.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Literal

import attrs
import numpy as np
from distributed import Client, Future, get_client

from ..._errors import LazygradError
from ..._graph.bits import same_bits
from ..._graph.leaf import copy_frozen
from ..._graph.trees import flatten
from ..._graph.types import Function, Structure
from ..._graph.value import readonly_view
from ...backend import Prepared
from ...backend._signature import Arguments, Signature, Slot
from .pickle import pack
from .workers import Cluster, Failed, Group, Here, Questions, Traffic, count_bytes

__all__ = ["DataParallel", "data_parallel"]

TRIES = 4  # how often one question may lose the workers that it is sent to
KINDS = {"values": "value", "gradients": "gradient", "pull": "vjp", "push": "jvp", "hessian_times": "hvp"}


class _Sum:
    """The sum of the losses at one point; its value and gradients are kept here once they have come."""

    def __init__(self, owner: DataParallel, leaves: list[Any]) -> None:
        self.owner = weakref.proxy(owner)  # which keeps this
        self.leaves = leaves
        self.value_too = False  # whether the value is going to be asked for next
        self.out = flatten(None)
        self._values: list[Any] | None = None
        self._gradients: dict[int, Any] = {}

    def slots(self) -> list[Slot]:
        return [self.owner._slot]

    def values(self) -> list[Any]:
        if self._values is None:
            (self._values,) = self._ask(("values", ()))
        return self._values

    def gradients(self, wanted: Sequence[int]) -> list[Any]:
        if missing := [k for k in wanted if k not in self._gradients]:
            questions: list[tuple[str, tuple[Any, ...]]] = [("gradients", (missing,))]
            if self.value_too and self._values is None:
                questions.append(("values", ()))
            found, *values = self._ask(*questions)
            self._gradients.update(zip(missing, found, strict=True))
            if values:
                (self._values,) = values
        return [self._gradients[k] for k in wanted]

    def pull(self, cotangents: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
        return self._ask(("pull", (list(cotangents), list(wanted))))[0]

    def push(self, tangents: Sequence[Any]) -> list[Any]:
        return self._ask(("push", (list(tangents),)))[0]

    def hessian_times(self, vectors: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
        return self._ask(("hessian_times", (list(vectors), list(wanted))))[0]

    def jacobian(self, wanted: Sequence[int]) -> list[list[Any]]:
        return self._ask(("jacobian", (list(wanted),)))[0]

    def _ask(self, *questions: tuple[str, tuple[Any, ...]]) -> list[Any]:
        """Return the answers of all shards, added up from the first to the last."""
        for method, _ in questions:
            self.owner.statistics.count_evaluation(KINDS.get(method, method))
        trees = [flatten(answers) for answers in self.owner.ask_shards(self.leaves, questions)]
        total = functools.reduce(
            lambda one, other: [a + b for a, b in zip(one, other, strict=True)], [tree.leaves for tree in trees]
        )
        summed: list[Any] = trees[0].like(map(readonly_view, total))
        return summed


class DataParallel(Prepared):
    """The sum of the losses of many shards, asked like any prepared function: made by `data_parallel`.

    Attributes
    ----------
    traffic
        What was sent to the workers and came back: see `Traffic`.
    statistics
        As for every `Prepared`; what was asked at a point that is remembered is not sent again.
    """

    def __init__(
        self, make_loss: Callable[..., Any], shards: Sequence[Any], wrt: Any, place: Here | Cluster, points: int
    ) -> None:
        super().__init__(Signature.of(make_loss, (wrt,), {}, 0), points)
        self.traffic = Traffic()
        slots, leaves = self.signature.slots, flatten(self.signature.example)
        placed = leaves.like([leaf if s.dtype is None else 0.0 for s, leaf in zip(slots, leaves.leaves, strict=True)])
        both = (make_loss, attrs.evolve(self.signature, example=placed))  # without the arrays
        self._function = both if isinstance(place, Here) else pack(both)
        self._place: Here | Cluster | None = place
        self._message = 0
        self._groups = place.make_groups(shards)
        given = self.signature.check_arguments((wrt,))
        self._present, self._statics = self._copy_changed([None] * len(given.leaves), given.leaves), given.statics
        self._slot: Slot
        try:
            self.ask_shards(self._present, ())
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<DataParallel of {self.signature.function}, {len(self._groups)} groups of shards: {self.traffic}>"

    def __enter__(self) -> DataParallel:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the workers forget everything; it happens by itself some time after this object, or the client, goes."""
        with self._lock:
            for group in self._groups:
                group.give_up()
            self._place = None

    # -- what `Prepared` asks ----------------------------------------------------------------------

    def _begin(self, args: tuple[Any, ...], *kinds: str) -> Any:
        at: Any = super()._begin(args, *kinds)
        at.value_too = "value" in kinds
        return at

    def _go_to(self, given: Arguments | None) -> Any:
        if given is not None:
            self._present, self._statics = self._copy_changed(self._present, given.leaves), given.statics
        point = Arguments(self._present, self._statics)
        known = self._recall(point)
        answers: Any = _Sum(self, self._present) if known is None else known[1]
        return self._remember(point, answers)

    def _copy_changed(self, old: list[Any], new: list[Any]) -> list[Any]:
        """Return private copies of the leaves; the very objects that there were where the bytes are the same."""
        return [
            b if not isinstance(b, np.ndarray) else a if a is not None and same_bits(a, b) else copy_frozen(b)
            for a, b in zip(old, new, strict=True)
        ]

    # -- how the workers are asked -----------------------------------------------------------------

    def ask_shards(self, leaves: list[Any], questions: Questions) -> list[object]:
        """Return the answers of the shards, in their order, even if workers are lost meanwhile."""
        with self._lock:
            if self._place is None:
                raise RuntimeError(f"{self!r} is closed")
            self._place.even(self._groups)
            answers: dict[int, list[Any]] = {}
            lost: Exception | None = None
            for _ in range(TRIES):
                self._message += 1
                waiting = []
                for n, group in enumerate(self._groups):
                    if n in answers:
                        continue
                    try:
                        waiting.append((n, self._send(self._place, group, leaves, questions)))
                    except TimeoutError:  # there is no worker at all
                        raise
                    except Exception as error:  # its worker died since the last question
                        lost = error
                        group.give_up()
                failed: list[Failed] = []
                for n, answer in waiting:
                    group = self._groups[n]
                    try:
                        outcome = answer()
                    except Exception as error:  # none of the user's, which come as `Failed`
                        lost = error
                        group.give_up()
                        continue
                    if isinstance(outcome, Failed):
                        failed.append(outcome)
                        continue
                    answers[n], self._slot = outcome
                    self.traffic.back += 0 if group.address is None else count_bytes(answers[n])
                    self.traffic.built += 0 if group.built else len(group.shards)
                    group.state, group.sent, group.built = self._message, leaves, True
                if failed:
                    raise failed[0].error
                if len(answers) == len(self._groups):
                    return [answer for n in sorted(answers) for answer in answers[n]]
            raise LazygradError(f"workers were lost {TRIES} times while they were asked by {self!r}") from lost

    def _send(self, place: Here | Cluster, group: Group, leaves: list[Any], questions: Questions) -> Callable[[], Any]:
        """Send a message with the leaves that the worker does not have; return a function that waits for the answer."""
        if group.actor is None:
            place.place(group, self._groups)
        base, group.state = group.state, None  # until the answer is there
        changed = {k: leaf for k, leaf in enumerate(leaves) if base is None or group.sent[k] is not leaf}
        build = None
        if not group.built:
            shards = {k: None if isinstance(shard, Future) else shard for k, shard in group.shards.items()}
            build = (self._function, self._points, shards)
        if group.address is not None:
            self.traffic.messages += 1
            self.traffic.out += count_bytes((changed, questions))
            if build is not None:
                self.traffic.shards += sum(len(part) for part in (self._function, *shards.values()) if part is not None)
        return place.ask(group, base, self._message, changed, questions, build)


def data_parallel(
    make_loss: Function,
    shards: Sequence[object],
    wrt: Structure,
    *,
    client: Client | Literal["local"] | None = None,
    workers: Sequence[str] | None = None,
    points: int = 2,
) -> DataParallel:
    """Prepare the sum of a loss over shards of data, each kept with its graph and memo by one worker.

    Parameters
    ----------
    make_loss
        ``make_loss(parameters, shard)``, written with NumPy, returns one real number. For a mean, let it divide.
    shards
        The data, one part for each call: arrays, structures of them, a path that `make_loss` reads, anything that can
        be pickled; or Dask collections and futures, which stay on the cluster. Best as many as there are workers.
    wrt
        The parameters at first: arrays in nested containers, as `make_loss` takes them.
    client
        A `distributed.Client`; by default the present one, or if there is none this process, as with ``"local"``.
    workers
        The addresses of those to use, as in ``client.nthreads()``; by default all.
    points
        How many points are remembered, there and here.

    Returns
    -------
    DataParallel
        A `lazygrad.backend.Prepared` of one argument, the parameters: ``value``, ``gradient(parameters, select="W2")``,
        ``value_and_gradient``, ``vjp``, ``jvp``, ``hvp``, ``jacobian``; also ``traffic``, and ``close()``, which a
        ``with`` block calls.

    Raises
    ------
    TypeError
        If a loss is no real number, or a parameter no float.
    ValueError
        If there is no shard, or no such worker.
    LazygradError
        Later: if workers are lost again and again while they are asked.

    Notes
    -----
    A question sends the parameters whose bytes have changed, and gets the answers of each shard. These are added up
    from the first shard to the last, so that the sum is the same, bit for bit, wherever the shards are (as long as BLAS
    uses as many threads there as here; in Dask's workers it uses one). When a worker dies its shards are built again on
    another, and what the others have answered stays; a worker that comes later takes over from one that has too much.
    What `make_loss` raises comes out as itself, with notes of the shard, the line and the node.

    Examples
    --------
    >>> import numpy as np
    >>> def loss(w, shard):
    ...     x, y = shard
    ...     return np.sum((x @ w["slope"] + w["level"] - y) ** 2)
    >>> shards = [(np.ones((2, 3)), np.zeros(2)), (np.eye(3), np.ones(3))]
    >>> total = data_parallel(loss, shards, {"slope": np.zeros(3), "level": 0.0}, client="local")
    >>> total.value(), total.gradient(select="slope")
    (array(3.), array([-2., -2., -2.]))
    >>> total.value_and_gradient({"slope": np.zeros(3), "level": 1.0}, select="level")
    (array(2.), array(4.))
    """
    shards = list(shards)
    if not shards:
        raise ValueError("data_parallel needs at least one shard")
    if client is None:
        try:
            client = get_client()
        except ValueError:
            client = "local"
    if client != "local" and not isinstance(client, Client):
        raise TypeError(f"client must be a distributed.Client, 'local' or None, not {client!r}")
    place = Here() if isinstance(client, str) else Cluster(client, workers)
    return DataParallel(make_loss, shards, wrt, place, points)
