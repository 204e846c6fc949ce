"""A plan made up by hand for exports: P1 of several replicas on one GPU each, P2 over two machines, and an API."""

from __future__ import annotations

import copy
from typing import Any

import gated

from planner.domain.plan import Plan

Body = dict[str, Any]


def calls(stream: str, **more: Any) -> Body:
    """Return what a plan says of a stream's calls."""
    named = {"stream": stream, "name": stream, "workload": stream.partition("/")[0], "stage": "", "part": "", "role": "generate"}
    lengths = {
        "input_mean": 1000.0,
        "input_deviation": 500.0,
        "output_mean": 200.0,
        "output_deviation": 100.0,
        "prefix_tokens": 0.0,
    }
    return {**named, **lengths, **more}


def part(pool: str, **more: Any) -> Body:
    """Return what a plan says of a pool's machines and weights."""
    machine = {"vendor": "nvidia", "machine": "one", "gpus_per_machine": 1}
    weights = {"weights": "on_load", "native_precision": "bf16", "speculation": None, "draft": None}
    return {"pool": pool, **machine, **weights, **more}


def share(stream: str, period: str, rate: float, of: float = 1.0) -> Body:
    """Return a stream's calls on a pool."""
    return {"stream": stream, "period": period, "rate": rate, "share": of}


def body() -> Body:
    """Return the plan as plan.json has it: P1 on aws by day and night, P2 on lambda by day."""
    made = copy.deepcopy(gated.body())
    first, second = made["pools"]
    first["deployment"] |= {"model": "org/small", "engine_version": "0.24", "max_context": 8192, "max_sequences": 256}
    first["shares"] = [share("chat", "day", 30.0, 0.75), share("chat", "night", 10.0)]
    second["deployment"] |= {"model": "org/large", "precision": "bf16", "kv_precision": "kv-bf16", "engine_version": "0.24"}
    second["shares"] = [share("tags", "day", 5.0)]
    api = {
        "api": "openai/gpt-4.1",
        "input_price": 2e-6,
        "cached_input_price": 5e-7,
        "output_price": 8e-6,
        "cost": 1.0,
        "price_source": "list",
    }
    made["apis"] = [{**api, "shares": [share("chat", "day", 10.0, 0.25)]}]
    made["serving"] = {
        "calls": [calls("chat"), calls("tags")],
        "pools": [part("P1"), part("P2", weights="published")],
        "apis": [{"api": "openai/gpt-4.1", "provider": "openai", "model": "gpt-4.1"}],
    }
    return made


def plan(**changes: Any) -> Plan:
    """Return the plan, with fields of P1's deployment as said."""
    return changed(deployment=changes)


def changed(*, deployment: Body | None = None, of: Body | None = None, streams: Body | None = None) -> Plan:
    """Return the plan with changes to P1: its deployment, what is said of its machines, and the calls of chat."""
    made = body()
    made["pools"][0]["deployment"] |= deployment or {}
    made["serving"]["pools"][0] |= of or {}
    made["serving"]["calls"][0] |= streams or {}
    return Plan.model_validate(made)
