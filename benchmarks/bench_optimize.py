"""How long the optimizer takes, as ratios to the stored baseline.

    python benchmarks/bench_optimize.py            compare with benchmarks/optimize.json
    python benchmarks/bench_optimize.py --store    write it

Programs are synthetic: pools differ in worth for money by half, and by a tenth from stream to stream, as deployments
of a few models on priced hardware do. `apart` programs differ by half from stream to stream: no pool is good for many, which
is the hard case. Mélange instances are read from ../shared where they lie.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "optimize")]

from melange import DATA, instance  # noqa: E402
from programs import program  # noqa: E402

from planner.optimize.program import Outcome, Program  # noqa: E402
from planner.optimize.solve import solve  # noqa: E402

BASELINE = Path(__file__).with_name("optimize.json")

# name: streams, pools, periods, cells, replicas' worth of load per stream, spread of stream × pool
SHAPES = {
    "20 streams × 200 pools × 24 periods": (20, 200, 24, 20, 10.0, 0.1),
    "50 × 1000 × 1": (50, 1000, 1, 20, 10.0, 0.1),
    "10 × 20000 × 1": (10, 20_000, 1, 60, 10.0, 0.1),
    "50 × 1000 × 1 apart": (50, 1000, 1, 20, 10.0, 0.5),
}


def synthetic(streams: int, pools: int, periods: int, cells: int, load: float, spread: float) -> Program:
    """Make a random program; always the same for its shape. Commitments are 40 % cheaper than renting."""
    rng = np.random.default_rng(1)
    cell_gpus, price = rng.choice([1, 4, 8], cells), rng.uniform(1, 6, cells)
    pool_cell = rng.integers(0, cells, pools)
    pool_gpus = np.minimum(rng.choice([1, 2, 4, 8], pools), cell_gpus[pool_cell])
    speed = price[pool_cell] * pool_gpus * rng.lognormal(0, 0.4, pools) * rng.lognormal(0, spread, (streams, pools))
    demand = 3.5 / speed * rng.uniform(0.2, 1, (3, streams, pools))
    demand[:, rng.random((streams, pools)) < 0.4] = np.inf
    day = 1 + 0.8 * np.sin(np.arange(periods) / periods * 2 * np.pi) * rng.uniform(0.3, 1, (streams, 1))
    twice = 2 if periods > 1 else 1
    return program(
        rate=load * rng.lognormal(0, 1, (streams, 1)) * day,
        demand=demand,
        pool_cell=pool_cell,
        pool_gpus=pool_gpus,
        cell_gpus=cell_gpus,
        buy_cell=np.tile(np.arange(cells), twice),
        hourly=np.concatenate([price * cell_gpus, 0.6 * price * cell_gpus])[: twice * cells],
        committed=np.repeat([False, True], cells)[: twice * cells],
    )


def cases() -> dict[str, tuple[Program, float, float]]:
    """Every case: its program, the gap asked, and the cost known from elsewhere (nan if none)."""
    found = {name: (synthetic(*shape), 0.01, np.nan) for name, shape in SHAPES.items()}
    if DATA.is_dir():
        for row in csv.DictReader((DATA / "answers.csv").read_text().splitlines()):
            raw = json.loads((DATA / f"{row['case']}.json").read_text())
            found[f"melange {row['case']}"] = (instance(raw), 1e-3, float(row["melange_cost"]))
    return found


def timed(given_program: Program, gap: float, limit: float) -> tuple[float, Outcome]:
    """Solve and take the time [s]."""
    started = time.perf_counter()
    outcome = solve(given_program, gap=gap, time_limit=limit, seed=0, progress=lambda _: None)
    return time.perf_counter() - started, outcome


def main() -> None:
    """Print one line per case: seconds, ratio to the baseline, gap, and cost against the known one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", action="store_true", help="write the baseline")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds per case")
    asked = parser.parse_args()
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    print(f"{'case':44} {'s':>7} {'ratio':>6} {'gap':>8} {'cost/known':>10}  kept")
    for name, (given_program, gap, known) in cases().items():
        if asked.only not in name:
            continue
        seconds, outcome = timed(given_program, gap, asked.limit)
        ratio = seconds / baseline[name]["seconds"] if name in baseline else np.nan
        print(f"{name:44} {seconds:7.2f} {ratio:6.2f} {outcome.gap:8.5f} {outcome.objective / known:10.5f}  {outcome.kept}")
        baseline[name] = {"seconds": round(seconds, 3), "gap": round(outcome.gap, 6)} if asked.store else baseline.get(name)
    if asked.store:
        BASELINE.write_text(json.dumps(baseline, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
