"""Discrete Fourier transforms.

All are linear, so a jvp is the transform of the tangent. The matrix of a complex transform is symmetric: its
transpose is itself, between cutting and padding. A real transform keeps half of the frequencies, each of which
stands for its mirror image, too; so the transposes of `rfft` and `irfft` are each other, but for weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.lib.array_utils import normalize_axis_index

from .._graph.node import Node
from .._graph.types import both as np
from ._declare import function, linear, result_dtype
from ._op import Op, Signature
from ._settings import check_length
from .indexing import scatter_add

__all__ = ["fft", "ifft", "irfft", "rfft"]

# The norm that scales the opposite transform as this one scales its own.
OPPOSITE = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _fit(g: Any, shape: tuple[int, ...]) -> Any:
    """Cut an array, or pad it with zeros, at the end of each axis: the transpose of doing it the other way."""
    key = tuple([slice(min(n, m)) for n, m in zip(g.shape, shape, strict=True)])
    g = g[key]
    return g if g.shape == shape else scatter_add(g, shape=shape, key=key)


def _signature(transform: Any, x: Node, lengths: Sequence[int], axes: Sequence[int], norm: str | None) -> Signature:
    if norm not in OPPOSITE:
        raise ValueError(f'norm is {norm!r}, but should be "backward", "ortho" or "forward"')
    shape = list(x.shape)
    for n, axis in zip(lengths, axes, strict=True):
        shape[axis] = n
    return tuple(shape), result_dtype(transform, x.dtype)


def _of_two_points(transform: Any) -> Any:
    """Return a transform that takes two points of any input, to ask NumPy for its dtype."""
    return lambda x: transform(x, 2)


_FFT, _IFFT, _RFFT, _IRFFT = [_of_two_points(f) for f in (np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft)]

# -- complex transforms ------------------------------------------------------------------------------


fft: Op = linear(
    "fft",
    lambda x, s, axes, norm: np.fft.fftn(x, s, axes, norm),
    shape=lambda x, s, axes, norm: _signature(_FFT, x, s, axes, norm),
    transpose=lambda g, x_shape, s, axes, norm: _fit(fft(g, s=s, axes=axes, norm=norm), x_shape),
    statics={"s": (), "axes": (), "norm": None},
    doc="Return the discrete Fourier transform along some axes, each cut or padded to a length.",
)

ifft: Op = linear(
    "ifft",
    lambda x, s, axes, norm: np.fft.ifftn(x, s, axes, norm),
    shape=lambda x, s, axes, norm: _signature(_IFFT, x, s, axes, norm),
    transpose=lambda g, x_shape, s, axes, norm: _fit(ifft(g, s=s, axes=axes, norm=norm), x_shape),
    statics={"s": (), "axes": (), "norm": None},
    doc="Return the inverse discrete Fourier transform along some axes, each cut or padded to a length.",
)

# -- transforms between real arrays and half of the frequencies -------------------------------------


def _weights(g: Any, n: int, axis: int, inner: float) -> Any:
    """Return 1 for each frequency that is its own mirror image, and `inner` for those that stand for two."""
    weights = np.full(n // 2 + 1, inner, np.finfo(g.dtype).dtype)
    weights[0] = 1
    if n % 2 == 0:
        weights[-1] = 1
    return weights.reshape(-1, *(1,) * (g.ndim - axis - 1))


def _rfft_signature(x: Node, n: int, axis: int, norm: str | None) -> Signature:
    if x.dtype.kind == "c":
        raise TypeError(f"rfft takes real numbers, but {x!r} is complex: take its `.real`, or use fft")
    return _signature(_RFFT, x, (n // 2 + 1,), (axis,), norm)


def _rfft_transpose(g: Any, x_shape: tuple[int, ...], n: int, axis: int, norm: str | None) -> Any:
    g = np.conj(g) * _weights(g, n, axis, 0.5)
    return _fit(irfft(g, n=n, axis=axis, norm=OPPOSITE[norm]), x_shape)


def _irfft_transpose(g: Any, x_shape: tuple[int, ...], n: int, axis: int, norm: str | None) -> Any:
    g = np.conj(rfft(g, n=n, axis=axis, norm=OPPOSITE[norm]))
    return _fit(g * _weights(g, n, axis, 2.0), x_shape)


rfft: Op = linear(
    "rfft",
    lambda x, n, axis, norm: np.fft.rfft(x, n, axis, norm),
    shape=_rfft_signature,
    transpose=_rfft_transpose,
    statics={"n": 1, "axis": -1, "norm": None},
    doc="Return the frequencies 0 ... n // 2 of a real array along an axis.",
)


def _real_from_half(x: Any, n: int, axis: int, norm: str | None) -> Any:
    """Return the inverse transform; of no frequencies NumPy would return what was in memory."""
    if not x.shape[axis]:
        x = np.zeros((*x.shape[:axis], 1, *x.shape[axis:][1:]), x.dtype)
    return np.fft.irfft(x, n, axis, norm)


irfft: Op = linear(
    "irfft",
    _real_from_half,
    shape=lambda x, n, axis, norm: _signature(_IRFFT, x, (n,), (axis,), norm),
    transpose=_irfft_transpose,
    statics={"n": 1, "axis": -1, "norm": None},
    doc="Return the real array that has these frequencies 0 ... n // 2 along an axis.",
)

# -- NumPy's functions -----------------------------------------------------------------------------

Axes = Sequence[int] | None


def _length(n: int | None, default: int) -> int:
    n = default if n is None else check_length(n)
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.")
    return n


def _along_all(a: Any, s: Sequence[int | None] | None, axes: Axes) -> tuple[list[int], list[int]]:
    """Return the length and the place of each axis to transform."""
    if axes is None:
        axes = range(a.ndim) if s is None else range(-len(s), 0)
    axes = [normalize_axis_index(k, a.ndim) for k in axes]
    if s is None:
        s = [a.shape[k] for k in axes]
    if len(s) != len(axes):
        raise ValueError("Shape and axes have different lengths.")
    return [_length(None if n == -1 else n, a.shape[k]) for n, k in zip(s, axes, strict=True)], axes


def _nd(transform: Op, a: Any, s: list[int], axes: list[int], norm: str | None) -> Any:
    if not axes:
        return a
    if len(set(axes)) == len(axes):
        return transform(a, s=tuple(s), axes=tuple(axes), norm=norm)
    for n, axis in zip(s[::-1], axes[::-1], strict=True):  # an axis that is named twice is transformed twice
        a = transform(a, s=(n,), axes=(axis,), norm=norm)
    return a


def _declare_complex(numpy: tuple[Any, Any, Any], transform: Op) -> tuple[Any, Any, Any]:
    """Declare NumPy's three functions of one complex transform on nodes."""

    @function(numpy[0])
    def along_one(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
        """Transform along one axis."""
        axis = normalize_axis_index(axis, a.ndim)
        return transform(a, s=(_length(n, a.shape[axis]),), axes=(axis,), norm=norm)

    @function(numpy[1])
    def along_two(a: Any, s: Any = None, axes: Axes = (-2, -1), norm: str | None = None) -> Any:
        """Transform along two axes."""
        return _nd(transform, a, *_along_all(a, s, axes), norm)

    @function(numpy[2])
    def along_all(a: Any, s: Any = None, axes: Axes = None, norm: str | None = None) -> Any:
        """Transform along several axes, all by default."""
        return _nd(transform, a, *_along_all(a, s, axes), norm)

    return along_one, along_two, along_all


_declare_complex((np.fft.fft, np.fft.fft2, np.fft.fftn), fft)
_declare_complex((np.fft.ifft, np.fft.ifft2, np.fft.ifftn), ifft)


@function(np.fft.rfft)
def _rfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """Return the frequencies 0 ... n // 2 of real numbers along an axis."""
    axis = normalize_axis_index(axis, a.ndim)
    return rfft(a, n=_length(n, a.shape[axis]), axis=axis, norm=norm)


@function(np.fft.irfft)
def _irfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """Return the real numbers that have these frequencies along an axis."""
    axis = normalize_axis_index(axis, a.ndim)
    return irfft(a, n=_length(n, 2 * (a.shape[axis] - 1)), axis=axis, norm=norm)


@function(np.fft.rfftn)
def _rfftn(a: Any, s: Any = None, axes: Axes = None, norm: str | None = None) -> Any:
    """Transform real numbers along the last of the axes, and its result along the others."""
    s, axes = _along_all(a, s, axes)
    a = rfft(a, n=s[-1], axis=axes[-1], norm=norm)
    return _nd(fft, a, s[:-1], axes[:-1], norm)


@function(np.fft.irfftn)
def _irfftn(a: Any, s: Any = None, axes: Axes = None, norm: str | None = None) -> Any:
    """Invert `_rfftn`: along all axes but the last, then to real numbers along that one."""
    whole = s is None
    s, axes = _along_all(a, s, axes)
    if whole:
        s[-1] = _length(None, 2 * (a.shape[axes[-1]] - 1))
    a = _nd(ifft, a, s[-2::-1], axes[-2::-1], norm)
    return irfft(a, n=s[-1], axis=axes[-1], norm=norm)


@function(np.fft.rfft2)
def _rfft2(a: Any, s: Any = None, axes: Axes = (-2, -1), norm: str | None = None) -> Any:
    """Transform real numbers along two axes."""
    return _rfftn(a, s, axes, norm)


@function(np.fft.irfft2)
def _irfft2(a: Any, s: Any = None, axes: Axes = (-2, -1), norm: str | None = None) -> Any:
    """Return the real numbers that have these frequencies along two axes."""
    return _irfftn(a, s, axes, norm)


@function(np.fft.hfft)
def _hfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """Return the real transform of numbers that are Hermitian along an axis."""
    return _irfft(np.conj(a), n, axis, _opposite(norm))


@function(np.fft.ihfft)
def _ihfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """Return the Hermitian numbers whose transform along an axis is real."""
    return np.conj(_rfft(a, n, axis, _opposite(norm)))


def _opposite(norm: str | None) -> str | None:
    return OPPOSITE.get(norm, norm)  # an unknown one is refused later


# -- the order of frequencies ------------------------------------------------------------------------


def _roll_half(x: Any, axes: Any, sign: int) -> Any:
    if axes is None:
        axes = tuple(range(x.ndim))
    along = (axes,) if isinstance(axes, (int, np.integer)) else tuple(axes)
    # -(n // 2) is not (-n) // 2: of an odd number of frequencies, one more belongs to the first half.
    return np.roll(x, [sign * (x.shape[k] // 2) for k in along], along)


@function(np.fft.fftshift)
def _fftshift(x: Any, axes: Any = None) -> Any:
    """Move the frequency 0 to the middle of the axes."""
    return _roll_half(x, axes, 1)


@function(np.fft.ifftshift)
def _ifftshift(x: Any, axes: Any = None) -> Any:
    """Move the frequency 0 from the middle of the axes to their start."""
    return _roll_half(x, axes, -1)
