"""W1: one layer's gradient of a network 784-512-512-256-10, for a fresh batch each time."""

from __future__ import annotations

from script import script  # isort: skip  (pins the threads before NumPy loads)

from collections.abc import Iterator

import numpy as np
from harness import Question
from networks import classifier, classifier_arrays, classifier_layer

PEERS = ("torch", "JAX", "autograd", "PyTensor")


def questions(quick: bool) -> Iterator[Question]:
    """Return the last layer, and one in the middle."""
    sizes, batch = ((12, 8, 8, 6, 4), 5) if quick else ((784, 512, 512, 256, 10), 128)
    for dtype in ("float32", "float64"):
        for name, layer in (("last", len(sizes) - 2), ("middle", 1)):
            yield Question(
                "W1",
                f"{'-'.join(map(str, sizes))}, batch {batch}, {dtype}, {name} layer, fresh batch",
                loss=classifier,
                by_hand=classifier_layer(batch, layer),
                arrays=classifier_arrays(sizes, batch, np.dtype(dtype)),
                queries=[[2 + 2 * layer]],
                changing=[0, 1],
                targets={"memo": 1.10, "compiled": 1.03},
                peers=PEERS,
                kinks=True,
                without=["numba"],
            )


if __name__ == "__main__":
    script(__doc__, questions)
