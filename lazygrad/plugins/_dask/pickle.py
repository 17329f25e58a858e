"""Pickling for workers that do not have the user's modules: functions and ops go along by value where they must.

What pickle takes by name - a function of a notebook, an op declared in a script - is not there under that name on a
worker. cloudpickle sends functions by value; here ops follow suit.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import attrs
import cloudpickle

from ..._functions import primitive
from ..._functions.primitive import _at_home
from ...ops import _rule
from ...ops._op import OPS, Op

__all__ = ["by_value", "made"]

# What is compared by identity, so that a copy would not do.
MARKS = [(_rule, "ZERO"), (_rule, "UNDEFINED"), (primitive, "REQUIRED")]


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    def reducer_override(self, obj: Any) -> Any:
        for module, name in MARKS:
            if obj is getattr(module, name):
                return _at_home, (module.__name__, name)
        if isinstance(obj, Op) and OPS.get(obj.name) is not obj:
            return _op, (type(obj), {a.name: getattr(obj, a.name) for a in attrs.fields(type(obj))})
        return super().reducer_override(obj)


def _op(kind: type[Op], fields: dict[str, Any]) -> Op:
    return kind(**fields)


def by_value(thing: object) -> bytes:
    """A thing as bytes, from which `made` makes it again in any process that has lazygrad.

    Examples
    --------
    >>> import lazygrad as lg
    >>> twice = lg.primitive(lambda x: 2 * x, vjp=lambda g: 2 * g, shape="elementwise", name="twice")
    >>> lg.grad(made(by_value(twice)))(3.0)
    array(2.)
    """
    stream = io.BytesIO()
    _Pickler(stream).dump(thing)
    return stream.getvalue()


made = pickle.loads
