"""Adapters for other libraries, a module for each, imported only when you import it.

A plug-in may import every room below (all but `testing`, `inspect` and the command line) and the host it is named
after. Plug-ins know nothing of one another: what several of them need stands in `flat`, in private modules such as
`_points` and `_objectives`, and the parts of a large one in a private room, such as `_numba` or `_dask`.
"""
