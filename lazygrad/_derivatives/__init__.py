"""Which consumers lead to a target, the recursion over them, and the memo of what it found.

This room holds the lazy dynamic programming of Tomassoli, section 13, and its twins: tangents, one pass, n-th order.
It may import the graph and the ops.
"""
