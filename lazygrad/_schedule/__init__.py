"""Straight-line schedules: a question that is asked again runs without a walk of the graph.

This room lowers nodes and adjoints to rows of ops, chooses one of the forms they run in, and keeps the plans of
questions about nodes. It may import the graph, the ops and the derivatives.
"""
