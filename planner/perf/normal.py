"""The normal distribution and its inverse, from the standard library: importing SciPy takes longer than a plan."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

_CDF = np.frompyfunc(lambda x: 0.5 * math.erfc(-x * math.sqrt(0.5)), 1, 1)
_QUANTILE = np.frompyfunc(NormalDist().inv_cdf, 1, 1)


def cdf(x: ArrayLike) -> NDArray[np.float64]:
    """Return Φ(x) = erfc(−x/√2)/2, exact in both tails; elementwise."""
    return np.asarray(_CDF(np.asarray(x, dtype=float)), dtype=np.float64)


def quantile(share: ArrayLike) -> NDArray[np.float64]:
    """Return z with Φ(z) = share for shares in (0, 1), elementwise.

    References
    ----------
    Wichura, Algorithm AS 241, as in `statistics.NormalDist.inv_cdf`: sixteen digits.
    """
    return np.asarray(_QUANTILE(np.asarray(share, dtype=float)), dtype=np.float64)
