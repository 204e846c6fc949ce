"""Static batching with contiguous memory: the baseline that continuous batching is measured against.

B calls are gathered, their prompts run together, and the batch decodes until its longest member ends; the slots of
those that end earlier stay empty. The batches of a replica form a single-server queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.perf.capacity import Capacity
from planner.perf.limits import OCCUPANCY_Z, Replica, Target, worst
from planner.perf.steady import State
from planner.perf.step import Array, StepModel, iteration_time
from planner.perf.tails import Decoding, Latencies, Moments, e2e_moments
from planner.perf.traffic import Traffic

BATCHES = tuple(2.0**power for power in range(11))
"""Batch sizes tried, 1 to 1024 [1]."""

GRID = 24
"""Loads tried per batch size. The wait for a batch to fill falls with the rate, so promises can hold on an interval only."""

STEPS = 10
"""Bisection steps between the highest load that holds and the next: the rate is at most 0.01 % low."""

NODES = np.arange(-8.0, 12.05, 0.1)
"""Abscissae of the expectation over the longest of n normal variables, in standard deviations."""


@dataclass(frozen=True)
class Batch:
    """A batch of B calls on a deployment; fields broadcast."""

    size: float
    """B [1]."""
    prefill: Array
    """T_pf, time of its prompts [s]."""
    iteration: Array
    """τ(B), decode iteration [s]."""
    service: Array
    """t_b = T_pf + E[O_max]·τ(B) [s]."""
    service_scv: Array
    """c_s² = Var(O_max)·τ(B)² / t_b² [1]."""


def longest_output(traffic: Traffic, size: float) -> tuple[Array, Array]:
    """Return mean and second moment of the longest output among `size` calls.

    E[O_max^p] = ∫ e^{p(m + σz)} · n φ(z) Φ(z)^{n−1} dz,  σ² = ln(E[O²]/O²),  m = ln O − σ²/2

    Parameters
    ----------
    traffic : whose output moments are used
    size : n ≥ 1 [1]

    Returns
    -------
    (E[O_max] [token], E[O_max²] [token²])

    Notes
    -----
    Outputs are taken as log-normal with the given mean and second moment. The trapezoidal sum is exact to rounding for
    such an integrand; |z| is cut at 8 below and 12 above, enough for σ ≤ 2 (squared coefficient of variation 54).

    References
    ----------
    David and Nagaraja, Order Statistics (2003), §2.1.
    """
    from scipy.special import log_ndtr

    variance = np.log(np.maximum(traffic.output_second / traffic.output**2, 1.0))[..., None]
    middle = np.log(traffic.output)[..., None] - variance / 2.0
    log_weight = np.log(size * 0.1 / np.sqrt(2.0 * np.pi)) - NODES**2 / 2.0 + (size - 1.0) * log_ndtr(NODES)
    value = middle + np.sqrt(variance) * NODES
    return np.exp(value + log_weight).sum(axis=-1), np.exp(2.0 * value + log_weight).sum(axis=-1)


def make_batch(step: StepModel, traffic: Traffic, replica: Replica, size: float) -> Batch:
    """Return the times of a batch.

    T_pf = (B·I/P)·τ(0, 0, P, G·P/I),  P = min(B·I, C)
    t_b = T_pf + E[O_max]·τ(B, B·KV, 0, 0)

    Parameters
    ----------
    step, traffic, replica : deployment, call, limits
    size : B [1]

    Returns
    -------
    Batch

    Notes
    -----
    Prompts are packed, not padded to the longest, which favours static batching. Ended members stay in the batch and
    cost as much as the others.

    References
    ----------
    Handbook §5, "Static batching".
    """
    none = np.zeros(1)
    prompts = size * traffic.prompt
    together = np.minimum(np.maximum(prompts, 1.0), replica.chunk_tokens)
    attention = traffic.attention * together / np.maximum(traffic.prompt, 1.0)
    passes, ended = np.maximum(prompts / together, 1.0), np.minimum(together / np.maximum(traffic.prompt, 1.0), size)
    prefill = passes * iteration_time(step, none, none, together, attention, prompts=ended)
    iteration = iteration_time(step, np.full(1, size), size * traffic.kv, none, none)
    longest, second = longest_output(traffic, size)
    service = prefill + longest * iteration
    scv = np.maximum(second - longest**2, 0.0) * (iteration / service) ** 2
    return Batch(size, prefill, iteration, service, scv)


def batch_wait(batch: Batch, burstiness: Array, rate: Array) -> Moments:
    """Return mean and variance of a call's wait for its batch to fill and for the batches before it.

    mean = (B−1)/2λ + W,  W = ρ·t_b·(c_a²/B + c_s²) / 2(1−ρ),  ρ = λ·t_b/B
    var  = [(B²−1)/12 + c_a²(B−1)/2]/λ² + 2W²/ρ − W²

    Parameters
    ----------
    batch : its times
    burstiness : c_a² of calls [1]
    rate : λ, with ρ < 1 [1/s]

    Returns
    -------
    Moments [s]

    Notes
    -----
    The place of a call in its batch is uniform. Batches of B renewal arrivals have SCV c_a²/B; a batch waits with
    probability about ρ, then exponentially.

    References
    ----------
    Kingman (1961); handbook §5, "Static batching".
    """
    load = rate * batch.service / batch.size
    queue = load * batch.service * (burstiness / batch.size + batch.service_scv) / (2.0 * (1.0 - load))
    fill = ((batch.size**2 - 1.0) / 12.0 + burstiness * (batch.size - 1.0) / 2.0) / rate**2
    mean = (batch.size - 1.0) / (2.0 * rate) + queue
    return Moments(mean, fill + 2.0 * queue**2 / load - queue**2, np.full(1, np.inf))


def static_latencies(batch: Batch, wait: Moments, traffic: Traffic, host: Array) -> Latencies:
    """Return the latencies of calls served in static batches.

    TTFT = wait + T_pf + t_host,  TPOT = τ(B),  E2E = TTFT + O·τ(B)

    Parameters
    ----------
    batch, wait : its times, and the wait of a call
    traffic, host : the call and its time outside the engine [s]

    Returns
    -------
    Latencies

    Notes
    -----
    Tokens are streamed: a call ends with its own last token although its slot is kept until the batch ends.
    """
    endless = np.full(1, np.inf)
    ttft = Moments(wait.mean + batch.prefill + host, wait.variance, endless)
    tpot = Moments(batch.iteration, np.zeros(1), batch.iteration)
    steady = Decoding(batch.iteration, *(np.zeros(1),) * 3, ceiling=batch.iteration)
    return Latencies(ttft, tpot, e2e_moments(ttft, steady, traffic.output, traffic.output_second))


def _state(step: StepModel, traffic: Traffic, replica: Replica, batch: Batch, rate: Array) -> State:
    """Return the state of a replica that runs batches at a call rate; `sequences` is the batch size."""
    wait = batch_wait(batch, traffic.burstiness, rate)
    zero = np.zeros(rate.shape)
    return State(
        sequences=zero + batch.size,
        stages=zero + step.stages,
        pooled=zero + 1.0,
        rate=rate,
        iteration=zero + batch.iteration,
        decode=zero + batch.iteration,
        idle=zero + step.host + step.weights + step.experts * step.coverage(np.full(1, batch.size)),
        full=zero + batch.prefill,
        prompt_tokens=zero + rate * traffic.prompt * batch.iteration,
        prompt_cost=zero + batch.prefill / np.maximum(batch.size * traffic.prompt, 1.0),
        chunk=zero + np.minimum(np.maximum(batch.size * traffic.prompt, 1.0), replica.chunk_tokens),
        service=zero + batch.prefill / batch.size,
        prompt_load=rate * batch.prefill / batch.size,
        prompt_wait=zero + wait.mean,
        prompt_wait_variance=zero + wait.variance,
        jitter=zero,
        crowding=zero + 1.0,
        crowded=zero,
    )


def _strains(traffic: Traffic, replica: Replica, targets: Sequence[Target], batch: Batch, rate: Array) -> list[tuple[str, Array]]:
    """Return, for each constraint, its value over its limit: ≤ 1 where it holds; names as in `limits.strains`."""
    memory = batch.size * traffic.held + OCCUPANCY_Z * np.sqrt(
        batch.size * np.maximum(traffic.held_second - traffic.held**2, 0.0)
    )
    ratios = [
        ("load", rate * batch.service / batch.size / replica.utilization),
        ("prompt load", rate * batch.prefill / batch.size / replica.utilization),
        ("sequences", batch.size / replica.max_sequences),
        ("kv memory", memory / replica.kv_bytes),
    ]
    seen = static_latencies(batch, batch_wait(batch, traffic.burstiness, rate), traffic, replica.host)
    ratios += [(f"{t.metric} p{t.percentile:g}", seen.percentile(t.metric, t.percentile) / t.seconds) for t in targets]
    return ratios


def _largest_rate(traffic: Traffic, replica: Replica, targets: Sequence[Target], batch: Batch, top: Array) -> Array:
    """Return the largest rate up to `top` at which all holds; `top` itself where none does."""

    def holds(share: Array) -> NDArray[np.bool_]:
        return worst(_strains(traffic, replica, targets, batch, top * share)) <= 1.0 + 1e-12

    low, high = np.zeros_like(top), np.full_like(top, 1.0)
    for share in np.arange(1, GRID + 1) / GRID:
        fits = holds(np.full_like(top, share))
        low, high = np.where(fits, share, low), np.where(fits, np.minimum(share + 1.0 / GRID, 1.0), high)
    found = low > 0
    for _ in range(STEPS):
        if not np.any(found & (low < high)):
            break
        middle = np.where(found, 0.5 * (low + high), 1.0)
        fits = holds(middle)
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return top * np.where(found, low, 1.0)


def solve_static(step: StepModel, traffic: Traffic, replica: Replica, targets: Sequence[Target]) -> Capacity:
    """Return the capacity of each deployment for one stream alone under static batching.

    λ* = max over B ∈ {1, 2, 4 …} of max {λ ≤ u·B/t_b(B) : every promise holds}

    Parameters
    ----------
    step, traffic, replica : deployments in columns
    targets : latency promises

    Returns
    -------
    Capacity; where nothing fits, the state of batch 1 at its highest stable load.

    Notes
    -----
    u·B/t_b is the handbook's throughput B/(t_form + t_b) without formation time, which overlaps with the batch before.
    At rates well below λ* a batch takes longer to fill: promises are kept at λ*, not at every smaller rate.

    References
    ----------
    Handbook §5, "Static batching"; bulk queues in arXiv 2407.05347.
    """
    shape = np.broadcast(step.host, traffic.held, replica.kv_bytes).shape
    best = _solve_batch(step, traffic, replica, targets, BATCHES[0], shape)
    for size in BATCHES[1:]:
        if np.all(size > replica.max_sequences):
            break
        best = _better(best, _solve_batch(step, traffic, replica, targets, size, shape))
    return best


def _solve_batch(
    step: StepModel, traffic: Traffic, replica: Replica, targets: Sequence[Target], size: float, shape: tuple[int, ...]
) -> Capacity:
    """Return the capacity at one batch size."""
    batch = make_batch(step, traffic, replica, size)
    top = np.broadcast_to(replica.utilization * size / batch.service, shape)
    rate = _largest_rate(traffic, replica, targets, batch, top)
    ratios = _strains(traffic, replica, targets, batch, rate)
    stacked = np.stack([np.broadcast_to(ratio, shape) for _, ratio in ratios])
    strain = stacked.max(axis=0)
    state = _state(step, traffic, replica, batch, rate)
    return Capacity(strain <= 1.0 + 1e-12, state, stacked.argmax(axis=0), strain, tuple(name for name, _ in ratios))


def _better(old: Capacity, new: Capacity) -> Capacity:
    """Return, for each deployment, the capacity with the higher rate among feasible ones."""
    return chosen(new.feasible & (~old.feasible | (new.state.rate > old.state.rate)), new, old)


def operate_static(
    step: StepModel, traffic: Traffic, replica: Replica, targets: Sequence[Target], rate: Array
) -> tuple[State, list[tuple[str, Array]], Latencies]:
    """Return how a replica runs at a given call rate with the batch size that strains its limits and promises least.

    Parameters
    ----------
    step, traffic, replica : one deployment and the stream it serves
    targets : promises the batch size is chosen for
    rate : λ [1/s]

    Returns
    -------
    (state, strains of load, prompt load, sequences and KV memory, latencies)

    Notes
    -----
    The batch size is a setting of the server: an operator would lower it where calls come more slowly.
    """
    best: tuple[float, Batch, list[tuple[str, Array]]] | None = None
    for size in BATCHES:
        batch = make_batch(step, traffic, replica, size)
        if float(np.max(rate * batch.service / batch.size)) >= 1.0:
            continue
        ratios = _strains(traffic, replica, targets, batch, rate)
        strain = float(np.max(worst(ratios)))
        if best is None or strain < best[0]:
            best = strain, batch, ratios
    if best is None:
        overloaded = [("load", np.full(1, np.inf))]
        batch = make_batch(step, traffic, replica, BATCHES[0])
        slow = 0.5 * batch.size / batch.service
        seen = static_latencies(batch, batch_wait(batch, traffic.burstiness, slow), traffic, replica.host)
        return _state(step, traffic, replica, batch, slow), overloaded, seen
    _, batch, ratios = best
    seen = static_latencies(batch, batch_wait(batch, traffic.burstiness, rate), traffic, replica.host)
    return _state(step, traffic, replica, batch, rate), ratios[:4], seen


def chosen(wins: NDArray[np.bool_], new: Capacity, old: Capacity) -> Capacity:
    """Return the new capacity where it wins, the old one elsewhere."""
    state = State(
        **{name: np.where(wins, getattr(new.state, name), getattr(old.state, name)) for name in State.__dataclass_fields__}
    )
    return Capacity(
        feasible=np.where(wins, new.feasible, old.feasible),
        state=state,
        binding=np.where(wins, new.binding, old.binding),
        strain=np.where(wins, new.strain, old.strain),
        names=old.names,
    )


def static_demand(capacity: Capacity) -> Array:
    """Return the replicas that 1 call/s takes, 1/λ*; inf where infeasible [s]."""
    return np.where(capacity.feasible, 1.0 / capacity.state.rate, np.inf)
