"""What the essays on serving cost describe, as small simulations: an 8-billion model on one H100 under loads that are made up.

The replica is the catalog's, with predictions taken as they come (confidence 0.5). Every scene is short and always the same.
`benchmarks/effects.py` prints them as tables, `test_effects.py` holds them to what they should show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from engines import mixed

from planner.catalog.load import load_builtin
from planner.domain.plan_pools import Deployment, Layout
from planner.domain.problem import Operations
from planner.plan.predict import Replicas
from planner.simulate.clients import Clients
from planner.simulate.cluster import simulate
from planner.simulate.deploy import engine_of
from planner.simulate.engine import Engine
from planner.simulate.requests import Floats, Requests, plain, together
from planner.simulate.served import Served, Status

MODEL, ACCELERATOR, INSTANCE = "meta-llama/Llama-3.1-8B-Instruct", "h100-sxm", "lambda/gpu_1x_h100_sxm5"
CONTEXT = 4096
"""Longest context of engines that reserve memory [token]: the essay's."""
WARM = 20.0
"""Time at whose calls nobody looks [s]."""
SPAN = 200.0
"""Time simulated [s]."""
PROMPT, OUTPUT, BRIEF = 1150.0, 210.0, 25.0
"""Mean tokens of a conversation's prompts and answers (Azure's 2023 trace: 1,155 and 211), and of brief answers."""
FULL = 31.0
"""Calls per second with brief answers that a replica completes at most; rounded up [1/s]."""


@cache
def replica(engine: str = "vllm", context: int = 32768) -> Engine:
    """Return the catalog's replica under an engine."""
    catalog = load_builtin()
    row = catalog.engines[engine]
    made = Deployment(
        model=MODEL,
        precision="bf16",
        kv_precision="kv-bf16",
        engine=engine,
        engine_version=row.version,
        accelerator=ACCELERATOR,
        layout=Layout(tp=1, pp=1, dp=1, ep=1),
        max_sequences=row.max_sequences,
        chunk_tokens=row.chunk_tokens,
        max_context=context,
        memory_fraction=row.memory_fraction,
    )
    return engine_of(Replicas(catalog, made, INSTANCE, [], Operations(), 0.5), made, catalog)


def continuous() -> Engine:
    """Return a replica that takes calls in at every iteration and gives them memory in blocks."""
    return replica(context=CONTEXT)


def static() -> Engine:
    """Return the same, serving whole batches, with memory for the longest context reserved for each call."""
    return replace(continuous(), policy="static", contiguous=True)


def reserving() -> Engine:
    """Return the same, taking calls in at every iteration, with memory for the longest context reserved for each."""
    return replace(continuous(), contiguous=True)


def capped(requests: Requests, context: int = CONTEXT) -> Requests:
    """Return calls shortened to what a context holds."""
    prompt = np.minimum(requests.prompt, context - 512)
    return replace(requests, prompt=prompt, output=np.minimum(requests.output, context - prompt))


def conversation(rate: float, span: float = SPAN, output: float = OUTPUT, seed: int = 1) -> Requests:
    """Return Poisson calls of a conversation's lengths."""
    return capped(mixed(rate, span, seed, PROMPT, output))


# 1. Cost against latency


@dataclass(frozen=True)
class Cost:
    """What a target asks for."""

    target: float
    """p95 of a whole call [s]."""
    replicas: int
    """Fewest with which it is kept."""


def cost_curve(targets: Sequence[float], rate: float = 200.0, most: int = 60) -> list[Cost]:
    """Return the replicas that brief calls at a rate need, for each p95 of their whole time.

    Parameters
    ----------
    targets : p95 of end-to-end times [s]
    rate : of all calls [1/s]
    most : replicas tried

    Notes
    -----
    One replica is simulated under its share of the load; a balancer that deals at random makes it just that.
    """
    seen: dict[int, float] = {}

    def p95(count: int) -> float:
        if count not in seen:
            served = simulate(replica(), conversation(rate / count, output=BRIEF))
            seen[count] = served.percentile("e2e", 95, warmup=WARM)
        return seen[count]

    return [Cost(target, next(n for n in range(int(rate / FULL), most) if p95(n) <= target)) for target in targets]


