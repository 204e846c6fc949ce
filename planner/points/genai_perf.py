"""Reads the summaries of GenAI-Perf and of AIPerf, its successor, which kept the form.

References
----------
GenAI-Perf 0.0.8 to 0.0.16 (triton-inference-server/perf_analyzer), `genai_perf/export_data/json_exporter.py`:
`profile_export_genai_perf.json`. AIPerf 0.1 to 0.13 (ai-dynamo/aiperf), `docs/reference/json-export-schema.md`, schema 1.0
to 1.5: `profile_export_aiperf.json`. Every metric is an object with `unit` and `avg`; `inter_token_latency` leaves the first
token out. What was asked for stands in `input_config`: flat (`model`, `concurrency`), under `perf_analyzer.stimulus`, under
`endpoint.model_names` and `loadgen`, or as `models.items` and `phases`, as the versions went.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from planner.points.record import Record, dig, in_flight, load, number, text

LOOKED_FOR = "GenAI-Perf or AIPerf summary (time_to_first_token.avg, input_config)"
_MILLISECONDS = {"ms": 1.0, "s": 1e3, "sec": 1e3, "us": 1e-3, "µs": 1e-3, "ns": 1e-6}


def recognises(data: dict[str, Any]) -> bool:
    """Say whether an object is such a summary."""
    metrics = ("time_to_first_token", "inter_token_latency")
    return isinstance(data.get("input_config"), dict) and any(isinstance(data.get(name), dict) for name in metrics)


def records(data: dict[str, Any]) -> Iterator[Record]:
    """Yield the one point of a summary."""
    ttft, tpot = _milliseconds(data, "time_to_first_token"), _milliseconds(data, "inter_token_latency")
    output = number(dig(data, "output_sequence_length", "avg"))
    at_once = in_flight(number(dig(data, "request_throughput", "avg")), ttft, tpot, output)
    config = data["input_config"]
    yield {
        "model": _model(config),
        "input_tokens": number(dig(data, "input_sequence_length", "avg")),
        "output_tokens": output,
        "ttft_ms": ttft,
        "tpot_ms": tpot,
        **load(*_asked(config), at_once),
        "problem": "the run was cancelled" if data.get("was_cancelled") is True else "",
    }


def _milliseconds(data: object, metric: str) -> float | None:
    """Return a metric's mean in milliseconds; in a unit that is not one of time it is none."""
    mean, factor = number(dig(data, metric, "avg")), _MILLISECONDS.get(str(dig(data, metric, "unit") or "ms"))
    return None if mean is None or factor is None else mean * factor


def _model(config: object) -> str | None:
    """Return the model's name; none where several were served."""
    places = (
        dig(config, "model_names"),
        dig(config, "model"),
        dig(config, "endpoint", "model_names"),
        [dig(item, "name") for item in dig(config, "models", "items") or ()],
    )
    return next((name for place in places if (name := text(place))), None)


def _asked(config: object) -> tuple[float | None, float | None]:
    """Return arrivals per second and most requests at once, as they were asked for."""
    phases = dig(config, "phases")
    counted = [one for one in phases if dig(one, "exclude_from_results") is not True] if isinstance(phases, list) else []
    homes = (
        (dig(config, "perf_analyzer", "stimulus"), "request_rate"),
        (dig(config, "loadgen"), "request_rate"),
        (dig(counted, 0), "rate"),
        (config, "request_rate"),
    )
    for home, rate in homes:
        found = number(dig(home, rate)), number(dig(home, "concurrency"))
        if found != (None, None):
            return found
    return None, None
