"""The types of `lazygrad.numpy`: NumPy's stubs know no nodes, so each function that takes them is declared here.

Of arrays a function gives an array, of operands with a node among them a node. Nothing of this is imported at run time.
"""
