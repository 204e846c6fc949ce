"""Workloads to streams, and every mistake at once."""

from pathlib import Path
from typing import Any

import pytest

from planner.demand.stream import Stream
from planner.demand.streams import build_flows
from planner.domain.problem import Problem
from planner.errors import InvalidInput

CHAT: dict[str, Any] = {
    "name": "chat",
    "demand": {"rate": "12 req/s"},
    "input_tokens": {"mean": 1155, "scv": 0.92},
    "output_tokens": {"mean": 211, "scv": 0.6},
    "objectives": [{"metric": "ttft", "percentile": 95, "target": "500ms"}],
}
BATCH: dict[str, Any] = {**CHAT, "name": "batch", "objectives": [], "deadline": "24h"}


def build(*workloads: dict[str, Any], base: Path = Path(), hours: float = 24) -> tuple[Stream, ...]:
    raw = {
        "apiVersion": "planner/v1",
        "metadata": {"name": "test"},
        "periods": [{"name": "day", "hours": hours * 2 / 3}, {"name": "night", "hours": hours / 3}],
        "workloads": list(workloads),
    }
    return build_flows(Problem.model_validate(raw), base).streams


def test_one_stream_a_workload_in_order() -> None:
    chat, batch = build({**CHAT, "shared_prefix": {"tokens": 400, "hit_rate": 0.7}}, BATCH)
    assert (chat.name, batch.name) == ("chat", "batch")
    assert chat.rate == (12, 12)
    assert (chat.prompt.mean, chat.output.mean) == (pytest.approx(1155), pytest.approx(211))
    assert (chat.prefix_tokens, chat.prefix_hit) == (400, 0.7)
    assert (batch.prefix_tokens, batch.prefix_hit) == (0, 0)
    assert chat.objectives[0].metric == "ttft"
    assert chat.workload.name == "chat"


@pytest.mark.parametrize(
    ("change", "hours", "movable"),
    [
        ({}, 24, True),
        ({}, 25, False),
        ({"deadline": None}, 24, False),
        ({"deadline": None, "objectives": CHAT["objectives"]}, 0.1, False),
    ],
)
def test_movable_is_batch_work_whose_deadline_spans_the_cycle(change: dict[str, Any], hours: float, movable: bool) -> None:
    (stream,) = build({**BATCH, **change}, hours=hours)
    assert stream.movable is movable


def test_assumptions_are_gathered() -> None:
    told = build({**CHAT, "output_tokens": {"mean": 200}, "shared_prefix": {"tokens": 400, "hit_rate": 1}})[0].assumptions
    assert any("Poisson" in note for note in told)
    assert any("every request has 200 output tokens" in note for note in told)
    assert any("shorter than the shared prefix" in note for note in told)


def test_every_mistake_of_every_workload_at_once() -> None:
    first = {**CHAT, "demand": {"rate": {"day": "1 req/s"}}, "input_tokens": {"mean": 100, "p95": 900}}
    second = {**BATCH, "output_tokens": {"percentiles": {"p50": 5}}, "shared_prefix": {"tokens": 2000, "hit_rate": 0.5}}
    with pytest.raises(InvalidInput) as caught:
        build(first, second)
    assert [(issue.file, issue.path) for issue in caught.value.issues] == [
        ("", "workloads[0].demand.rate"),
        ("", "workloads[0].input_tokens.p95"),
        ("", "workloads[1].output_tokens.percentiles"),
        ("", "workloads[1].shared_prefix.tokens"),
    ]


def test_trace_serves_demand_and_lengths_and_tells_their_dependence(tmp_path: Path) -> None:
    # Long prompts get long answers: half of the requests 100/10, half 1000/100.
    rows = [f"{0.5 * i + 0.1 * (i % 3)},{100 if i % 2 else 1000},{10 if i % 2 else 100}" for i in range(1000)]
    (tmp_path / "t.csv").write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]))
    trace = {"trace": {"path": "t.csv"}}
    (stream,) = build({**CHAT, "demand": trace, "input_tokens": trace, "output_tokens": trace}, base=tmp_path)
    assert stream.rate == pytest.approx((2, 2), rel=0.01)
    assert (stream.prompt.mean, stream.output.mean) == (pytest.approx(550), pytest.approx(55))
    # Paired: (1000·10 + 10⁵ + (100 + 10⁴)/2)/2/55 → E[IO]/E[O] = 50500/55 = 918.2 against 550; plus 45.9 each: 964/596 = +62 %.
    assert any("contexts are +62%" in note for note in stream.assumptions)


def test_missing_trace_is_told_at_each_place() -> None:
    trace = {"trace": {"path": "none.csv"}}
    with pytest.raises(InvalidInput) as caught:
        build({**CHAT, "demand": trace, "input_tokens": trace, "output_tokens": trace})
    assert [issue.path for issue in caught.value.issues] == [
        "workloads[0].demand.trace.path",
        "workloads[0].input_tokens.trace.path",
        "workloads[0].output_tokens.trace.path",
    ]
