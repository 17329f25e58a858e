"""Which of NumPy's functions are defined on nodes: read off the registry."""

from __future__ import annotations

import numpy

from ..ops._declare import MEANINGS
from ..ops._op import Op, declare_all

__all__ = ["supported"]


def supported() -> dict[str, str]:
    """Return the functions of NumPy that nodes can be passed to, by name, and what each is on nodes.

    Returns
    -------
    dict from the name below ``np.`` to ``"op"`` (one node, with derivatives of its own) or ``"function"``
    (made of ops).

    Examples
    --------
    >>> table = supported()
    >>> table["tanh"], table["fft.rfft"]
    ('op', 'function')
    >>> "savetxt" in table
    False
    """
    declare_all()
    namespaces = {"": numpy, "linalg.": numpy.linalg, "fft.": numpy.fft}
    return {
        prefix + name: "op" if isinstance(meaning, Op) else "function"
        for prefix, namespace in namespaces.items()
        for name in sorted(dir(namespace))
        if callable(f := getattr(namespace, name)) and f.__hash__ is not None and (meaning := MEANINGS.get(f))
    }
