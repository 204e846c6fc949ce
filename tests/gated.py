"""A plan made up by hand for gates, with figures that read well: two pools, two periods, $10/h.

P1 runs on aws in eu-west-1: 4 replicas by day, 80% used, 2 by night, 40%. P2 runs on lambda in us by day only, 50% used.
Two machines are reserved for $3/h in all; 5 GPUs are held by day, 2 at night. chat costs $8/h for 4M tokens/h, tags $2/h for 4M.
The hard promise nearest its target is 400 ms of 500; a soft one is missed.
"""

from __future__ import annotations

from typing import Any

from planner.domain.plan import Plan
from planner.domain.plan_pools import ApiRoute, ProvisionedRoute
from planner.domain.plan_promises import Simulation

DIGEST = "1" * 64
Body = dict[str, Any]


def _pool(name: str, seller: str, region: str, loads: list[Body]) -> Body:
    what = {
        "model": "m",
        "precision": "fp8",
        "kv_precision": "kv-fp8",
        "engine": "vllm",
        "engine_version": "1",
        "max_sequences": 8,
    }
    sizes = {"chunk_tokens": 2048, "max_context": 8192, "memory_fraction": 0.9, "accelerator": "l4", "layout": {"tp": 1, "pp": 1}}
    level = {"iteration": 0.05, "sequences": 8.0, "prompt_wait": 0.1, "jitter": 0.01}
    memory = {"total": 24e9, "weights": 8e9, "activations": 1e9, "runtime": 2e9, "kv": 13e9}
    place = {"instance": f"{seller}/one", "seller": seller, "region": region, "region_group": region[:2], "interruptible": False}
    rest = {"deployment": {**what, **sizes}, "level": level, "memory": memory, "kv_capacity_tokens": 1e5, "shares": []}
    return {"name": name, **place, **rest, "loads": loads}


def _load(period: str, replicas: int, used: float) -> Body:
    use = {"utilization": {"iteration time": used, "kv memory": used / 2}, "binding": "iteration time"}
    return {"period": period, "replicas": replicas, **use, "iteration": 0.03, "sequences": 4.0, "output_tokens_per_second": 100.0}


def _buy(kind: str, seller: str, region: str, machines: tuple[int, int], hourly: float, priced: str) -> Body:
    place = {"instance": f"{seller}/one", "seller": seller, "region": region, "accelerator": "l4", "gpus_per_machine": 1}
    day, night = machines
    paid = {"hourly": hourly, "price_source": f"{seller} price list {priced}", "cost": hourly * (day + night) / 2}
    return {"kind": kind, **place, "machines": {"day": day, "night": night}, **paid}


def _promise(stream: str, period: str, route: str, metric: str, target: float, predicted: float, *, soft: bool = False) -> Body:
    named = {"stream": stream, "period": period, "route": route, "metric": metric, "percentile": 95.0, "target": target}
    return {**named, "predicted": predicted, "miss_share": 0.01, "soft": soft, "holds": predicted <= target}


def _workload(name: str, hourly: float) -> Body:
    rates = {"per_million_input": 0.1, "per_million_output": 1.0, "per_thousand_calls": 1.0, "tokens_per_hour": 4e6}
    return {"workload": name, "hourly": hourly, "share": hourly / 10, **rates}


def body() -> Body:
    """Return the plan as plan.json has it."""
    split = {"total": 10.0, "machines": 6.0, "apis": 0.0, "misses": 0.0, "operations": 4.0, "per_month": 7300.0, "by_pool": []}
    reached = {"termination": "optimal", "objective": 10.0, "bound": 9.9, "gap": 0.01, "complete": True, "solver": "highs"}
    return {
        "planner": "0.1.0",
        "problem": "mix",
        "problem_digest": "0" * 64,
        "catalog_digest": DIGEST,
        "seed": 0,
        "periods": {"day": 365.0, "night": 365.0},
        "proof": {**reached, "candidates": 9, "rejected": {}, "columns": 9, "kept": 9},
        "cost": {**split, "by_workload": [_workload("chat", 8.0), _workload("tags", 2.0)]},
        "pools": [
            _pool("P1", "aws", "eu-west-1", [_load("day", 4, 0.8), _load("night", 2, 0.4)]),
            _pool("P2", "lambda", "us", [_load("day", 1, 0.5), _load("night", 0, 0.0)]),
        ],
        "apis": [],
        "purchases": [
            _buy("reserved_1y", "aws", "eu-west-1", (2, 2), 1.5, "(2026-09)"),
            _buy("on_demand", "aws", "eu-west-1", (2, 0), 2.0, "(2026-10-15)"),
            _buy("on_demand", "lambda", "us", (1, 0), 2.0, "(2026-08-03)"),
        ],
        "promises": [
            _promise("chat", "day", "P1", "ttft", 0.5, 0.4),
            _promise("chat", "night", "P1", "ttft", 0.5, 0.2),
            _promise("tags", "day", "P2", "e2e", 10.0, 7.0),
            _promise("tags", "day", "P2", "tpot", 0.05, 0.06, soft=True),
        ],
        "latencies": [],
        "reasons": [],
        "facts": [],
    }


def plan(**changes: Any) -> Plan:
    """Return the plan, with some fields as said."""
    return Plan.model_validate({**body(), **changes})


def simulation(made: Plan, *, slow: int | None = None, never: bool = False) -> Simulation:
    """Return a simulation that saw everything as predicted, but for the promise of number `slow`."""
    rows = []
    for index, one in enumerate(made.promises):
        seen = one.predicted if index != slow else None if never else 2 * one.target
        told = {"attained": seen, "calls": 1000, "holds": seen is not None and seen <= one.target}
        rows.append(one.model_dump(exclude={"miss_share", "holds"}) | told)
    return Simulation.model_validate({"rounds": 1, "tightened": [], "promises": rows})


def api(name: str = "openai/gpt-4.1") -> ApiRoute:
    """Return calls sent to an API."""
    prices = {
        "input_price": 2e-6,
        "cached_input_price": 5e-7,
        "output_price": 8e-6,
        "cost": 1.0,
        "price_source": f"genai-prices 0.2: {name}",
    }
    return ApiRoute.model_validate({"api": name, **prices, "shares": []})


def units(term: str, cost: float) -> ProvisionedRoute:
    """Return units bought at an API."""
    held = {"units": {"day": 10, "night": 10}, "used": {"day": 1.0, "night": 1.0}, "unit_price": cost / 10, "cost": cost}
    sold = {"api": "openai/gpt-4.1", "term": term, "tokens_per_second": 50.0, "price_source": "price list (2026-07-01)"}
    return ProvisionedRoute.model_validate({**held, **sold, "shares": []})
