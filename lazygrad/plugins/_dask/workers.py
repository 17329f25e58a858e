"""Where the shards of a data-parallel loss are: the replica that answers, and how it is placed and asked."""

from __future__ import annotations

import functools
import itertools
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
import numpy as np
from dask.base import is_dask_collection
from distributed import Actor, Client, Future

from ..._errors import LazygradError
from ..._graph.trees import flatten
from ...backend import Prepared, prepare
from .pickle import pack, unpack

__all__ = ["Cluster", "Failed", "Group", "Here", "Questions", "Replica", "Traffic", "count_bytes"]

PATIENCE = 120  # seconds to wait for a worker where there is none
Questions = Sequence[tuple[str, tuple[Any, ...]]]  # methods of a function at a point, with their arguments


def count_bytes(arrays: object) -> int:
    """Return the bytes of all arrays in a nest of lists, tuples and dicts."""
    return sum(leaf.nbytes for leaf in flatten(arrays).leaves if isinstance(leaf, (np.ndarray, np.generic)))


@attrs.define
class Traffic:
    """The bytes of arrays that went to the workers and came back; each message adds a few kilobytes.

    Attributes
    ----------
    out
        Parameters, tangents and cotangents.
    back
        Answers.
    shards
        Data and functions, when graphs are built.
    messages
        Questions, one for each worker that is asked.
    built
        Graphs: one for each shard, and one more whenever a shard had to be built again.
    """

    out: int = 0
    back: int = 0
    shards: int = 0
    messages: int = 0
    built: int = 0


# -- on the worker ---------------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class Failed:
    """An exception of the user's function, sent as an answer: so it is not taken for a failure on the way."""

    error: Exception

    def __reduce__(self) -> Any:
        try:
            packed = pack(self.error)
            unpack(packed)
        except Exception:  # it cannot be pickled, or not be made again
            text = "".join(traceback.format_exception(self.error))
            packed = pack(LazygradError(f"an exception that cannot be sent to another process: {text}"))
        return _unpack_failed, (packed,)


def _unpack_failed(packed: bytes) -> Failed:
    return Failed(unpack(packed))


class _OutOfStep(Exception):
    """A message builds on one that the replica has not seen."""


@contextmanager
def _name_shard(shard: int) -> Iterator[None]:
    """Let an exception tell of the shard, and of the line that raised it, which it forgets on its way home."""
    try:
        yield
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        error.add_note(f"in shard {shard}; raised at {frame.filename}:{frame.lineno}")
        raise


class Replica:
    """Some shards, the graphs of their losses and the memo of these, in the process where it is."""

    def __init__(self, data: Mapping[int, Any] | None = None) -> None:
        self._data = dict(data or {})  # the shards that were on the cluster before
        self._seen = 0  # the latest message
        self._state: int | None = None  # the message that the leaves are from
        self._leaves: list[Any] = []
        self._losses: dict[int, Prepared] = {}

    def ask(self, base: int | None, state: int, changed: Mapping[int, Any], questions: Questions, build: Any) -> object:
        """Take the leaves that have changed since the message `base`, and answer for each shard.

        Returns
        -------
        ``(answers, slot)``: for each shard a list with an answer to each question, and what its loss is; or `Failed`.
        """
        if state <= self._seen or (base is not None and base != self._state):
            raise _OutOfStep(f"message {state}, which builds on {base}, has come to a replica in state {self._state}")
        self._seen, self._state = state, None  # unless all goes well
        try:
            leaves = [None] * len(changed) if base is None else [*self._leaves]
            for k, leaf in changed.items():
                leaves[k] = leaf
            if build is not None:
                self._build(leaves, *build)
            answers = [self._answer(shard, leaves, questions) for shard in self._losses]
            slots = [loss._go_to(None).slots()[0] for loss in self._losses.values()]
        except Exception as error:
            return Failed(error)
        self._leaves, self._state = leaves, state
        return answers, slots[0]

    def _build(self, leaves: list[Any], function: Any, points: int, shards: Mapping[int, bytes | None]) -> None:
        make_loss, self._signature = unpack(function) if isinstance(function, bytes) else function
        (parameters,) = self._signature.build_arguments(leaves)
        losses = {}
        for k, packed in shards.items():
            data = self._data[k] if packed is None else unpack(packed)
            with _name_shard(k):
                losses[k] = prepare(_bind_shard(make_loss, data), parameters, points=points)
                losses[k]._check_number(losses[k]._go_to(None))
        self._losses = losses

    def _answer(self, shard: int, leaves: list[Any], questions: Questions) -> list[Any]:
        loss = self._losses[shard]
        with _name_shard(shard):
            at = loss._go_to(loss.signature.check_arguments(self._signature.build_arguments(leaves)))
            return [getattr(at, method)(*arguments) for method, arguments in questions]


