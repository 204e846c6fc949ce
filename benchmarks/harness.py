"""What the benchmarks share: stored baselines and the best of several measurements."""

from __future__ import annotations

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
