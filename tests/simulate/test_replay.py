"""Replays: every row accounted for, rates scaled, windows repeated, prefixes found."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from planner.demand.statistics import busiest_window, dispersion, mean_rate
from planner.demand.trace import Trace, read_trace
from planner.domain.calls import TraceFile
from planner.errors import InvalidInput
from planner.simulate.replay import Skipped, busiest, prefix_groups, replay
from planner.simulate.requests import NO_GROUP, Requests

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data" / "traces"
needs_traces = pytest.mark.skipif(not SHARED.is_dir(), reason="measured traces are not beside this checkout")
MOONCAKE = {"time_column": "timestamp", "input_column": "input_length", "output_column": "output_length"}


def trace(arrivals: list[float], prompts: list[float] | None = None, outputs: list[float] | None = None, **fields: Any) -> Trace:
    count = len(arrivals)
    inputs = np.array(prompts or [100.0 + i for i in range(count)])
    return Trace("t.csv", np.array(arrivals), inputs, np.array(outputs or [10.0] * count), {}, 0, **fields)


def steady(count: int = 4000, seed: int = 1) -> Trace:
    times = np.cumsum(np.random.default_rng(seed).exponential(0.1, count))
    return trace((times - times[0]).tolist())


def conserved(made: Requests, told: Skipped) -> bool:
    return len(made) + told.thinned + told.too_long == told.offered


def test_a_whole_trace_is_replayed_as_it_is() -> None:
    made, told = replay(trace([0.0, 1, 3]), stream=2)
    assert (made.arrival.tolist(), made.prompt.tolist(), made.output.tolist()) == ([0, 1, 3], [100, 101, 102], [10] * 3)
    assert (made.stream.tolist(), made.group.tolist(), made.shared.tolist()) == ([2] * 3, [NO_GROUP] * 3, [0] * 3)
    assert told == Skipped(3, 0, 0, 0, 0, ())


def test_a_window_is_half_open_and_rebased() -> None:
    made, _ = replay(trace([0.0, 1, 2, 3, 9]), start=1.0, span=2.0)
    assert (made.arrival.tolist(), made.prompt.tolist()) == ([0, 1], [101, 102])


@pytest.mark.parametrize(
    ("options", "field", "part"),
    [
        ({"start": 4.0, "span": 2.0}, "start", "from 4 s to 6 s holds no requests: trace t.csv covers 0 to 9 s"),
        ({"start": 50.0}, "start", "holds no requests"),
        ({"start": -1.0, "span": 5.0}, "start", "holds no requests"),
        ({"start": 8.0, "span": 20.0}, "span", "runs beyond the trace"),
        ({"rate_scale": 0.0}, "rate_scale", "rate_scale is 0"),
        ({"duration": float("inf")}, "duration", "duration is inf"),
        ({"context_limit": 100}, "context_limit", "all 5 prompts .* reach the context limit of 100 tokens"),
        ({"rate_scale": 1e-9}, "rate_scale", "none of the 5 requests"),
    ],
)
def test_replays_of_nothing_are_refused_with_a_remedy(options: dict[str, Any], field: str, part: str) -> None:
    with pytest.raises(InvalidInput, match=part) as caught:
        replay(trace([0.0, 1, 2, 3, 9]), **options)
    assert [(issue.path, bool(issue.remedy)) for issue in caught.value.issues] == [(field, True)]


def test_what_does_not_fit_is_counted_and_told() -> None:
    # Limit 110: a prompt of 110 leaves no room, one of 105 leaves 5 of its 10 output tokens, one of 100 all.
    made, told = replay(trace([0.0, 1, 2, 3], [100, 105, 110, 20], [10, 10, 10, 0]), context_limit=110)
    assert (made.prompt.tolist(), made.output.tolist()) == ([100, 105, 20], [10, 5, 1])
    assert (told.offered, told.too_long, told.shortened, told.lifted) == (4, 1, 1, 1)
    assert told.remarks == (
        "trace t.csv: 1 requests skipped: their prompts reach the context limit of 110 tokens",
        "trace t.csv: 1 outputs cut short at the context limit of 110 tokens",
        "trace t.csv: 1 requests without output served with one token",
    )


def test_tiling_keeps_the_mean_rate_and_every_row() -> None:
    # Gaps of 1 and 2 s: the trace stands for 4.5 s, so that three rounds begin at 0, 4.5 and 9.
    made, told = replay(trace([0.0, 1, 3]), duration=13.5)
    assert made.arrival.tolist() == [0, 1, 3, 4.5, 5.5, 7.5, 9, 10, 12]
    assert made.prompt.tolist() == [100, 101, 102] * 3
    assert (told.offered, conserved(made, told)) == (9, True)
    assert replay(trace([0.0, 1, 3]), duration=5.0)[0].arrival.tolist() == [0, 1, 3, 4.5]
    assert replay(trace([0.0, 1, 3]), duration=2.0)[0].arrival.tolist() == [0, 1]


@pytest.mark.parametrize("scale", [0.3, 1.0, 1.7, 3.0])
def test_copies_scale_the_rate(scale: float) -> None:
    made, told = replay(steady(), rate_scale=scale, duration=1000.0, seed=4)
    assert conserved(made, told)
    assert np.all(np.diff(made.arrival) >= 0)
    assert len(made) / 1000 == pytest.approx(10 * scale, rel=0.06)
    assert made.arrival[-1] < 1000


def test_whole_copies_hold_every_row_equally_often() -> None:
    made, told = replay(steady(500), rate_scale=3.0)
    assert told.thinned == 0
    assert np.all(np.unique(made.prompt, return_counts=True)[1] == 3)


def test_the_clock_scales_time_alone() -> None:
    made, told = replay(trace([0.0, 1, 3]), rate_scale=2.0, scaling="clock")
    assert (made.arrival.tolist(), told.thinned) == ([0, 0.5, 1.5], 0)
    # A round takes 2.25 s now.
    assert replay(trace([0.0, 1, 3]), rate_scale=2.0, scaling="clock", duration=3.0)[0].arrival.tolist() == [
        0,
        0.5,
        1.5,
        2.25,
        2.75,
    ]


def test_copies_dilute_peaks_and_the_clock_does_not() -> None:
    # A burst of 100 calls in 1 s, every 100 s, at a different time of each round.
    starts = np.arange(20) * 100 + np.random.default_rng(1).uniform(0, 90, 20)
    times = np.sort((starts[:, None] + np.linspace(0, 1, 100)).ravel())
    made = trace((times - times[0]).tolist())
    peaks = [
        busiest_window(replay(made, rate_scale=4.0, scaling=how)[0].arrival, length).rate
        for how, length in (("copies", 1.0), ("clock", 0.25))
    ]
    assert peaks[1] == pytest.approx(4 * busiest_window(made.arrivals, 1.0).rate, rel=0.01)
    assert peaks[0] < peaks[1]


def test_seeds_decide() -> None:
    first, again, other = (replay(steady(), rate_scale=1.5, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.arrival, again.arrival)
    assert not np.array_equal(first.arrival[:100], other.arrival[:100])


def test_busiest_window_at_the_end_lies_within_the_trace() -> None:
    made = trace([0.0, 10, 20, 20.1, 20.2, 20.3])
    start, span = busiest(made, 5.0)
    # Six requests stand for 20.3 · 6/5 = 24.36 s, so that 5 s before that begin at 19.36 s.
    assert (start, span) == (pytest.approx(19.36), 5)
    assert len(replay(made, start=start, span=span)[0]) == 4
    assert busiest(made, 100.0) == (0, pytest.approx(24.36))
    assert busiest(trace([0.0, 4, 4.1, 4.2, 30]), 2.0) == (4, 2)


def test_groups_by_hand() -> None:
    # 0-1-2 and 0-1-3 part after two blocks, 0-4 shares one with them, 5 none; another copy's 0-1 is not theirs.
    group, depth = prefix_groups([(0, (0, 1, 2)), (0, (0, 1, 3)), (0, (0, 4)), (0, (5,)), (0, ()), (1, (0, 1))])
    assert depth.tolist() == [2, 2, 1, 0, 0, 0]
    assert group[0] == group[1] != group[2]
    assert group[3:].tolist() == [NO_GROUP] * 3
    assert group[2] not in {NO_GROUP, group[0]}


def test_equal_ids_after_different_ones_are_another_beginning() -> None:
    group, depth = prefix_groups([(0, (1, 2)), (0, (3, 2))])
    assert (group.tolist(), depth.tolist()) == ([NO_GROUP] * 2, [0, 0])


def test_shared_tokens_stay_within_the_prompt_and_the_window() -> None:
    made = trace([0.0, 1, 2], [700, 600, 2000], blocks=((0, 1), (0, 1), (0, 1, 2, 3)))
    assert replay(made)[0].shared.tolist() == [700, 600, 1024]
    # Outside the window, nobody is there to share with.
    assert replay(made, start=1.5, span=1.0)[0].shared.tolist() == [0]
    twice, _ = replay(made, duration=6.0)
    assert len(set(twice.group.tolist())) == 2


@needs_traces
@pytest.mark.parametrize("name", ["conv", "code"])
def test_azure_replays_conserve_rows(name: str) -> None:
    whole = read_trace(TraceFile(path=f"AzureLLMInferenceTrace_{name}.csv"), SHARED)
    made, told = replay(whole, context_limit=4096)
    assert (told.offered, conserved(made, told), told.lifted) == (len(whole), True, 0)
    assert told.too_long == int((whole.input_tokens >= 4096).sum()) > 0
    assert np.all(made.prompt + made.output <= 4096)


@needs_traces
def test_azure_busiest_window_has_the_planned_rate() -> None:
    whole = read_trace(TraceFile(path="AzureLLMInferenceTrace_conv.csv"), SHARED)
    start, span = busiest(whole, 300.0)
    assert len(replay(whole, start=start, span=span)[0]) == busiest_window(whole.arrivals, 300.0).requests
    # Twice the clients keep their bursts over minutes: dispersion stays far above Poisson's.
    doubled, _ = replay(whole, rate_scale=2.0)
    assert mean_rate(doubled.arrival) == pytest.approx(2 * mean_rate(whole.arrivals), rel=0.01)
    assert dispersion(doubled.arrival, 60.0) > 5


@needs_traces
def test_mooncake_prefixes_are_found() -> None:
    whole = read_trace(TraceFile(path="mooncake_conversation.jsonl", time_unit="ms", **MOONCAKE), SHARED)  # type: ignore[arg-type]
    made, told = replay(whole)
    assert conserved(made, told)
    later = np.ones(len(made), dtype=bool)
    later[np.unique(made.group, return_index=True)[1]] = False
    # Each call but the first of a group finds `shared` tokens in an endless cache of groups: 23.6 % of all prompt tokens.
    hit = made.shared[later & (made.group != NO_GROUP)].sum() / made.prompt.sum()
    assert hit == pytest.approx(0.236, abs=0.001)
    assert (made.shared >= 512).mean() > 0.99
