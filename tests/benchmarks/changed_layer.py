"""W3: one of 20 layers changes and its gradient is asked again, against incremental NumPy."""

from __future__ import annotations

from script import script  # isort: skip  (pins the threads before NumPy loads)

from collections.abc import Iterator

from harness import Question
from networks import regression, regression_arrays, regression_layer
from ours import counts

PEERS = ("torch", "JAX", "PyTensor")
DEPTH = 20


def questions(quick: bool) -> Iterator[Question]:
    """Return the last, a middle and the first layer."""
    width, batch = (8, 4) if quick else (256, 64)
    for name, layer, memo in (("last", DEPTH - 1, 1.25), ("middle", DEPTH // 2, 1.08), ("first", 0, 1.10)):
        arrays = regression_arrays(DEPTH, width, batch)
        yield Question(
            "W3",
            f"{DEPTH} layers of {width}, batch {batch}, float64, the {name} layer changes",
            loss=regression,
            by_hand=regression_layer(layer, arrays[0], arrays[2:]),
            arrays=arrays,
            queries=[[2 + layer]],
            changing=[2 + layer],
            targets={"memo": memo, "compiled": 1.05},
            peers=PEERS,
            without=["rebuilt", "numba"],
            notes=[counts],
        )


if __name__ == "__main__":
    script(__doc__, questions)
