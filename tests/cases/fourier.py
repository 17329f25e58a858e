"""Rows of the discrete Fourier transforms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.helpers.op_rows import FLOATS, Row, calls, complexes, real

NORMS = ("backward", "ortho", "forward")
ONE = (((4,),), ((5,),))
LENGTHS = tuple({"n": n, "axis": 0, "norm": norm} for n, norm in zip((3, 6, 7), NORMS, strict=True))
ONE_STATICS = ({}, *LENGTHS)
SOME = (((2, 3, 4),),)
SIZES: tuple[Mapping[str, Any], ...] = (
    {"axes": (0, 1)},
    {"s": (3, 5), "axes": (-1, 0), "norm": "ortho"},
    {"s": (2, -1), "axes": (0, 2), "norm": "forward"},
)


def one(function: Any, domain: Any, **fields: Any) -> tuple[Row, ...]:
    """Return rows of a transform along one axis: lengths odd and even, cut and padded, and each norm."""
    return (
        calls(function, domain, shapes=ONE, statics=ONE_STATICS, **fields),
        calls(function, domain, shapes=(((2, 3),), ((0, 3),)), statics=({"axis": 1}, {"n": 2}), dtypes=(), **fields),
    )


def several(function: Any, domain: Any, **fields: Any) -> Row:
    return calls(function, domain, shapes=SOME, statics=SIZES, **fields)


def two(function: Any, domain: Any, **fields: Any) -> Row:
    return calls(function, domain, shapes=(((3, 4),),), statics=({}, {"axes": (1, 0), "norm": "ortho"}), **fields)


def whole(function: Any, domain: Any, **fields: Any) -> Row:
    return calls(function, domain, shapes=(((3, 4),), ((2, 1, 3),)), dtypes=(), label="of all axes", **fields)


def form(label: str, dtypes: Any = FLOATS) -> dict[str, Any]:
    return {"label": label, "dtypes": dtypes}


COMPLEX = form("of complex")
REPEATED = ({"axes": (0, 0)}, {"s": (2, 4), "axes": (0, 0)})

ROWS = (
    *[
        Row(name, numpy, (domain,), SOME, ({"s": (3, 2), "axes": (0, 2), "norm": "ortho"},), FLOATS, label=label)
        for name, numpy in (("fft", np.fft.fftn), ("ifft", np.fft.ifftn))
        for domain, label in ((real, "of real"), (complexes, "of complex"))
    ],
    *[
        Row(name, numpy, (domain,), ((shape,),), ({"n": n, "axis": 0, "norm": "forward"},), FLOATS)
        for name, numpy, domain in (("rfft", np.fft.rfft, real), ("irfft", np.fft.irfft, complexes))
        for shape, n in (((4,), 4), ((3, 2), 5), ((5, 2), 3), ((1,), 1))
    ],
    *one(np.fft.fft, real),
    *one(np.fft.fft, complexes, label="of complex")[:1],
    *one(np.fft.ifft, complexes),
    *one(np.fft.rfft, real),
    *one(np.fft.irfft, complexes),
    *one(np.fft.irfft, real, label="of real")[:1],
    *one(np.fft.hfft, complexes),
    *one(np.fft.ihfft, real),
    two(np.fft.fft2, complexes),
    two(np.fft.ifft2, real),
    two(np.fft.rfft2, real),
    two(np.fft.irfft2, complexes),
    several(np.fft.fftn, real),
    several(np.fft.fftn, complexes, **COMPLEX),
    several(np.fft.ifftn, complexes, **COMPLEX),
    several(np.fft.rfftn, real),
    several(np.fft.irfftn, complexes, **COMPLEX),
    whole(np.fft.fftn, complexes),
    whole(np.fft.ifftn, real),
    whole(np.fft.rfftn, real),
    whole(np.fft.irfftn, complexes),
    calls(np.fft.fftn, complexes, shapes=(((3, 2),),), statics=REPEATED, **form("twice along an axis")),
    *[
        calls(
            f,
            complexes,
            shapes=(((4,),), ((5, 2),), ((0, 3),)),
            statics=({}, {"axes": 0}, {"axes": (0,)}),
            dtypes=FLOATS,
        )
        for f in (np.fft.fftshift, np.fft.ifftshift)
    ],
)
