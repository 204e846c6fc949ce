"""Tiny catalogs, problems and streams, written as their YAML would be."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from planner.demand.stream import Lengths, Stream
from planner.domain.catalog import Catalog
from planner.domain.problem import Problem

READ = {"source": "price page", "as_of": "2026-07"}


def accelerator(name: str, tdp: str | None = "700W") -> dict[str, Any]:
    return {
        "name": name, "vendor": "nvidia", "architecture": "9.0", "form_factor": "sxm", "memory": "80GB", "bandwidth": "3.35TB/s",
        "peak": {"bf16": "989TFLOP/s"}, "tdp": tdp, "fabric": "nvlink4", **READ,
    }  # fmt: skip


def instance(name: str, prices: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    seller, kind = name.split("/")
    base = {"accelerator": "h100", "count": 8, "fabric": "nvlink4", "prices": prices or []}
    return {"seller": seller, "instance_type": kind, **base, **fields}


def price(region: str = "us-east-1", group: str = "us", **prices: str) -> dict[str, Any]:
    return {"region": region, "region_group": group, **prices, **READ}


def owned(name: str, **fields: Any) -> dict[str, Any]:
    base = {"instance": name, "region": "berlin", "region_group": "eu", "capex": "$300000", "power": "8kW"}
    return {**base, "energy_price": "$0.10/kWh", **READ, **fields}


def fleet(name: str, **fields: Any) -> dict[str, Any]:
    return {"instance": name, "region": "berlin", "region_group": "eu", "count": 2, "hourly": 1.5, **READ, **fields}


def catalog(**sections: Any) -> Catalog:
    accelerators = {name: accelerator(name) for name in ("h100", "a100")}
    return Catalog.model_validate({"accelerators": accelerators, **sections})


def workload(name: str = "chat", **fields: Any) -> dict[str, Any]:
    base = {"demand": {"rate": "1 req/s"}, "input_tokens": {"mean": 100}, "output_tokens": {"mean": 100}}
    return {"name": name, **base, **fields}


def problem(*workloads: dict[str, Any], **fields: Any) -> Problem:
    base = {"apiVersion": "planner/v1", "metadata": {"name": "tiny"}}
    everything = {"offers": {"allow": ["*"]}}  # commitments too, which a problem has to ask for
    choose = {"choose": {**everything, **fields.pop("choose", {})}}
    return Problem.model_validate({**base, "workloads": list(workloads or (workload(),)), **choose, **fields})


def streams(made: Problem) -> list[Stream]:
    hundred = Lengths(np.full(512, 100.0), "100 each")
    rate = tuple(1.0 for _ in made.periods)
    return [
        Stream(each.name, each, rate, 1.0, hundred, hundred, 0.0, 0.0, each.objectives, each.deadline, False)
        for each in made.workloads
    ]


@pytest.fixture(scope="session")
def tiny() -> SimpleNamespace:
    """The builders above, under one name."""
    made: dict[str, Callable[..., Any]] = {
        "accelerator": accelerator, "instance": instance, "price": price, "owned": owned, "fleet": fleet, "catalog": catalog,
        "workload": workload, "problem": problem, "streams": streams,
    }  # fmt: skip
    return SimpleNamespace(**made)
