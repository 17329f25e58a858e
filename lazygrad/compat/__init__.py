"""Other libraries' names, so that a script comes over by changing its imports."""
