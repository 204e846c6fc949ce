"""How time and memory of a solve over a horizon grow with its periods, workloads, offers and scenarios.

    python benchmarks/bench_horizon.py

A mix of up to eight workloads of `problems/mix-benchmark.yaml` with daily and weekly courses, in five regions. Each row is
solved in a process of its own. Times depend on the machine, so what counts is how they grow; the last rows are the largest that
are promised: 24 periods in three scenarios with three ways to pay, and all hours of a week, once with named shapes, of which many
hours are alike, and once with no two hours alike.
"""

from __future__ import annotations

import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from math import sin, tau
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml

from planner.catalog.problem import load_problem
from planner.pipeline import plan_problem

MIX = Path(__file__).parents[1] / "problems" / "mix-benchmark.yaml"
LEFT_OUT = ("expert-chat", "translation")
COURSES = (
    ("business_week", 0, "3%/month"),
    ("office_hours", 1, "1%/month"),
    ("evenings", -8, "2%/month"),
    ("always", 0, "0%/month"),
    ("business_week", -5, "4%/month"),
    ("evenings", 1, "2%/month"),
    ("office_hours", 8, "1%/month"),
    ("nights", 0, "2%/month"),
)
"""Shape of the week, time zone and growth of each workload (assumptions)."""
REGIONS = ("us-east-1", "us-central1", "europe-west4", "eu-north1", "us-west-2")
RENTED = ("on_demand",)
COMMITTED = ("on_demand", "reserved_1y", "reserved_3y")
SCENARIOS = (
    {"name": "low", "probability": 0.2, "demand": 0.7},
    {"name": "base", "probability": 0.5},
    {"name": "high", "probability": 0.3, "demand": 1.4},
)


@dataclass(frozen=True)
class Row:
    """One size of the problem."""

    months: int
    step: str
    typical: int
    workloads: int = 8
    offers: tuple[str, ...] = COMMITTED
    scenarios: bool = False
    unlike: bool = False
    """Whether no two hours of a week are alike."""


ROWS = (
    Row(1, "month", 1, offers=RENTED),
    Row(1, "month", 4, offers=RENTED),
    Row(1, "month", 8, workloads=2, offers=RENTED),
    Row(1, "month", 8, workloads=4, offers=RENTED),
    Row(1, "month", 8, offers=RENTED),
    Row(1, "month", 16, offers=RENTED),
    Row(36, "year", 4),
    Row(36, "year", 8),
    Row(36, "year", 8, scenarios=True),
    Row(1, "month", 168, offers=RENTED),
    Row(1, "month", 168, offers=RENTED, unlike=True),
)


def problem(row: Row) -> dict[str, Any]:
    """Return a problem file of that size."""
    made: dict[str, Any] = yaml.safe_load(MIX.read_text(encoding="utf-8"))
    kept = [one for one in made["workloads"] if one["name"] not in LEFT_OUT][: row.workloads]
    for workload, (shape, zone, growth) in zip(kept, COURSES, strict=False):
        week = [1 + 0.7 * sin((hour % 24 - 6 + zone) / 24 * tau) + hour / 1000 for hour in range(168)]
        workload["demand"] |= {"shape": week if row.unlike else shape, "timezone": zone, "growth": growth}
    made["workloads"] = kept
    made["horizon"] = {"start": "2027-01", "months": row.months, "step": row.step, "typical_hours": row.typical}
    made["choose"] = {"regions": {"allow": [*REGIONS]}, "offers": {"allow": [*row.offers]}}
    made["solver"] = {"gap": "1%", "time_limit": "85s"}
    if row.scenarios:
        made["scenarios"] = [*SCENARIOS]
    return made


def measured(row: Row) -> str:
    """Solve once, and say how long it took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.yaml"
        path.write_text(yaml.safe_dump(problem(row)), encoding="utf-8")
        loaded = load_problem(path)
    started, used = time.perf_counter(), time.process_time()
    plan = plan_problem(loaded, progress=lambda _: None)
    took, used = time.perf_counter() - started, time.process_time() - used
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    size = f"{len(plan.periods):7} {row.workloads:9} {len(row.offers):6} {3 if row.scenarios else 1:9}"
    return f"{size} {took:7.1f} s {used:7.1f} s {memory:6.2f} GB  ${plan.cost.total:9.2f}/h  gap {plan.proof.gap:.2%}"


def main() -> None:
    print("periods workloads offers scenarios      time       CPU    memory        cost")
    for row in ROWS:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
            print(alone.submit(measured, row).result(), flush=True)


if __name__ == "__main__":
    main()