@dataclass(frozen=True)
class Carried:
    """What a replica carries within tails."""

    ttft: float
    """p99 of the time to the first token [s]; ∞ = none asked for."""
    tpot: float
    """p99 of the time per output token [s]."""
    rate: float
    """Calls per second [1/s]."""


def highest_rate(holds: Callable[[float], bool], most: float, steps: int = 7) -> float:
    """Return the highest rate that holds, to a part in 2^steps of the most."""
    low, high = 0.0, most
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def saturated(engine: Engine, requests: Requests, horizon: float = 60.0) -> float:
    """Return the calls per second that an engine completes while calls never cease to wait [1/s]."""
    served = simulate(engine, requests, horizon=horizon)
    done = (served.finish > horizon / 3) & (served.finish <= horizon)
    return float(np.count_nonzero(done)) / (horizon * 2 / 3)


def tail_curve(targets: Sequence[tuple[float, float]]) -> list[Carried]:
    """Return the rate of conversations that a replica carries: as much as it can, then within each pair of p99."""
    full = saturated(replica(), conversation(100.0, 60.0))

    def keeps(rate: float, ttft: float, tpot: float) -> bool:
        served = simulate(replica(), conversation(rate))
        seen = [served.percentile(metric, 99, warmup=WARM) for metric in ("ttft", "tpot")]
        return seen[0] <= ttft and seen[1] <= tpot

    found = [Carried(*pair, highest_rate(lambda rate, pair=pair: keeps(rate, *pair), full)) for pair in targets]  # type: ignore[misc]
    return [Carried(np.inf, np.inf, full), *found]


# 2. Batching and memory


@dataclass(frozen=True)
class Batching:
    """What an engine does with conversations."""

    name: str
    full: float
    """Calls per second while calls never cease to wait [1/s]."""
    within: float
    """Calls per second with a p95 of the whole time of 20 s [1/s]."""
    running: float
    """Calls that run at once while calls never cease to wait, were slots without limit [1]."""


def batching() -> list[Batching]:
    """Return what static and continuous batching carry, and what reserving memory costs."""
    engines = {"continuous, blocks": continuous(), "continuous, reserved": reserving(), "static, reserved": static()}
    return [_batching(name, engine) for name, engine in engines.items()]


def _batching(name: str, engine: Engine) -> Batching:
    flood = conversation(100.0, 60.0)
    full = saturated(engine, flood)
    within = highest_rate(lambda rate: _p95(engine, rate) <= 20.0, 1.2 * full)
    (series,) = simulate(replace(engine, max_sequences=4096), flood, horizon=60.0, sample=1.0).series
    return Batching(name, full, within, float(series.running[series.time > WARM].mean()))


def _p95(engine: Engine, rate: float) -> float:
    return simulate(engine, conversation(rate)).percentile("e2e", 95, warmup=WARM)


@dataclass(frozen=True)
class Spread:
    """Throughput under outputs of one mean and some spread."""

    cv: float
    """Standard deviation over mean [1]."""
    static: float
    """Calls per second of static batching [1/s]."""
    continuous: float
    """Of continuous batching [1/s]."""


def spread_curve(cvs: Sequence[float], mean: float = 200.0, calls: int = 6000) -> list[Spread]:
    """Return how throughput falls as outputs differ more, prompts all alike."""
    return [Spread(cv, *(saturated(engine, _alike(cv, mean, calls)) for engine in (static(), continuous()))) for cv in cvs]


