"""What the benchmarks share: stored baselines and the best of several measurements."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

BASELINE = Path(__file__).with_name("baseline.json")


def best_of(repeats: int, run: Callable[[], object]) -> float:
    """Return the shortest of several times of `run` [s]: what the machine's other work least disturbed."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def load() -> dict[str, float]:
    """Return the stored baselines: name → seconds or rate."""
    return dict(json.loads(BASELINE.read_text())) if BASELINE.exists() else {}


def store(measured: dict[str, float]) -> None:
    """Write these baselines beside the others."""
    BASELINE.write_text(json.dumps(load() | measured, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def line(name: str, value: float, unit: str, baseline: dict[str, float]) -> str:
    """Return a line with a measurement and its ratio to the baseline."""
    ratio = f"{value / baseline[name]:6.2f}" if name in baseline else "     –"
    return f"{name:44} {value:12,.3g} {unit:6} {ratio} × baseline"


def print_rates(about: str | None, measure: Callable[[int], dict[str, float]], repeats: int) -> None:
    """Run a benchmark of rates from the command line: one line per measurement; `--store` makes them the baseline."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", action="store_true", help="write the baseline")
    parser.add_argument("--repeats", type=int, default=repeats)
    asked = parser.parse_args()
    baseline = load()
    measured = measure(asked.repeats)
    for name, value in measured.items():
        print(line(name, value, "1/s", baseline))
    if asked.store:
        store({name: float(f"{value:.4g}") for name, value in measured.items()})
