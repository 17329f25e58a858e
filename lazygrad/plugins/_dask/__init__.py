"""The parts of the Dask plug-in.

Workers, pickling and steps; imported by `lazygrad.plugins.dask` alone. It may import every room below the plug-ins.
"""
