"""Reads the reports of GuideLLM.

References
----------
GuideLLM 0.2 to 0.7 (vllm-project/guidellm), `benchmarks.json`: `benchmarks` is a list of stages, each with `metrics` of
distributions by status (`successful`, `incomplete`, `errored`). `src/guidellm/benchmark/schemas/generative/metrics.py` and
`src/guidellm/scheduler/strategies.py`. `inter_token_latency_ms` leaves the first token out, `time_per_output_token_ms` does
not. What a stage was asked for stands in `config.strategy`, before 0.4 in `args.strategy`; the model in
`config.backend.model`, else in the report's `config.spec.backend.model` (0.7), `args.model` (0.4 to 0.6), or the stage's
`worker.backend_model` (before).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from planner.points.record import Record, dig, number, text

LOOKED_FOR = "GuideLLM report (benchmarks[].metrics.time_to_first_token_ms)"
_RATED = frozenset({"constant", "poisson", "async"})


def recognises(data: dict[str, Any]) -> bool:
    """Say whether an object is such a report."""
    stages = data.get("benchmarks")
    return isinstance(stages, list) and any(isinstance(dig(stage, "metrics"), dict) for stage in stages)


def records(data: dict[str, Any]) -> Iterator[Record]:
    """Yield a point for every stage."""
    for stage in data["benchmarks"]:
        yield {
            "model": _model(data, stage),
            "input_tokens": _mean(stage, "prompt_token_count"),
            "output_tokens": _mean(stage, "output_token_count"),
            "ttft_ms": _mean(stage, "time_to_first_token_ms"),
            "tpot_ms": _mean(stage, "inter_token_latency_ms") or None,  # 0 is what a run of single-token answers reports
            **_load(stage),
        }


def _mean(stage: object, metric: str) -> float | None:
    """Return the mean of a metric over the requests that succeeded."""
    return number(dig(stage, "metrics", metric, "successful", "mean"))


def _load(stage: object) -> Record:
    """Return the load of a stage: its rate, its streams, or the requests that were there at once."""
    strategy = dig(stage, "config", "strategy") or dig(stage, "args", "strategy")
    kind = dig(strategy, "type_")
    if kind in _RATED:
        return {"request_rate": number(dig(strategy, "rate"))}
    if kind == "synchronous":
        return {"concurrency": 1}
    streams = number(dig(strategy, "streams")) if kind == "concurrent" else None
    return {"concurrency": streams or _mean(stage, "request_concurrency")}


def _model(data: object, stage: object) -> str | None:
    """Return the name of the model, wherever this version wrote it."""
    places = (
        dig(stage, "config", "backend", "model"),
        dig(stage, "worker", "backend_model"),
        dig(data, "config", "spec", "backend", "model"),
        dig(data, "args", "model"),
    )
    return next((name for place in places if (name := text(place))), None)
