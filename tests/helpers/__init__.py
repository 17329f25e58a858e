"""Helpers of the tests: graphs, questions, checks. Their assertions show values, as those of test modules do."""

import pkgutil

import pytest

pytest.register_assert_rewrite(*[f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)])
