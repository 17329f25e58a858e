"""The checks of derivatives draw from NumPy's global generator, as autograd's do; here always the same numbers."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def seed_the_global_generator() -> None:
    np.random.seed(42)  # noqa: NPY002 - it is this one that is drawn from
