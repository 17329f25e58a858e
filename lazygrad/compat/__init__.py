"""Other libraries' names over lazygrad, so that a script comes over by changing its imports.

This room holds no derivatives of its own: it may import the graph, the transforms and lazygrad's NumPy and SciPy.
"""
