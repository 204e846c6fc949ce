"""How much faster two processes solve a sweep than one, and whether they find the same.

    python benchmarks/sweep.py [scenarios] [problem.yaml]

On a machine that does other work too, seconds of the clock tell little; seconds of processor time do: with a core for each
worker, two workers take half of theirs, and what the process that hands out work takes comes on top at worst.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path

from planner.catalog.problem import load_problem
from planner.pipeline import quietly
from planner.study.executors import Processes, Serial
from planner.study.overrides import Override
from planner.study.sweep import Course, sweep
from planner.study.variant import Variant

WORKERS = 2


def processor(who: int) -> float:
    """Return seconds of processor time used so far."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    path = sys.argv[2] if len(sys.argv) > 2 else Path(__file__).parents[1] / "problems" / "quickstart.yaml"
    loaded = load_problem(path)
    variants = [Variant(str(i), (Override("workloads.*.demand.scale", 0.5 + i / count),)) for i in range(count)]
    found, clock, own, theirs = [], [], [], []
    for executor in (Serial(), Processes(WORKERS)):
        started, load = time.monotonic(), os.getloadavg()[0]
        here, there = processor(resource.RUSAGE_SELF), processor(resource.RUSAGE_CHILDREN)
        found.append(sweep(loaded, variants, Course(quietly, executor)))
        clock.append(time.monotonic() - started)
        own.append(processor(resource.RUSAGE_SELF) - here)
        theirs.append(processor(resource.RUSAGE_CHILDREN) - there)
        spent = f"processor {own[-1]:.1f} s here and {theirs[-1]:.1f} s in workers"
        print(f"{executor}: {clock[-1]:.1f} s for {count} scenarios, {spent}, load before {load:.1f}", flush=True)
    print(
        f"{clock[0] / clock[1]:.2f} times as fast by the clock, {own[0] / (own[1] + theirs[1] / WORKERS):.2f} by processor time"
    )
    print(f"results {'identical' if found[0] == found[1] else 'DIFFER'}")


if __name__ == "__main__":
    main()
