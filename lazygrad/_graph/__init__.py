"""The lazy graph: nodes, their values by forward-rec, and the invalidation that keeps them true.

This room knows no derivative: ops, reports and questions are told to it from above. It may import the errors alone.
"""
