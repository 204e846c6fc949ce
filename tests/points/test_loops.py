"""Shared, split and open against each other where they must agree, and against sums by hand."""

from dataclasses import replace

import numpy as np
import pytest

from planner.points.loops import FIRST_WAVE, HANDOVER_RATE, NETWORK, Open, Shared, Split, as_shipped, groups

TOKEN = 131072.0
"""Bytes of a token of Llama-3.1-8B's cache."""


def seen(points, catalog, *changes):
    """Return what clients see of rows of one mode."""
    ((_, group),) = groups(points(*changes), catalog)
    return group.seen(as_shipped(group))


def iteration(group, deployed, prompt, sequences):
    """Return the time of an iteration of one deployment, from its step model."""
    from planner.perf.compile import compile_step
    from planner.perf.step import iteration_time

    columns = deployed.columns
    step = compile_step(columns.model, columns.precision, columns.hardware, columns.link, columns.coefficients, columns.layout)
    flop = group.calls.attention * prompt
    ended = np.where(np.asarray(prompt) > 0, 1.0, 0.0)
    return iteration_time(step, np.full(1, sequences), sequences * group.calls.read, np.full(1, prompt), flop, prompts=ended)[0]


def test_rows_go_to_their_mode_and_keep_their_place(points, catalog, split):
    table = points({}, split, {"concurrency": "", "request_rate": 1}, {}, split)
    found = {type(group): list(rows) for rows, group in groups(table, catalog)}
    assert found == {Shared: [0, 3], Split: [1, 4], Open: [2]}
    assert groups(table.iloc[:0], catalog) == []


def test_one_client_of_shared_replicas_is_a_sum_by_hand(points, catalog):
    ((_, group),) = groups(points({"concurrency": 1}), catalog)
    found = group.seen(as_shipped(group))
    host = group.deployed.columns.coefficients.host_per_request[0]
    assert found.tpot[0] == pytest.approx(iteration(group, group.deployed, 0.0, 1.0), rel=5e-3)
    assert found.ttft[0] == pytest.approx(host + iteration(group, group.deployed, 1000.0, 0.0), rel=0.05)
    assert found.rate[0] == pytest.approx(1.0 / (found.ttft[0] + 199.0 * found.tpot[0]), rel=1e-3)


def test_one_client_of_split_workers_is_a_sum_by_hand(points, catalog, split):
    """Outside, prompt, transfer of the cache at half of 50 GB/s a device, hand-shake; then decoding alone."""
    ((_, group),) = groups(points(split | {"concurrency": 1, "prefill_tp": 2}), catalog)
    found = group.seen(as_shipped(group))
    first, second = as_shipped(group)
    moved = 1100.0 * TOKEN / (2 * NETWORK * HANDOVER_RATE)
    own = iteration(group, group.prompts, 1000.0, 0.0)
    by_hand = first.host_per_request[0] + own + moved + second.handover[0]
    assert found.ttft[0] == pytest.approx(by_hand, rel=0.02)
    # The formula lets decode workers be as full as they are on average, here less than half a call each.
    assert found.tpot[0] == pytest.approx(iteration(group, group.decode, 0.0, 1.0), rel=0.01)


def test_few_open_arrivals_see_what_one_client_does(points, catalog):
    """A call that meets an idle replica does not care who sent it: TPOT alike but for its own cache, of which the mean
    replica holds little; TTFT but for half an iteration."""
    rare = {"concurrency": "", "request_rate": 0.01}
    alone, open_ = seen(points, catalog, {"concurrency": 1}), seen(points, catalog, rare)
    assert open_.tpot[0] == pytest.approx(alone.tpot[0], rel=0.015)
    assert alone.ttft[0] - 1e-3 < open_.ttft[0] < alone.ttft[0] + alone.tpot[0] + 5e-3
    assert open_.rate[0] == pytest.approx(0.01)


