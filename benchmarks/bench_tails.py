"""Closed-form percentiles against the simulator, over a grid of operating points.

    python benchmarks/bench_tails.py [--held-out] [--balancer NAME] [--traces DIR] [--points N] [--keep FILE]

3 models × 3 GPUs × 4 workloads (chat, documents, lengths of both Azure traces) × load 0.3 to 0.9 × 1 to 16 replicas × Poisson and
bursty arrivals (c_a² = 4), every combination of load, replicas and burstiness with models, GPUs and workloads in turn. Load 1 is
where the first of iteration time, prompt server, slots and memory is full on average. Simulations are kept in FILE by what they
depend on, so that formulas can be worked on without simulating again. The factors in `planner/perf` were found on this grid;
--held-out takes other loads, numbers of replicas, burstiness and calls.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from planner.catalog.load import load_builtin
from planner.demand.stream import Stream
from planner.demand.streams import build_flows
from planner.domain.plan_pools import Deployment, Layout
from planner.domain.problem import Operations, Problem
from planner.plan.predict import Operation, Replicas
from planner.simulate.cluster import simulate
from planner.simulate.deploy import engine_of
from planner.simulate.sample import requests_of

MODELS = {
    "meta-llama/Llama-3.1-8B-Instruct": "bf16",
    "Qwen/Qwen3-32B": "fp8",
    "Qwen/Qwen3-30B-A3B-Instruct-2507": "fp8",
}
GPUS = {
    "h100-sxm": "nebius/gpu-h100-sxm_1gpu-16vcpu-200gb",
    "h200-sxm": "nebius/gpu-h200-sxm_1gpu-16vcpu-200gb",
    "b200-sxm": "lambda/gpu_1x_b200_sxm6",
}
TRACES = Path(__file__).parents[2] / "shared" / "data" / "traces"
PLAIN = {
    "chat": ({"mean": "600", "scv": 1.5}, {"mean": "250", "scv": 0.8}),
    "documents": ({"mean": "9000", "scv": 0.8}, {"mean": "350", "scv": 0.6}),
}
AZURE = {"azure-conv": "AzureLLMInferenceTrace_conv.csv", "azure-code": "AzureLLMInferenceTrace_code.csv"}
LOADS = (0.3, 0.45, 0.6, 0.7, 0.8, 0.9)
REPLICAS = (1, 2, 4, 16)
BURSTS = (1.0, 4.0)
OTHERS = ((0.35, 0.5, 0.55, 0.65, 0.75, 0.85), (1, 3, 8, 12), (1.0, 2.5))
"""Loads, replicas and burstiness held out."""
REPEATS = 5
"""Points for every load, number of replicas and burstiness."""
CALLS = 6_000
"""Calls a replica that is alone is watched for; twice as many for 4 and more replicas."""
SHOWN = (("tpot", 95.0), ("ttft", 95.0), ("ttft", 99.0), ("e2e", 95.0))
BARS = {("tpot", 95.0): 0.05, ("ttft", 95.0): 0.10, ("ttft", 99.0): 0.15}
OPTIMISTIC = 0.15
LOOKS = "least_loaded"


@dataclass(frozen=True)
class Point:
    """An operating point."""

    model: str
    gpu: str
    workload: str
    load: float
    replicas: int
    burstiness: float
    balancer: str


def grid(points: int | None, *, held_out: bool = False, balancer: str = LOOKS) -> list[Point]:
    """Return the points; a smaller number takes every so many-th."""
    loads, counts, bursts = OTHERS if held_out else (LOADS, REPLICAS, BURSTS)
    turns = itertools.cycle(itertools.product(MODELS, GPUS, (*PLAIN, *AZURE)))
    states = itertools.product(loads, counts, bursts, range(REPEATS))
    made = [Point(*next(turns), load, replicas, burst, balancer) for load, replicas, burst, _ in states]
    return made if points is None else made[:: max(len(made) // points, 1)]


@cache
def stream(workload: str, burstiness: float, traces: Path) -> Stream:
    """Return a workload's calls."""
    if workload in AZURE:
        given = {"trace": {"path": str(traces / AZURE[workload])}}
        lengths = given, given
    else:
        lengths = PLAIN[workload]
    problem = Problem.model_validate(
        {
            "apiVersion": "planner/v1",
            "metadata": {"name": "grid"},
            "workloads": [
                {
                    "name": workload,
                    "demand": {"rate": "1 req/s", "burstiness": burstiness},
                    "input_tokens": lengths[0],
                    "output_tokens": lengths[1],
                }
            ],
        }
    )
    return build_flows(problem, Path()).streams[0]


def deployment(point: Point) -> Deployment:
    """Return what runs."""
    engine = load_builtin().engines["vllm"]
    return Deployment(
        model=point.model,
        precision=MODELS[point.model],
        kv_precision="kv-bf16",
        engine="vllm",
        engine_version=engine.version,
        accelerator=point.gpu,
        layout=Layout(tp=1, pp=1),
        max_sequences=engine.max_sequences,
        chunk_tokens=engine.chunk_tokens,
        max_context=131072,
        memory_fraction=engine.memory_fraction,
    )


