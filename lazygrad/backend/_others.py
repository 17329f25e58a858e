"""JAX, PyTorch and autograd as backends, to check answers against another library's.

Each calls the function with its own arrays, so that it has to be written for them: with operators, methods, and
the functions of ``Backend.namespace``. Nothing is imported before it is used.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from ._backend import Backend
from ._point import Flat, Point, Pull

__all__ = ["Autograd", "Jax", "Torch"]


class Jax(Backend):
    """JAX, with 64-bit numbers where ours are; its own setting stays as it is."""

    @cached_property
    def _jax(self) -> Any:
        return import_module("jax")

    @property
    def namespace(self) -> ModuleType:
        """Return ``jax.numpy``."""
        return import_module("jax.numpy")

    @contextmanager
    def _wide(self) -> Iterator[None]:
        with self._jax.enable_x64(True):
            yield

    def array(self, value: object) -> Any:
        """Return a JAX array of the same dtype."""
        with self._wide():
            return self.namespace.asarray(value)

    def value(self, at: Point) -> list[Any]:
        """Return the outputs."""
        with self._wide():
            return super().value(at)

    def vjp(self, f: Flat, arrays: Sequence[object]) -> tuple[list[Any], Pull]:
        """Return the outputs, and the function that pulls cotangents back, by ``jax.vjp``."""
        with self._wide():
            outs, pull_all = self._jax.vjp(lambda *moved: list(map(self.array, f(*moved))), *map(self.array, arrays))

        def pull(cotangents: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
            with self._wide():
                found = pull_all(list(map(self.array, cotangents)))
            return [found[k] for k in wanted]

        return outs, pull

    def jvp(self, at: Point, tangents: Sequence[object]) -> list[Any]:
        """Return the tangents of the outputs by ``jax.jvp``."""
        with self._wide():
            moved = [self.array(a) for a in at.arrays]
            pushed = self._jax.jvp(
                lambda *x: list(map(self.array, at.function(*x))), moved, list(map(self.array, tangents))
            )
        return pushed[1]

    def hvp(self, at: Point, vectors: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
        """Return the Hessian's products with vectors by ``jax.vjp`` inside ``jax.vjp``."""
        with self._wide():
            return super().hvp(at, vectors, wanted)


class Torch(Backend):
    """PyTorch on the CPU. Its gradients by complex numbers are the conjugates of ours."""

    @cached_property
    def _torch(self) -> Any:
        return import_module("torch")

    @property
    def namespace(self) -> ModuleType:
        """Return ``torch``."""
        return self._torch

    def array(self, value: object) -> Any:
        """Return a tensor with a copy of the numbers."""
        return value if isinstance(value, self._torch.Tensor) else self._torch.tensor(np.asarray(value))

    def vjp(self, f: Flat, arrays: Sequence[object]) -> tuple[list[Any], Pull]:
        """Return the outputs, and the function that pulls cotangents back, by ``torch.func.vjp``."""
        outs, pull_all = self._torch.func.vjp(lambda *x: tuple(map(self.array, f(*x))), *map(self.array, arrays))

        def pull(cotangents: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
            found = pull_all(tuple([self.array(w).conj() for w in cotangents]))
            return [found[k].conj().resolve_conj() for k in wanted]

        return list(outs), pull

    def jvp(self, at: Point, tangents: Sequence[object]) -> list[Any]:
        """Return the tangents of the outputs by ``torch.func.jvp``."""
        moved = tuple([self.array(a) for a in at.arrays])
        with warnings.catch_warnings():  # torch's own, as it loads what forward mode needs
            warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", DeprecationWarning)
            pushed = self._torch.func.jvp(
                lambda *x: tuple(map(self.array, at.function(*x))), moved, tuple(map(self.array, tangents))
            )
        return list(pushed[1])


class Autograd(Backend):
    """HIPS autograd."""

    @property
    def namespace(self) -> ModuleType:
        """Return ``autograd.numpy``."""
        return import_module("autograd.numpy")

    def array(self, value: object) -> Any:
        """Return the array, or the box that autograd has put around it."""
        return value if isinstance(value, import_module("autograd.tracer").Box) else np.asarray(value)

    def vjp(self, f: Flat, arrays: Sequence[object]) -> tuple[list[Any], Pull]:
        """Return the outputs, and the function that pulls cotangents back, by ``make_vjp``."""
        autograd, containers = import_module("autograd"), import_module("autograd.builtins")
        with warnings.catch_warnings():  # that nothing depends on an argument is an answer: zero
            warnings.filterwarnings("ignore", "Output seems independent of input")
            make_pull = autograd.make_vjp(lambda moved: containers.tuple(map(self.array, f(*moved))))
            pull_all, outs = make_pull(containers.tuple(arrays))

        def pull(cotangents: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
            found = pull_all(containers.tuple(cotangents))
            return [found[k] for k in wanted]

        return list(outs), pull