def test_open_arrivals_at_a_closed_loops_rate_see_much_the_same(points, catalog):
    """Random arrivals crowd now and then, which a fixed number of clients cannot: a little slower, no more."""
    closed = seen(points, catalog, {"concurrency": 32})
    open_ = seen(points, catalog, {"concurrency": "", "request_rate": closed.rate[0]})
    assert closed.tpot[0] < open_.tpot[0] < 1.08 * closed.tpot[0]
    assert closed.sequences[0] < open_.sequences[0] < 1.08 * closed.sequences[0]


def test_more_than_can_be_served_never_gets_a_first_token(points, catalog):
    most = seen(points, catalog, {"concurrency": 1_000_000}).rate[0]
    rows = [{"concurrency": "", "request_rate": share * most} for share in (0.5, 2.0)]
    found = seen(points, catalog, *rows)
    assert np.isfinite(found.ttft[0])
    assert found.ttft[1] == np.inf
    assert 0.5 * most < found.rate[1] < 1.2 * most  # and the rate that is served is said


def test_disaggregation_spares_decoding_the_prompts(points, catalog, split):
    long = {"input_tokens": 8000, "concurrency": 16}
    shared = seen(points, catalog, long)
    apart = seen(points, catalog, split | long | {"prefill_workers": 4, "decode_workers": 1})
    assert apart.tpot[0] < 0.8 * shared.tpot[0]


def test_decode_workers_that_never_want_for_prompts_decode_as_alone(points, catalog, split):
    # Prompt workers without end: B = c on the decode worker but for the prompt's time, in which a client is not decoding.
    ((_, group),) = groups(points(split | {"prefill_workers": 1000, "decode_workers": 1, "concurrency": 16}), catalog)
    found = group.seen(as_shipped(group))
    assert found.sequences[0] == pytest.approx(16.0 - found.rate[0] * found.ttft[0], rel=1e-6)
    assert found.tpot[0] == pytest.approx(iteration(group, group.decode, 0.0, found.sequences[0]), rel=1e-6)


def test_calls_alike_come_in_waves_as_far_as_the_engine_lets_them(points, catalog):
    """Where outputs differ only the first wave is one; where they are alike the engine's own synchrony counts."""
    ((_, group),) = groups(points({"concurrency": 32}, {"concurrency": 32, "length_ratio_min": 0.999999}), catalog)
    (kernel,) = as_shipped(group)
    loose = group.seen((replace(kernel, synchrony=np.full(2, FIRST_WAVE)),))
    tight = group.seen((replace(kernel, synchrony=np.full(2, 0.9)),))
    assert loose.ttft[0] == pytest.approx(loose.ttft[1], rel=1e-3)
    assert tight.ttft[0] > 1.5 * loose.ttft[0]
    assert tight.ttft[1] == loose.ttft[1]


def test_prompts_first_is_the_engines(points, catalog):
    ((_, group),) = groups(points({}, {"engine": "sglang"}, {"engine": "trtllm"}), catalog)
    assert list(group.prompts_first) == [0.0, 1.0, 0.0]


def test_coefficients_of_each_role_count(points, catalog, split):
    ((_, group),) = groups(points(split), catalog)
    first, second = as_shipped(group)
    plain = group.seen((first, second))
    slow = replace(second, host_per_layer=second.host_per_layer * 3.0)
    assert group.seen((first, slow)).tpot[0] > 1.2 * plain.tpot[0]
    slow = replace(first, prompt_host_per_layer=first.prompt_host_per_layer * 3.0)
    later = group.seen((slow, second))
    assert later.ttft[0] > plain.ttft[0]
    assert later.tpot[0] == pytest.approx(plain.tpot[0], rel=0.01)


def test_a_replica_that_holds_no_call_still_has_numbers_to_fit_with(points, catalog):
    found = seen(points, catalog, {"input_tokens": 1_000_000})
    assert np.isfinite(found.ttft).all()
    assert found.sequences[0] <= 0.5 + 1e-9
