"""Workloads with stages and levers, composed by hand: ten requests a second, 100 tokens in and 50 out, nothing promised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from planner.demand.stream import Stream
from planner.demand.streams import build_flows
from planner.demand.ways import Flows, Way
from planner.domain.problem import Problem

READ = {"source": "test", "as_of": "2026-01"}
RATE = 10.0


def span(low: float, high: float | None = None) -> dict[str, float]:
    return {"low": low, "high": low if high is None else high}


def component(**fields: Any) -> dict[str, Any]:
    return {"kind": "moderation", "per_call": "$0/kreq", **fields, **READ}


def lever(name: str, kind: str = "other", **option: Any) -> dict[str, Any]:
    """A lever of one option, called on."""
    return {"name": name, "kind": kind, "options": [{"name": "on", **option}], **READ}


def effect(name: str, **fields: Any) -> dict[str, Any]:
    return lever(name, effects=[fields])


def flows(*stages: dict[str, Any], levers: Any = (), problem: dict[str, Any] | None = None, **fields: Any) -> Flows:
    """Return what one workload, called desk, asks for."""
    desk = {
        "name": "desk",
        "demand": {"rate": f"{RATE} req/s"},
        "input_tokens": {"mean": 100},
        "output_tokens": {"mean": 50},
        "stages": list(stages),
        "levers": list(levers),
        **fields,
    }
    raw = {"apiVersion": "planner/v1", "metadata": {"name": "test"}, "workloads": [desk], **(problem or {})}
    return build_flows(Problem.model_validate(raw), Path())


def pulled(found: Flows, *names: str) -> Way:
    """Return the first way in which just these levers are pulled."""
    return next(way for way in found.ways if {lever for lever, _ in way.settings} == set(names))


def streams(found: Flows, way: Way) -> dict[str, Stream]:
    """Return the streams of a way by their short names."""
    return {stream.short: stream for stream in found.along([way]) if stream.name in way.rates}


def rates(found: Flows, way: Way) -> dict[str, float]:
    """Return the calls per second of a way in the first period, by short names of streams."""
    return {name: stream.rate[0] for name, stream in streams(found, way).items()}
