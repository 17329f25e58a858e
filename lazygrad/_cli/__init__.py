"""The command line: run a script that builds a graph, and ask for some of its gradients.

This room holds the commands and the running of scripts; nobody imports it but `lazygrad.__main__`.
It may import every other room.
"""
