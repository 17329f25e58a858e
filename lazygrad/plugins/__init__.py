"""Adapters for other libraries, one file each; none is imported before you import it."""
