from __future__ import annotations

import numpy as np
import pytest
from loads import call, stack

from planner.perf.traffic import mix


def test_mix_weights_calls_by_rate_and_active_calls_by_rate_times_output():
    """3 calls/s of 100 → 10 tokens and 1 call/s of 500 → 90: prompts (3·100 + 500)/4; of the tokens 30 are the first's, 90
    the second's, hence KV ¼·kv₁ + ¾·kv₂."""
    first, second = call(100, 10), call(500, 90)
    got = mix([first, second], [3.0, 1.0], [np.ones(1), np.ones(1)])
    assert got.prompt[0] == pytest.approx(200.0)
    assert got.output[0] == pytest.approx(30.0)
    assert got.kv[0] == pytest.approx(0.25 * first.kv[0] + 0.75 * second.kv[0])
    assert got.prompt_second[0] == pytest.approx(0.75 * first.prompt_second[0] + 0.25 * second.prompt_second[0])


def test_mix_of_one_is_itself():
    part = call()
    np.testing.assert_allclose(mix([part], [0.3], [np.full(1, 2e-5)]).held, part.held)


def test_take_keeps_single_values():
    columns = stack([call(100), call(200), call(300)])
    np.testing.assert_array_equal(columns.take(np.array([2, 0])).prompt, [300.0, 100.0])
    np.testing.assert_array_equal(call(100).take(np.array([0, 0])).prompt, [100.0])


def test_tokens_of_long_prompts_weigh_more_where_they_take_longer():
    """Prompts of 100 tokens at 1 and of 1,000 at 2, as many of each: the mean token takes (100 + 2000)/1100 = 1.909, so the work
    of a prompt is 52.4 or 1,047.6 mean tokens."""
    short, long = call(100.0, scv_prompt=0.0), call(1000.0, scv_prompt=0.0)
    got = mix([short, long], [1.0, 1.0], [np.ones(1), np.full(1, 2.0)])
    assert got.prompt[0] == pytest.approx(550.0)
    assert got.prompt_second[0] == pytest.approx((52.38**2 + 1047.6**2) / 2, rel=1e-3)
    assert got.prompt_third[0] == pytest.approx((52.38**3 + 1047.6**3) / 2, rel=1e-3)
