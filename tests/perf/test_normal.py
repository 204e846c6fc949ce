"""The normal distribution against SciPy, tails included."""

import numpy as np
import pytest
from scipy import special

from planner.perf.normal import cdf, quantile


def test_cdf_and_quantile_equal_scipy():
    x = np.linspace(-12.0, 8.0, 401)
    assert cdf(x) == pytest.approx(special.ndtr(x), rel=1e-13)
    share = np.concatenate([10.0 ** np.linspace(-12, -2, 50), np.linspace(0.01, 0.999, 99)])
    assert quantile(share) == pytest.approx(special.ndtri(share), rel=1e-12, abs=1e-14)


def test_shapes_are_kept():
    assert cdf(0.0) == 0.5
    assert quantile(np.full((2, 3), 0.5)).shape == (2, 3)