def _bind_shard(make_loss: Callable[..., Any], data: Any) -> Callable[..., Any]:
    """Return the loss of one shard as a function of the parameters, under its own name."""

    @functools.wraps(make_loss)
    def loss(parameters: Any) -> Any:
        return make_loss(parameters, data)

    return loss


# -- where it is asked -----------------------------------------------------------------------------------------


@attrs.define(eq=False)
class Group:
    """Neighbouring shards that one worker keeps, and what is known of that worker."""

    shards: dict[int, Any]  # pickled, or a future
    actor: Any = None  # a `Replica`, here or on a worker
    address: str | None = None  # of the worker
    future: Any = None  # what keeps the actor there
    state: int | None = None  # the last message, if it was answered
    sent: list[Any] = attrs.field(factory=list)  # the leaves that it has then
    built: bool = False

    def give_up(self) -> None:
        """Give up an actor that does not answer, or is not needed any more."""
        if self.future is not None and self.future.client.status == "running":
            self.future.cancel()  # others may refer to it: what was sent to an actor is freed by the garbage collector
        self.actor = self.address = self.future = self.state = None
        self.sent, self.built = [], False


class Here:
    """All shards in this process."""

    def make_groups(self, shards: Sequence[Any]) -> list[Group]:
        """Return one group for all shards."""
        computed = [shard.compute() if is_dask_collection(shard) else shard for shard in shards]
        return [Group({k: pack(shard) for k, shard in enumerate(computed)})]

    def place(self, group: Group, groups: Sequence[Group]) -> None:
        """Make the replica of a group."""
        group.actor = Replica()

    def even(self, groups: Sequence[Group]) -> None:
        """Do nothing, as there is but one group."""

    def ask(self, group: Group, *message: object) -> Callable[[], object]:
        """Return a function that gives the answer."""
        return functools.partial(group.actor.ask, *message)


class Cluster:
    """An actor on each worker of a cluster."""

    def __init__(self, client: Client, workers: Sequence[str] | None) -> None:
        if client.asynchronous:
            raise TypeError("data_parallel waits for its workers: pass a Client made without `asynchronous=True`")
        self.client = client
        self.chosen = None if workers is None else set(workers)
        if self.chosen is not None and not self.chosen <= set(client.nthreads()):
            raise ValueError(f"workers must be among {sorted(client.nthreads())}, not {sorted(self.chosen)}")

    def _workers(self) -> list[str]:
        """Return the workers to use: the chosen ones, or all if none of these is left."""
        if not (found := list(self.client.nthreads())):
            self.client.wait_for_workers(1, timeout=PATIENCE)
            found = list(self.client.nthreads())
        return [address for address in found if self.chosen is None or address in self.chosen] or found

    def make_groups(self, shards: Sequence[object]) -> list[Group]:
        """Return as many groups of neighbouring shards as there are workers."""
        packed = []
        for shard in shards:
            if is_dask_collection(shard):
                packed.append(self.client.compute(shard))
            else:
                packed.append(shard if isinstance(shard, Future) else pack(shard))
        count = min(len(self._workers()), len(packed))
        cuts = [len(packed) * k // count for k in range(count + 1)]
        return [Group({k: packed[k] for k in range(*cut)}) for cut in itertools.pairwise(cuts)]

    def place(self, group: Group, groups: Sequence[Group]) -> None:
        """Make an actor for a group on the worker that has fewest."""
        taken = [other.address for other in groups]
        address = min(self._workers(), key=taken.count)
        data = {k: shard for k, shard in group.shards.items() if isinstance(shard, Future)}
        future = self.client.submit(Replica, data, actor=True, workers=[address], allow_other_workers=True, pure=False)
        future.result()
        (address,) = self.client.who_has(future)[future.key]
        with self.client.as_current():  # an actor asks through the client that is current when it is made
            group.actor = Actor(Replica, address, future.key)
        group.future, group.address = future, address

    def even(self, groups: Sequence[Group]) -> None:
        """Take a group from a worker that has several, if another has come that has none."""
        addresses = [group.address for group in groups]
        if len(set(addresses)) == len(groups):
            return
        free = [address for address in self._workers() if address not in addresses]
        for group in groups:
            if free and group.address is not None and addresses.count(group.address) > 1:
                free.pop()
                addresses.remove(group.address)
                group.give_up()

    def ask(self, group: Group, *message: object) -> Callable[[], object]:
        """Send a message, and return a function that waits for the answer."""
        result: Callable[[], Any] = group.actor.ask(*message).result
        return result