def _alike(cv: float, mean: float, calls: int) -> Requests:
    """Return calls that all come at once, with gamma outputs of a mean and coefficient of variation."""
    rng = np.random.Generator(np.random.PCG64(5))
    shape = 1.0 / cv**2 if cv else np.inf
    outputs = rng.gamma(shape, mean / shape, calls) if cv else np.full(calls, mean)
    return capped(plain(np.zeros(calls), np.full(calls, 500), np.maximum(np.rint(outputs), 1).astype(np.int64)))


# 3. Retries

PATIENCE = 4.0
"""Time to the first token after which a client gives up [s]."""
TRIES = 4
"""Tries of a client that comes again."""


@dataclass(frozen=True)
class Storm:
    """What is answered in time under an offered load [1/s]."""

    offered: float
    """First tries."""
    once: float
    """Answered, if clients try once and the server hears when they leave."""
    unheard: float
    """Answered, if it does not hear of it."""
    again: float
    """Answered, if it hears of it, but they try up to four times."""


def clients(tries: int, heard: bool) -> Clients:
    """Return clients that leave after a while, and come again or not."""
    return Clients(timeout=PATIENCE, attempts=tries, backoff=1.0, jitter=0.5, cancel=heard)


def storm_curve(loads: Sequence[float], span: float = 120.0) -> list[Storm]:
    """Return goodput against offered load, without and with retries."""
    kinds = (clients(1, True), clients(1, False), clients(TRIES, True))
    return [Storm(rate, *(_answered(simulate(replica(), _brief(rate, span), clients=c), span) for c in kinds)) for rate in loads]


def _brief(rate: float, span: float, seed: int = 1) -> Requests:
    return conversation(rate, span, output=BRIEF, seed=seed)


def _answered(served: Served, end: float) -> float:
    """Return the calls per second that were answered, of those from the warm-up to a time [1/s]."""
    mine = (served.requests.arrival >= WARM) & (served.requests.arrival < end)
    return float(np.count_nonzero(mine & (served.status == Status.DONE))) / (end - WARM)


def after_burst(tries: int, steady: float, burst: int = 300, span: float = 240.0) -> Floats:
    """Return the share of calls answered in each ten seconds, with a burst of calls within ten seconds from 40 s on.

    The server does not hear of those who leave.
    """
    rush = _brief(burst / 10.0, 10.0, seed=8)
    calls = together([_brief(steady, span), replace(rush, arrival=40.0 + rush.arrival)])
    served = simulate(replica(), calls, clients=clients(tries, False))
    bins = (calls.arrival // 10.0).astype(np.int64)
    shares: Floats = np.bincount(bins, served.status == Status.DONE) / np.bincount(bins)
    return shares


# 4. Mixing


@dataclass(frozen=True)
class Mixing:
    """Short chats beside long documents."""

    name: str
    replicas: str
    chat: float
    """p95 of chats' time to the first token [s]."""
    documents: float
    """p95 of documents' [s]."""


def mixing(chats: float = 60.0, papers: float = 1.8, span: float = 300.0) -> list[Mixing]:
    """Return first tokens of 200-token chats and 30,000-token documents, in one pool of six and in pools of two and four."""
    chat = mixed(chats, span, 1, 200.0, 100.0)
    long = mixed(papers, span, 2, 100.0, 300.0)
    prompts, ones = np.full(len(long), 30_000), np.ones(len(long), dtype=np.int64)
    paper = replace(long, prompt=prompts, output=np.minimum(long.output, 2_000), stream=ones)
    one = simulate(replica(), together([chat, paper]), replicas=6, balancer="least_loaded")
    apart = [simulate(replica(), calls, replicas=n, balancer="least_loaded") for calls, n in ((chat, 2), (paper, 4))]
    return [
        Mixing("one pool", "6", *(one.percentile("ttft", 95, stream, WARM) for stream in (0, 1))),
        Mixing("a pool each", "2 + 4", *(served.percentile("ttft", 95, warmup=WARM) for served in apart)),
    ]
