"""W2: ten successive single-parameter queries, of 10 tanh layers, against one hand-written sweep."""

from __future__ import annotations

from script import script  # isort: skip  (pins the threads before NumPy loads)

from collections.abc import Iterator

from harness import Question
from networks import regression, regression_arrays, regression_sweep
from ours import counts

PEERS = ("torch", "JAX", "autograd", "PyTensor")
DEPTH = 10


def questions(quick: bool) -> Iterator[Question]:
    """Two widths; a fresh batch each time."""
    for width, batch, memo in ((8, 4, 1.1), (6, 4, 1.6)) if quick else ((256, 64, 1.1), (32, 32, 1.6)):
        yield Question(
            "W2",
            f"{DEPTH} queries, {DEPTH} layers of {width}, batch {batch}, float64, fresh batch",
            loss=regression,
            by_hand=regression_sweep,
            arrays=regression_arrays(DEPTH, width, batch),
            queries=[[k] for k in range(DEPTH + 1, 1, -1)],
            changing=[0],
            targets={"memo": memo, "compiled": 1.05},
            peers=PEERS,
            without=["numba"],
            notes=[counts],
        )


if __name__ == "__main__":
    script(__doc__, questions)
