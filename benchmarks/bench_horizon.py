"""How time and memory of a solve over a horizon grow with its periods and scenarios.

    python benchmarks/bench_horizon.py

The year of `problems/growth.yaml`, laid out in more and more typical hours, then with two and three scenarios. Times depend on
the machine, so what counts is how they grow.
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from planner.catalog.problem import load_problem
from planner.pipeline import plan_problem

ROOT = Path(__file__).parents[1]
SCENARIOS = [
    {"name": "base", "probability": 0.5},
    {"name": "high", "probability": 0.3, "demand": 1.4},
    {"name": "low", "probability": 0.2, "demand": 0.7},
]


def row(folder: Path, typical: int, scenarios: int) -> str:
    """Solve once, and say how long it took."""
    made: dict[str, Any] = yaml.safe_load((ROOT / "problems" / "growth.yaml").read_text(encoding="utf-8"))
    made["horizon"]["typical_hours"] = typical
    made["solver"] = {"gap": "3%", "time_limit": "120s"}
    if scenarios > 1:
        chosen = SCENARIOS[:scenarios]
        whole = sum(one["probability"] for one in chosen)
        made["scenarios"] = [{**one, "probability": one["probability"] / whole} for one in chosen]
    path = folder / "problem.yaml"
    path.write_text(yaml.safe_dump(made), encoding="utf-8")
    loaded = load_problem(path)
    started = time.perf_counter()
    plan = plan_problem(loaded, progress=lambda _: None)
    took = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    size = f"{typical:7} {scenarios:9} {len(plan.periods):7}"
    return f"{size} {took:8.1f} s {memory:6.2f} GB  ${plan.cost.total:7.3f}/h  gap {plan.proof.gap:.2%}"


def main() -> None:
    print("typical scenarios periods     time   memory      cost")
    with tempfile.TemporaryDirectory() as folder:
        for typical, scenarios in ((1, 1), (2, 1), (4, 1), (8, 1), (16, 1), (2, 2), (2, 3), (4, 3)):
            print(row(Path(folder), typical, scenarios), flush=True)


if __name__ == "__main__":
    main()
