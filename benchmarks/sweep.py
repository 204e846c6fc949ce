"""How much faster two processes solve a sweep than one, and whether they find the same.

    python benchmarks/sweep.py [scenarios] [problem.yaml]
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from planner.catalog.problem import load_problem
from planner.pipeline import quietly
from planner.study.executors import Processes, Serial
from planner.study.overrides import Override
from planner.study.sweep import Course, sweep
from planner.study.variant import Variant


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    path = sys.argv[2] if len(sys.argv) > 2 else Path(__file__).parents[1] / "problems" / "quickstart.yaml"
    loaded = load_problem(path)
    variants = [Variant(str(i), (Override("workloads.*.demand.scale", 0.5 + i / count),)) for i in range(count)]
    found, seconds = [], []
    for executor in (Serial(), Processes(2)):
        started, load = time.monotonic(), os.getloadavg()[0]
        found.append(sweep(loaded, variants, Course(quietly, executor)))
        seconds.append(time.monotonic() - started)
        print(f"{executor}: {seconds[-1]:.1f} s for {count} scenarios, load before {load:.1f}", flush=True)
    print(f"{seconds[0] / seconds[1]:.2f} times as fast; results {'identical' if found[0] == found[1] else 'DIFFER'}")


if __name__ == "__main__":
    main()
