"""Ways of building nodes that NumPy's namespace does not list, and the shapes of their leaves to move between.

Operators, methods, indices, ufunc methods, makers of arrays, ops of ours and primitives of users; each with points as
tuples of shapes, one shape for each leaf.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy
import scipy.special

import lazygrad as lg
import lazygrad.numpy as np
import lazygrad.scipy.integrate as lg_integrate
import lazygrad.scipy.linalg as lg_linalg
import lazygrad.scipy.signal as lg_signal
import lazygrad.scipy.special as lg_special
import lazygrad.scipy.stats as lg_stats

Shapes = tuple[tuple[int, ...], ...]


class Way(NamedTuple):
    """A way to build nodes from leaves, and the points to move between."""

    name: str
    make: Callable[..., Any]
    points: tuple[Shapes, ...]


def each(points: Any, **ways: Callable[..., Any]) -> list[Way]:
    return [Way(name, make, points) for name, make in ways.items()]


ANY = tuple((s,) for s in ((3,), (), (2, 3), (5,), (0,), (1,), (2, 2, 2), (1, 3), (3, 3)))
LONG = tuple((s,) for s in ((3,), (2, 3), (5,), (1,), (4, 2), (2, 2, 2)))
PAIRS = (((3,), (3,)), ((2, 3), (3,)), ((), (2,)), ((1, 2), (2, 1)), ((5,), ()), ((0,), (1,)), ((2, 2, 2), (2, 2)))
PRODUCTS = (
    *(((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((2, 2, 3), (3,)), ((0,), (0,))),
    *(((3,), (2, 3, 2)), ((2, 2, 3), (2, 3, 1)), ((1,), (1,)), ((5,), (5,))),
)
SQUARE = tuple((s,) for s in ((3, 3), (5, 5), (1, 1), (2, 2, 2), (0, 0), (2, 3, 3)))
MATRIX = tuple((s,) for s in ((3, 3), (5, 5), (2, 3), (4, 2), (1, 1), (2, 2, 3)))
VECTORS = tuple((s,) for s in ((4,), (6,), (5,), (1,), (3,), (0,)))
ROWS = tuple((s,) for s in ((2, 4), (6,), (3, 5), (2, 2, 3), (1, 1)))


@lg.primitive(vjp={"x": lambda g, x, axis: 2 * g * x}, shape=lambda x, axis: (x.shape, x.dtype))
def squared(x: Any, axis: int = 0) -> Any:
    return x * x


OPERATORS = (
    *each(
        ANY,
        square=lambda x: x**2,
        cube=lambda x: x**3,
        root=lambda x: x**0.5,
        inverse=lambda x: x**-1,
        one=lambda x: x**1,
        nothing=lambda x: x**0,
        base=lambda x: 2**x,
        minus=lambda x: -x,
        plus=lambda x: +x,
        size=abs,
        twice=lambda x: 2 * x + 1,
        half=lambda x: (1 - x) / 2,
        with_array=lambda x: x * numpy.float32(2),
        with_itself=lambda x: x * x + x / x,
        T=lambda x: x.T,
        flat=lambda x: x.reshape(-1),
        ravel=lambda x: x.ravel(),
        flatten=lambda x: x.flatten("F"),
        iterated=lambda x: x.flat,
        everything=lambda x: x[...],
        new_axis=lambda x: x[None],
        last_axis=lambda x: x[..., None],
        real=lambda x: x.real,
        imaginary=lambda x: x.imag,
        conjugate=lambda x: x.conj(),
        real_times=lambda x: x.real * x.imag,
        total=lambda x: x.sum(),
        average=lambda x: x.mean(),
        spread=lambda x: x.std(),
        summed_square=lambda x: x.sum() ** 2,
        squeezed=lambda x: x.squeeze(),
        doubled=lambda x: x.repeat(2),
        transposed=lambda x: x.transpose(),
        copied=lambda x: x.copy() * 1.0,
        cast=lambda x: x.astype(complex),
        rounded=lambda x: x.round(1) + x,
        clipped=lambda x: x.real.clip(0.2, 0.7),
        products=lambda x: x.cumprod(),
        sums=lambda x: x.cumsum(),
        stopped=lambda x: x * np.where(x == x, x, 0).real,
    ),
    *each(
        LONG,
        first=lambda x: x[0],
        last=lambda x: x[-1],
        few=lambda x: x[:2],
        backwards=lambda x: x[::-1],
        some=lambda x: x[[0, 0, -1]],
        of_the_last=lambda x: x[..., 0],
        column=lambda x: x[:, None],
        drop_first=lambda x: x[1:],
        difference=lambda x: x[1:] - x[:-1],
        put=lambda x: x.at[0].set(2.0),
        put_all=lambda x: x.at[...].set(2.0),
        added=lambda x: x.at[1:].add(x[:-1]),
        scaled=lambda x: x.at[-1].multiply(3.0),
        got=lambda x: x.at[0].get(),
        taken=lambda x: x.take(0),
        taken_axis=lambda x: x.take([0, -1], axis=0),
        swapped=lambda x: x.swapaxes(0, -1),
        mean_last=lambda x: x.mean(-1),
        var_first=lambda x: x.var(0),
        std_kept=lambda x: x.std(-1, keepdims=True),
        max_last=lambda x: x.real.max(-1),
        prod_first=lambda x: x.prod(0),
    ),
    *each(
        MATRIX,
        mT=lambda x: x.mT,
        diagonal=lambda x: x.diagonal(),
        trace=lambda x: x.trace(),
        gram=lambda x: x.mT @ x,
        corner=lambda x: x[0, 0],
        columns=lambda x: x[:, [0, -1]],
        of_diagonal=lambda x: x[..., [0, 1], [1, 0]],
    ),
    *each(
        PRODUCTS,
        matmul=lambda x, y: x @ y,
        dot=lambda x, y: x.dot(y),
        np_dot=lambda x, y: np.dot(x, y),
        matmul_T=lambda x, y: (y.T @ x.T).T,
        inner=lambda x, y: np.inner(x, y.T),
        einsum=lambda x, y: np.einsum("...i,i...->...", x, y),
        vdot=lambda x, y: np.vdot(x, x) + y.sum(),
    ),
    *each(
        PAIRS,
        add=lambda x, y: x + y,
        power=lambda x, y: (x * x + 1) ** y,
        divide=lambda x, y: x / (y * y + 1.5),
        compare=lambda x, y: np.where(x.real > y.real, x, y),
        floor=lambda x, y: x.real // (y.real**2 + 0.5) + x,
        remainder=lambda x, y: x.real % (y.real**2 + 0.5),
        maximum=lambda x, y: np.maximum(x.real, y.real),
        outer=lambda x, y: np.multiply.outer(x, y),
        add_outer=lambda x, y: np.add.outer(x, y),
        hypot_outer=lambda x, y: np.hypot.outer(x.real, y.real),
        joined=lambda x, y: np.concatenate([x.ravel(), y.ravel()]),
        kron=np.kron,
        listed=lambda x, y: np.array([x.sum(), 1.0, y.mean()]),
        of_rows=lambda x, y: np.array([[x.sum(), 0.0], [2, y.sum()]]),
        put_into=lambda x, y: x.at[...].set(x * y.sum()),
    ),
)

METHODS_OF_UFUNCS = (
    *each(
        LONG,
        add_reduce=lambda x: np.add.reduce(x),
        add_reduce_last=lambda x: np.add.reduce(x, axis=-1, keepdims=True),
        add_reduce_all=lambda x: np.add.reduce(x, axis=None),
        multiply_reduce=lambda x: np.multiply.reduce(x),
        subtract_reduce=lambda x: np.subtract.reduce(x),
        divide_reduce=lambda x: np.divide.reduce(x, axis=-1),
        maximum_reduce=lambda x: np.maximum.reduce(x.real),
        hypot_reduce=lambda x: np.hypot.reduce(x.real, axis=-1),
        logaddexp_reduce=lambda x: np.logaddexp.reduce(x.real, axis=-1),
        add_accumulate=lambda x: np.add.accumulate(x),
        multiply_accumulate=lambda x: np.multiply.accumulate(x, axis=-1),
        maximum_accumulate=lambda x: np.maximum.accumulate(x.real),
        minimum_accumulate=lambda x: np.minimum.accumulate(x.real, axis=-1),
        subtract_accumulate=lambda x: np.subtract.accumulate(x),
    ),
    *each(
        ANY,
        maximum_accumulate_any=lambda x: np.maximum.accumulate(x.real, axis=-1),
        subtract_reduce_all=lambda x: np.subtract.reduce(x.ravel()),
    ),
)

CREATION = (
    *each(
        ANY,
        full_like_node=lambda x: np.full_like(x, x.sum()),
        array=lambda x: np.array([x, x * 2]),
        asarray=lambda x: np.asarray([[x], [x]]),
        same=lambda x: np.asarray(x) * 2,
        contiguous=lambda x: np.ascontiguousarray(x),
        at_least=lambda x: np.atleast_2d(x),
        full=lambda x: np.full((2, *(1,) * 4), x.sum()),
        ndmin=lambda x: np.array(x, ndmin=2),
        mean_of=lambda x: np.mean([x, x * 2]),
        r_=lambda x: np.r_[x.ravel(), 1.0],
        c_=lambda x: np.c_[x.ravel(), x.ravel() ** 2],
        copy=lambda x: np.copy(x) * x,
    ),
    *each(
        PAIRS,
        linspace=lambda x, y: np.linspace(x, y, 5),
        logspace=lambda x, y: np.logspace(x * 0.1, y * 0.1, 3),
        geomspace=lambda x, y: np.geomspace(x.real + 3, y.real + 4, 4),
        linspace_short=lambda x, y: np.linspace(x, y, 4, endpoint=False, axis=-1),
        stack=lambda x, y: np.stack(np.broadcast_arrays(x, y)),
        meshgrid=lambda x, y: np.meshgrid(x.ravel(), y.ravel())[0],
    ),
)

TABLE_OF_SECTION_1 = (
    *each(
        SQUARE,
        eigh=lambda x: np.linalg.eigh(x)[0],
        eigh_both=lambda x: tuple(np.linalg.eigh(x)),
        eigvalsh=np.linalg.eigvalsh,
        eigvals=lambda x: np.abs(np.linalg.eigvals(x)),
        eig=lambda x: np.abs(np.linalg.eig(x)[0]),
        inv=np.linalg.inv,
        det=np.linalg.det,
        slogdet=lambda x: np.linalg.slogdet(x)[1],
        slogdet_sign=lambda x: np.linalg.slogdet(x)[0] + x.sum(),
        cholesky=np.linalg.cholesky,
        matrix_power=lambda x: np.linalg.matrix_power(x, 3),
        expm=lg_linalg.expm,
        sqrtm=lambda x: np.real(lg_linalg.sqrtm(x)),
    ),
    *each(
        MATRIX,
        svd=lambda x: np.linalg.svd(x, compute_uv=False),
        svd_all=lambda x: np.linalg.svd(x, full_matrices=False)[1],
        svdvals=np.linalg.svdvals,
        qr=lambda x: tuple(np.linalg.qr(x)),
        qr_r=lambda x: np.linalg.qr(x, mode="r"),
        pinv=np.linalg.pinv,
        norm=np.linalg.norm,
        norm_2=lambda x: np.linalg.norm(x, 2, axis=(-2, -1)),
        norm_1=lambda x: np.linalg.norm(x, 1, axis=(-2, -1)),
        cond=np.linalg.cond,
        block_diag=lambda x: lg_linalg.block_diag(x[0], 2.0 * x[0]),
        cov=lambda x: np.cov(x[0]),
        cov_all=np.cov,
        corrcoef=np.corrcoef,
        delete_row=lambda x: np.delete(x, 0, axis=0),
        insert_row=lambda x: np.insert(x, 0, 2.0, axis=0),
        tril=np.tril,
        rot90=np.rot90,
        vsplit=lambda x: np.vsplit(x, 1)[0],
        array_split_last=lambda x: np.array_split(x, 2, axis=-1)[1],
    ),
    *each(
        VECTORS,
        fft=lambda x: np.abs(np.fft.fft(x)),
        delete=lambda x: np.delete(x, -1),
        insert=lambda x: np.insert(x, -1, 3.0),
        split=lambda x: np.split(x, [1])[1],
        array_split=lambda x: np.array_split(x, 3),
        take_clip=lambda x: np.take(x, [0, 7, 2], mode="clip"),
        take_wrap=lambda x: np.take(x, [0, 7, -2], mode="wrap"),
        poly=np.poly,
        toeplitz=lg_linalg.toeplitz,
        vander=np.vander,
        convolve_same=lambda x: np.convolve(x, [1.0, 2.0, 3.0, 4.0], "same"),
        correlate_same=lambda x: np.correlate(x, [1.0, 2.0, 3.0, 4.0], "same"),
        signal_convolve=lambda x: lg_signal.convolve(x, np.array([1.0, 2.0, 3.0]), "same"),
        signal_correlate=lambda x: lg_signal.correlate(x, np.array([1.0, 2.0, 3.0]), "same"),
        convolve_valid=lambda x: np.convolve(x, [1.0, 2.0], "valid"),
        vdot=lambda x: np.vdot(x, x),
        vecdot=lambda x: np.vecdot(x, x),
        diag=np.diag,
        trapezoid=np.trapezoid,
        gradient=np.gradient,
        ediff1d=np.ediff1d,
        polyval=lambda x: np.polyval(x, 0.5),
        polyder=np.polyder,
        polyint=np.polyint,
        polymul=lambda x: np.polymul(x, [1.0, 2.0]),
        interp=lambda x: np.interp(np.array([0.3, 0.6]), np.cumsum(x.real**2 + 0.1), x.real),
        nanvar=np.nanvar,
        nanstd=np.nanstd,
        nanmean=np.nanmean,
        nansum=np.nansum,
        nanmedian=lambda x: np.nanmedian(x.real),
        median=lambda x: np.median(x.real),
        quantile=lambda x: np.quantile(x.real, [0.2, 0.7]),
        resize=lambda x: np.resize(x, (2, 3)),
        tile=lambda x: np.tile(x, (2, 2)),
        pad=lambda x: np.pad(x, 2),
        pad_edge=lambda x: np.pad(x, 2, mode="edge"),
        pad_wrap=lambda x: np.pad(x, 2, mode="wrap"),
        pad_mean=lambda x: np.pad(x, 2, mode="mean"),
        roll=lambda x: np.roll(x, 2),
        expand=lambda x: np.expand_dims(x, (0, 2)),
        hilbert=lambda x: np.outer(x, x),
        average=np.average,
    ),
    *each(
        ROWS,
        rfft=lambda x: np.abs(np.fft.rfft(x.real)),
        ifft=lambda x: np.fft.ifft(x).real,
        irfft=lambda x: np.fft.irfft(x),
        hfft=lambda x: np.fft.hfft(x),
        ihfft=lambda x: np.abs(np.fft.ihfft(x.real)),
        fftn=lambda x: np.abs(np.fft.fftn(x)),
        ifftn=lambda x: np.fft.ifftn(x).real,
        rfftn=lambda x: np.abs(np.fft.rfftn(x.real)),
        irfftn=np.fft.irfftn,
        fftshift=np.fft.fftshift,
        ifftshift=np.fft.ifftshift,
        fftshift_last=lambda x: np.fft.fftshift(x, -1),
        sort=lambda x: np.sort(x.real),
        partition=lambda x: np.partition(x.real, 0),
        flip=np.flip,
        diff=np.diff,
        cumsum=lambda x: np.cumsum(x, -1),
        softmax=lambda x: lg_special.softmax(x.real, axis=-1),
        logsumexp=lambda x: lg_special.logsumexp(x.real, axis=-1),
        unwrap=lambda x: np.unwrap(x.real * 5),
        var=lambda x: np.var(x, axis=-1, ddof=0),
        apply=lambda x: np.apply_along_axis(np.cumsum, -1, x),
        over=lambda x: np.apply_over_axes(np.sum, x, [0]),
        delete_last=lambda x: np.delete(x, 0, axis=-1),
        cumulative=lambda x: lg_integrate.cumulative_trapezoid(x, axis=-1),
    ),
    *each(
        PAIRS,
        kron=np.kron,
        correlate=lambda x, y: np.correlate(x.ravel(), y.ravel(), "full"),
        convolve=lambda x, y: np.convolve(x.ravel(), y.ravel()),
        outer=np.outer,
        vdot=lambda x, y: np.vdot(x * y, y * x),
        conj=lambda x, y: np.conj(x) * y,
        real=lambda x, y: np.real(x) + y,
        angle=lambda x, y: np.angle(x * y + 2),
        block_diag=lambda x, y: lg_linalg.block_diag(np.atleast_2d(x.ravel()), np.atleast_2d(y.ravel())),
        tensordot=lambda x, y: np.tensordot(x, y, 0),
        broadcast=lambda x, y: np.broadcast_arrays(x, y)[0],
        meshgrid=lambda x, y: np.meshgrid(x.ravel(), y.ravel()),
        norm_pdf=lambda x, y: lg_stats.norm.pdf(x.real, y.real),
        logpdf=lambda x, y: lg_stats.norm.logpdf(x.real, loc=y.real, scale=1.5),
        expit=lambda x, y: scipy.special.expit(x.real * y.real),
    ),
)

LAYERS = (
    ((4, 3), (3, 2), (2,)),
    ((1, 3), (3, 5), (5,)),
    ((2, 2), (2, 2), (1,)),
    ((0, 3), (3, 2), ()),
    ((5, 1), (1, 1), (1,)),
)
IMAGES = (
    ((2, 3, 6, 6), (4, 3, 3, 3)),
    ((1, 1, 4, 5), (1, 1, 2, 2)),
    ((3, 2, 5, 4), (2, 2, 1, 1)),
    ((1, 3, 8, 8), (2, 3, 3, 3)),
)
IMAGE = tuple((s,) for s in ((1, 2, 4, 4), (2, 1, 6, 4), (1, 1, 2, 2), (3, 2, 5, 5)))

OURS = (
    *each(
        LAYERS,
        layer=lambda x, W, b: np.tanh(x @ W + b),
        relu=lambda x, W, b: lg.ops.relu((x @ W + b).real),
        softmax=lambda x, W, b: lg.ops.softmax((x @ W + b).real),
        log_softmax=lambda x, W, b: lg.ops.log_softmax((x @ W + b).real, axis=-1),
        loss=lambda x, W, b: ((x @ W + b) ** 2).mean(),
        sigmoid=lambda x, W, b: lg.ops.sigmoid((x @ W + b).real).sum(axis=0),
    ),
    *each(IMAGES, conv2d=lg.ops.conv2d, padded=lambda x, k: lg.ops.conv2d(x, k, padding=1, stride=2)),
    *each(
        IMAGE,
        max_pool=lambda x: lg.ops.max_pool2d(x.real, 2),
        avg_pool=lambda x: lg.ops.avg_pool2d(x, 2),
        normalised=lambda x: (x - x.mean((0, 2, 3), keepdims=True)) / (x.std((0, 2, 3), keepdims=True) + 1),
    ),
    *each(ANY, primitive=lambda x: squared(x, axis=0), nested=lambda x: squared(squared(x)) + x),
)

WAYS_TO_BUILD: tuple[Way, ...] = (*OPERATORS, *METHODS_OF_UFUNCS, *CREATION, *TABLE_OF_SECTION_1, *OURS)
