"""What the walks did: who is told of them, and how that is shown.

This room holds reports, tables, traces, progress and the search for nan; nothing below depends on it.
It may import the graph, the ops and the derivatives.
"""
