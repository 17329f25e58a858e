"""Whole Jacobians: of nodes by nodes, of functions, and the structured local ones they are made of.

This room chooses the cheaper order of a product of local Jacobians (Stratos 2; Tomassoli 14).
It may import everything from the graph up to the function transforms.
"""
