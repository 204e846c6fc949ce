"""Reads the results of vLLM's serving benchmark.

References
----------
vLLM 0.6 to 0.11, `benchmarks/benchmark_serving.py` and `vllm/benchmarks/serve.py` (`vllm bench serve --save-result`): one
object a run, runs of `--append-result` on lines of their own. Means are over completed requests, TPOT leaves the first token
out, `request_rate` is "inf" where nothing but `max_concurrency` limits the load. `--metadata KEY=VALUE` adds keys: those that
are columns of the table (`tp=4`, `accelerator=h100-sxm`) are read.

The `backend` of a result is the protocol of the client, often `vllm` whatever serves, so the engine is not taken from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from planner.points.columns import BY_NAME
from planner.points.record import Record, in_flight, load, number, text

LOOKED_FOR = "vLLM `vllm bench serve` result (mean_ttft_ms, completed, total_input_tokens)"
_OWN = frozenset({"concurrency", "request_rate", "input_tokens", "output_tokens", "ttft_ms", "tpot_ms", "source"})


def recognises(data: dict[str, Any]) -> bool:
    """Say whether an object is such a result."""
    return "completed" in data and "total_input_tokens" in data and ("mean_ttft_ms" in data or "mean_tpot_ms" in data)


def records(data: dict[str, Any]) -> Iterator[Record]:
    """Yield the one point of a result."""
    completed = number(data.get("completed")) or 0.0
    prompts, outputs = number(data.get("total_input_tokens")), number(data.get("total_output_tokens"))
    output = None if outputs is None or not completed else outputs / completed
    ttft, tpot = number(data.get("mean_ttft_ms")), number(data.get("mean_tpot_ms"))
    at_once = in_flight(number(data.get("request_throughput")), ttft, tpot, output)
    yield {
        **{name: data[name] for name in BY_NAME if name not in _OWN and isinstance(data.get(name), (str, int, float))},
        "model": text(data.get("model_id")),
        "input_tokens": None if prompts is None or not completed else prompts / completed,
        "output_tokens": output,
        "ttft_ms": ttft,
        "tpot_ms": tpot or None,  # 0 is what a run of single-token answers reports
        **load(number(data.get("request_rate")), number(data.get("max_concurrency")), at_once),
        "problem": "" if completed else "no request completed",
    }
