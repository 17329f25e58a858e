"""The transforms of functions: grad, vjp, jvp and their kin, and ops of the users' own.

This room calls the function with nodes, keeps or drops the graph, and puts the question to it.
It may import everything from the graph up to the questions about nodes.
"""
