"""Flat vectors for nested parameters, and optimisers."""

from .flatten import flatten as flatten
