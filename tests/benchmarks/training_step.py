"""W4: a full training step, value and all gradients, for a fresh batch and updated weights each time."""

from __future__ import annotations

from script import script  # isort: skip  (pins the threads before NumPy loads)

from collections.abc import Iterator

import numpy as np
from harness import Question
from networks import classifier, classifier_arrays, classifier_step

PEERS = ("torch", "JAX", "autograd", "PyTensor")
LARGE = {"memo": 1.05, "compiled": 1.00, "function": 1.00}
SMALL = {"memo": 1.45, "rebuilt": 2.0, "transform": 2.0, "compiled": 0.85, "function": 0.85, "numba": 0.50}


def questions(quick: bool) -> Iterator[Question]:
    """Return a large and a small network, in both precisions."""
    large = ((12, 8, 6, 4), 5, LARGE) if quick else ((784, 512, 256, 10), 128, LARGE)
    for sizes, batch, targets in (large, ((64, 32, 10), 32, SMALL)):
        for dtype in ("float32", "float64"):
            arrays = classifier_arrays(sizes, batch, np.dtype(dtype))
            yield Question(
                "W4",
                f"{'-'.join(map(str, sizes))}, batch {batch}, {dtype}, fresh batch and weights",
                loss=classifier,
                by_hand=classifier_step(batch),
                arrays=arrays,
                queries=[range(2, len(arrays))],
                changing=range(len(arrays)),
                value=True,
                targets=targets,
                peers=PEERS,
                kinks=True,
            )


if __name__ == "__main__":
    script(__doc__, questions)
