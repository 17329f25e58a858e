"""The questions that users ask of nodes: gradients, adjoints, and the differentiator that remembers the answers.

This room checks a question, announces it to watchers and has it answered by a memo, a plan or an engine.
It may import the graph, the derivatives, the schedules and the reports.
"""
