"""Plans after `--verify`: does every promise hold in simulation, and how many replicas over the fewest that hold were bought?

    python benchmarks/bench_verify.py [--problems DIR] [--generated N] [--skip NAME…]

For every problem file and N generated problems: solve with simulation, then, pool by pool and period by period, look for the
fewest replicas that keep every hard promise in simulation under the same calls. Pools without latency objectives are left out:
batch work fills machines that are there anyway.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

from planner.catalog.problem import LoadedProblem, load_problem
from planner.errors import PlannerError
from planner.pipeline import plan_problem
from planner.plan.basis import Basis
from planner.simulate.judge import PoolRun, keeps, pool_runs

PROBLEMS = Path(__file__).parents[1] / "problems"
MODELS = ("meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen3-32B", "mistralai/Mistral-Small-24B-Instruct-2501")


def generated(seed: int) -> str:
    """Return a problem of one to three workloads; always the same for a seed."""
    rng = np.random.default_rng(seed)

    def log(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    def workload(number: int) -> dict[str, object]:
        return {
            "name": f"w{number}",
            "demand": {"rate": f"{log(1, 120):.3g} req/s", "burstiness": float(rng.choice([1.0, 1.0, 2.0, 4.0]))},
            "input_tokens": {"mean": f"{log(150, 6000):.0f}", "scv": round(float(rng.uniform(0.2, 2.0)), 2)},
            "output_tokens": {"mean": f"{log(30, 600):.0f}", "scv": round(float(rng.uniform(0.2, 1.5)), 2)},
            "objectives": [
                {"metric": "ttft", "percentile": int(rng.choice([90, 95, 99])), "target": f"{log(400, 4000):.0f}ms"},
                {"metric": "tpot", "percentile": int(rng.choice([90, 95])), "target": f"{log(25, 90):.0f}ms"},
            ],
        }

    problem = {
        "apiVersion": "planner/v1",
        "metadata": {"name": f"generated-{seed}"},
        "workloads": [workload(number) for number in range(int(rng.integers(1, 4)))],
        "choose": {
            "models": {"allow": [str(rng.choice(MODELS))]},
            "engines": {"allow": ["vllm"]},
            "accelerators": {"allow": ["h100-*", "h200-*", "b200-*", "l40s"]},
            "offers": {"allow": ["on_demand"]},
        },
        "solver": {"time_limit": "60s"},
    }
    return yaml.safe_dump(problem, sort_keys=False)


def problems(folder: Path, count: int, skip: set[str], work: Path) -> Iterator[LoadedProblem]:
    """Yield the problem files, then the generated problems."""
    for file in sorted(folder.glob("*.yaml")):
        if file.stem not in skip:
            yield load_problem(file)
    for seed in range(count):
        file = work / f"generated-{seed}.yaml"
        file.write_text(generated(seed), encoding="utf-8")
        yield load_problem(file)


def fewest(basis: Basis, run: PoolRun) -> int:
    """Return the fewest replicas that keep every hard promise in simulation."""
    low, high = 0, run.working
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if keeps(basis, run, replicas=middle) else (middle, high)
    return high


def main() -> None:
    """Print a line per pool and the figures over all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=Path, default=PROBLEMS)
    parser.add_argument("--generated", type=int, default=30)
    parser.add_argument("--skip", nargs="*", default=["infeasible", "api-or-own"])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        judge(problems(asked.problems, asked.generated, set(asked.skip), Path(work)))


def judge(given: Iterator[LoadedProblem]) -> None:
    """Print a line per problem and the figures over all."""
    bought: list[tuple[int, int]] = []
    held = missed = 0
    for loaded in given:
        started = time.perf_counter()
        name = loaded.problem.metadata.name
        try:
            plan = plan_problem(loaded, progress=lambda _: None, simulated=True)
        except PlannerError as error:
            print(f"{name:24} no plan: {type(error).__name__}")
            continue
        simulation = plan.simulation
        hard = [promise for promise in simulation.promises if not promise.soft] if simulation else []
        held, missed = held + sum(p.holds for p in hard), missed + sum(not p.holds for p in hard)
        basis = Basis(plan.model_copy(update={"simulation": None}), replace(loaded))
        found = [(run, fewest(basis, run)) for run in pool_runs(basis) if any(stream.objectives for stream in run.streams)]
        bought += [(run.working, least) for run, least in found]
        pools = ", ".join(f"{run.pool.name} {run.working}/{least}" for run, least in found)
        rounds = simulation.rounds if simulation else 0
        print(
            f"{name:24} ${plan.cost.total:9,.2f}/h  rounds {rounds}  {time.perf_counter() - started:5.1f} s  {pools}", flush=True
        )
    working, least = (np.array(column, dtype=float) for column in zip(*bought, strict=True))
    ratio = working / least
    print(f"{held} hard promises held in simulation, {missed} missed")
    print(f"replicas bought / fewest that hold: {working.sum() / least.sum():.3f} over all, median {np.median(ratio):.3f}")
    over = ratio > 1.10
    print(f"pools above 1.10: {over.sum()} of {len(ratio)}, {np.sum(over & (working - least == 1))} of them by one replica")


if __name__ == "__main__":
    main()
