"""Reports of what the walks did: counts, events, tables, traces, progress, and where nan is born.

This room holds the watchers that the walks tell of each step and everything that shows what they heard.
It may import the graph, the ops and the derivatives; nothing below it knows of it.
"""
