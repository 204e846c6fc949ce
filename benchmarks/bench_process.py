"""What a user waits for: whole processes, as ratios to the stored baseline.

    python benchmarks/bench_process.py            compare with benchmarks/baseline.json
    python benchmarks/bench_process.py --store    write it
    python benchmarks/bench_process.py --mix      the ten-workload problem too, at its own and at smaller demand

Aims on two ordinary cores: help under 0.3 s, quickstart under 3 s and 400 MB, ten workloads over all catalogs to a proven
1 % in under 20 s. Memory is the peak of the process; the gap is the one the plan states.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from harness import best_of, line, load, store

ROOT = Path(__file__).parents[1]
SCALES = (1.0, 0.2, 0.01)


def planner(*arguments: str) -> str:
    """Run the command in a process of its own and return what it printed."""
    run = [sys.executable, "-m", "planner", *arguments]
    return subprocess.run(run, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def peak_megabytes(*arguments: str) -> float:
    """Return the peak memory of the command, the largest child so far [MB]."""
    import resource

    planner(*arguments)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def mix(scale: float, folder: Path) -> tuple[float, float, float]:
    """Solve the ten-workload problem at a multiple of its demand; return seconds, gap and cost [$/h]."""
    data = yaml.safe_load((ROOT / "problems" / "mix-benchmark.yaml").read_text(encoding="utf-8"))
    for workload in data["workloads"]:
        workload["demand"]["scale"] = scale
    path = folder / "mix.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    started = time.perf_counter()
    plan = json.loads(planner("solve", str(path), "--json"))
    return time.perf_counter() - started, plan["proof"]["gap"], plan["cost"]["total"]


def main() -> None:
    """Measure, compare, and store if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", action="store_true")
    parser.add_argument("--mix", action="store_true")
    chosen = parser.parse_args()
    quickstart = ("solve", "problems/quickstart.yaml", "--quiet")
    measured = {
        "process: help [s]": best_of(5, lambda: planner("--help")),
        "process: quickstart [s]": best_of(3, lambda: planner(*quickstart)),
        "process: quickstart [MB]": peak_megabytes(*quickstart),
    }
    baseline = load()
    for name, value in measured.items():
        print(line(name, value, "", baseline))
    if chosen.mix:
        with tempfile.TemporaryDirectory() as folder:
            for scale in SCALES:
                seconds, gap, cost = mix(scale, Path(folder))
                print(f"ten workloads × {scale:g}: {seconds:.1f} s, gap {gap:.1%}, ${cost:,.2f}/h")
    if chosen.store:
        store(measured)


if __name__ == "__main__":
    main()
