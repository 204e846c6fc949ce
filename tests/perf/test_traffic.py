from __future__ import annotations

import numpy as np
import pytest
from loads import call, stack

from planner.perf.traffic import mix


def test_mix_weights_calls_by_rate_and_active_calls_by_rate_times_output():
    """3 calls/s of 100 → 10 tokens and 1 call/s of 500 → 90: prompts (3·100 + 500)/4; of the tokens 30 are the first's, 90
    the second's, hence KV ¼·kv₁ + ¾·kv₂."""
    first, second = call(100, 10), call(500, 90)
    got = mix([first, second], [3.0, 1.0])
    assert got.prompt[0] == pytest.approx(200.0)
    assert got.output[0] == pytest.approx(30.0)
    assert got.kv[0] == pytest.approx(0.25 * first.kv[0] + 0.75 * second.kv[0])
    assert got.prompt_second[0] == pytest.approx(0.75 * first.prompt_second[0] + 0.25 * second.prompt_second[0])


def test_mix_of_one_is_itself():
    part = call()
    np.testing.assert_allclose(mix([part], [0.3]).held, part.held)


def test_take_keeps_single_values():
    columns = stack([call(100), call(200), call(300)])
    np.testing.assert_array_equal(columns.take(np.array([2, 0])).prompt, [300.0, 100.0])
    np.testing.assert_array_equal(call(100).take(np.array([0, 0])).prompt, [100.0])
