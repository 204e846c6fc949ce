"""What calls take of a pool that runs at several replica counts."""

from __future__ import annotations

import numpy as np
import pytest

from planner.perf.level import RESOURCES
from planner.plan.pool import _demand_of


def test_what_a_call_takes_is_that_of_the_replica_count_of_its_period() -> None:
    """At one replica a call/s takes 0.4 of it, at many 0.3: 2 calls/s by night on the first, 10 by day on the second."""
    demand = np.tile(np.array([0.4, 0.3]), (len(RESOURCES), 1, 1))
    flow = np.array([[[2.0, 0.0], [0.0, 10.0]]])
    night, day, all_ = (_demand_of(["chat"], demand, (0, 1), flow[:, :, part]) for part in (slice(0, 1), slice(1, 2), slice(2)))
    assert (night[RESOURCES[0]]["chat"], day[RESOURCES[0]]["chat"]) == pytest.approx((0.4, 0.3))
    assert all_[RESOURCES[0]]["chat"] == pytest.approx((2 * 0.4 + 10 * 0.3) / 12)
