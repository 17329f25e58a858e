"""Pickling for workers that do not have the user's modules: functions and ops go along by value where they must.

pickle takes a function of a notebook, or an op declared in a script, by name, under which a worker does not have it.
cloudpickle sends functions by value; here ops are sent so, too.
"""

from __future__ import annotations

import io
import pickle
import pkgutil
from typing import Any

import attrs
import cloudpickle

from ..._functions import primitive
from ...ops import _rule
from ...ops._op import OPS, Op

__all__ = ["pack", "unpack"]

# Objects that are compared by identity, so that a copy would not do.
MARKS = [(_rule, "ZERO"), (_rule, "UNDEFINED"), (primitive, "REQUIRED")]


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle's pickler, which knows ops and marks as well."""

    def reducer_override(self, obj: Any) -> Any:
        for module, name in MARKS:
            if obj is getattr(module, name):
                return pkgutil.resolve_name, (f"{module.__name__}:{name}",)
        if isinstance(obj, Op) and OPS.get(obj.name) is not obj:
            return _build_op, (type(obj), {a.name: getattr(obj, a.name) for a in attrs.fields(type(obj))})
        return super().reducer_override(obj)


def _build_op(kind: type[Op], fields: dict[str, Any]) -> Op:
    return kind(**fields)


def pack(thing: object) -> bytes:
    """Return a thing as bytes, from which `unpack` makes it again in any process that has lazygrad.

    Examples
    --------
    >>> import lazygrad as lg
    >>> twice = lg.primitive(lambda x: 2 * x, vjp=lambda g: 2 * g, shape="elementwise", name="twice")
    >>> lg.grad(unpack(pack(twice)))(3.0)
    array(2.)
    """
    stream = io.BytesIO()
    _Pickler(stream).dump(thing)
    return stream.getvalue()


unpack = pickle.loads