def replicas_of(point: Point, traces: Path) -> Replicas:
    """Return its replicas, as they are predicted."""
    calls = stream(point.workload, point.burstiness, traces)
    operations = Operations.model_validate({"max_utilization": 0.999, "balancer": point.balancer})
    return Replicas(load_builtin(), deployment(point), GPUS[point.gpu], [calls], operations, 0.5)


def full_rate(made: Replicas, name: str) -> float:
    """Return calls per second of a replica at load 1: where the first mean of time, prompt server, slots and memory is full."""
    low, high = 1e-4, 1e3
    for _ in range(40):
        middle = (low * high) ** 0.5
        seen = made.operate({name: middle}, 1_000_000)  # endless company: means only
        low, high = (middle, high) if _fits(seen) else (low, middle)
    return low


def _fits(seen: Operation) -> bool:
    return seen.strain["load"] <= 1.0 and seen.strain["prompt load"] <= 1.0 and max(seen.strain.values()) <= 1.0


def simulated(job: tuple[Point, float, Path, int]) -> dict[str, float]:
    """Simulate a point at a rate and return its percentiles."""
    point, rate, traces, seed = job
    made, calls = replicas_of(point, traces), stream(point.workload, point.burstiness, traces)
    engine = engine_of(made, deployment(point), load_builtin())
    count = CALLS * (1 if point.replicas == 1 else 2 if point.replicas < 16 else 4)
    span = count / (rate * point.replicas)
    warm = max(0.15 * span, 60.0)
    requests = requests_of([calls], 0, [rate * point.replicas], span + warm, seed)
    served = simulate(engine, requests, replicas=point.replicas, balancer=point.balancer, seed=seed)
    found = {f"{m}{p:g}": float(np.percentile(served.values(m, None, warm), p)) for m, p in SHOWN}
    return found | {f"{m} mean": float(served.values(m, None, warm).mean()) for m in ("tpot", "ttft")}


def compare(points: list[Point], traces: Path, keep: Path | None) -> Iterator[tuple[Point, dict[str, float], Operation]]:
    """Yield every point with what was simulated and what is predicted."""
    known: dict[str, dict[str, float]] = json.loads(keep.read_text()) if keep and keep.exists() else {}
    keys = [hashlib.sha256(json.dumps(asdict(point), sort_keys=True).encode()).hexdigest()[:16] for point in points]
    made = [replicas_of(point, traces) for point in points]
    missing = [i for i, key in enumerate(keys) if key not in known]
    looking = {i: replicas_of(replace(points[i], balancer=LOOKS), traces) for i in missing}
    rates = {i: points[i].load * full_rate(each, points[i].workload) for i, each in looking.items()}
    with ProcessPoolExecutor(2) as pool:
        jobs = [(points[i], rates[i], traces, 1) for i in missing]
        for i, found in zip(missing, pool.map(simulated, jobs, chunksize=2), strict=True):
            known[keys[i]] = found | {"rate": rates[i]}
            if keep:
                keep.write_text(json.dumps(known))
    for point, key, each in zip(points, keys, made, strict=True):
        yield point, known[key], each.operate({point.workload: known[key]["rate"]}, point.replicas)


def ratios(points: list[Point], traces: Path, keep: Path | None) -> tuple[list[Point], dict[tuple[str, float], np.ndarray]]:
    """Return, by metric and percentile, [point] predicted over simulated."""
    found = list(compare(points, traces, keep))
    out = {
        (metric, p): np.array(
            [float(np.max(op.seen[point.workload].percentile(metric, p))) / sim[f"{metric}{p:g}"] for point, sim, op in found]
        )
        for metric, p in SHOWN
    }
    return [point for point, _, _ in found], out


def main() -> None:
    """Print errors over all points and by what sets them apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=Path, default=TRACES)
    parser.add_argument("--points", type=int)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--balancer", default=LOOKS)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    points, found = ratios(grid(asked.points, held_out=asked.held_out, balancer=asked.balancer), asked.traces, asked.keep)
    print(
        f"{len(points)} points: median error, share optimistic by over {OPTIMISTIC:.0%}, median ratio, 10th and 90th percentile"
    )
    groups = {"all": np.ones(len(points), bool)}
    for name in ("load", "replicas", "burstiness", "workload", "model", "gpu"):
        for value in dict.fromkeys(getattr(point, name) for point in points):
            groups[f"{name} {value}"] = np.array([getattr(point, name) == value for point in points])
    for name, rows in groups.items():
        cells = []
        for key, ratio in found.items():
            r = ratio[rows]
            low, high = np.percentile(r, [10, 90])
            cells.append(
                f"{key[0]} p{key[1]:g} {np.median(abs(r - 1)):6.1%} {np.mean(r < 1 - OPTIMISTIC):5.0%} "
                f"{np.median(r):5.2f} [{low:4.2f} {high:4.2f}]"
            )
        print(f"{name[:34]:34} " + "  ".join(cells))
    for key, bar in BARS.items():
        r = found[key]
        error, optimistic = float(np.median(abs(r - 1))), float(np.mean(r < 1 - OPTIMISTIC))
        verdict = "met" if error <= bar and optimistic <= 0.10 else "missed"
        print(f"{key[0]} p{key[1]:g}: median error {error:.1%} (bar {bar:.0%}), optimistic {optimistic:.0%} (bar 10%): {verdict}")


if __name__ == "__main__":
    main()
