"""Closed loop over disaggregated workers: prompts run on some replicas, their KV cache moves, decoding runs on others.

The two kinds of worker share nothing but the calls, so the cycle of a client is the sum of its parts:

    F = t_host + W + own + hand-over,   D = (O − 1)·τ_d(B),   X = workers_d·B/D,   c = X·(F + D)

Everything grows with B, the calls decoding on a decode worker, which is therefore searched for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.perf.closed import ClosedLoop
from planner.perf.columns import Columns
from planner.perf.step import Array, CallStep

STEPS = 44
"""Halvings of the range of log B: leaves B within 10⁻¹² of it."""

IDLE = 1e-3
"""B at the lower end of the search [1]."""

FULLEST = 1.0 - 1e-6
"""Largest share of the prompt workers' time considered [1]; beyond, prompts set the pace."""


@dataclass(frozen=True)
class Stages(Columns):
    """Who calls, and the two kinds of worker; one entry a deployment."""

    number: Array
    """c, clients [1]."""
    prompt: Array
    """I, mean prompt [token]."""
    output: Array
    """O, mean output [token]; at least 2."""
    prompt_workers: Array
    """Replicas that run prompts [1]."""
    prompt_ranks: Array
    """Attention data-parallel ranks of each: prompts they run side by side [1]."""
    prompt_chunk: Array
    """Tokens of an iteration of one rank [token]."""
    decode_workers: Array
    """Replicas that decode [1]."""
    room: Array
    """Calls that fit into slots and KV memory of one of them [1]."""
    host: Array
    """Time per call outside the engines [s]."""
    handover: Array
    """Time from the last prompt iteration to the first decode iteration: transfer of the cache and hand-shake [s]."""
    synchrony: Array
    """σ, share of calls that come in waves [1]."""


def disaggregated(prompts: CallStep, decode: CallStep, stages: Stages) -> ClosedLoop:
    """Return what a fixed number of clients sees of disaggregated workers.

    own = batch(r·I), or I/C iterations of r·C tokens,  p = batch(r·C)·I/(r·C·workers),  ρ = X·p
    W = ρ·own/2 / (1 − (c − 1)/c·ρ),  F = t_host + (1 − σ)·(W + own) + σ·wave + hand-over

    Parameters
    ----------
    prompts, decode : iteration times of a prompt worker and of a decode worker for these calls
    stages : clients and workers

    Returns
    -------
    ClosedLoop; `sequences` counts the calls of one decode worker.

    Notes
    -----
    A prompt runs on one data-parallel rank; the others run other prompts meanwhile, so a worker does r at a time. An
    arriving prompt waits half an iteration of the worker if it is busy, and behind those queued before it. Where prompt
    workers cannot keep up, X stays at 1/p and the clients queue before them; where decode memory is full, behind them.

    References
    ----------
    DistServe, arXiv 2401.09670 §3 (interference-free stages); Reiser and Lavenberg (1980), as in `planner.perf.closed`.
    """
    c, others = stages.number, (stages.number - 1.0) / stages.number
    own, each, wave = _prompt_times(prompts, stages)
    most = FULLEST / each
    steps = stages.output - 1.0

    def at(sequences: Array) -> tuple[Array, Array, Array]:
        """Return F, D and the rate at B calls a decode worker."""
        duration = steps * decode.decode(sequences, decode.layers(sequences))
        rate = stages.decode_workers * sequences / duration
        busy = np.minimum(rate, most) * each
        wait = 0.5 * busy * own / (1.0 - others * busy)
        steady = wait + own
        first = stages.host + (1.0 - stages.synchrony) * steady + stages.synchrony * wave + stages.handover
        return first, duration, rate

    top = np.minimum(stages.room, c / stages.decode_workers)
    low, high = np.full(c.shape, np.log(IDLE)), np.log(np.maximum(top, 2.0 * IDLE))
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        first, duration, rate = at(np.exp(middle))
        fits = (rate <= most) & (rate * (first + duration) < c)
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    sequences = np.exp(low)
    first, duration, rate = at(sequences)
    ttft = np.maximum(c / rate - duration, first)
    return ClosedLoop(ttft, duration / steps, sequences, rate, sequences > (1.0 - 1e-6) * stages.room)


def _prompt_times(prompts: CallStep, stages: Stages) -> tuple[Array, Array, Array]:
    """Return a prompt's own time, the time a prompt takes of all prompt workers at full batches, and the mean of a wave [s]."""
    ranks, chunk, prompt = stages.prompt_ranks, stages.prompt_chunk, stages.prompt

    def batch(tokens: Array) -> Array:
        return tokens * prompts.added(tokens, -prompts.host, prompts.layers(tokens))

    own = batch(ranks * np.minimum(prompt, chunk)) * np.maximum(prompt / chunk, 1.0)
    full = ranks * chunk
    each = batch(full) * prompt / (full * stages.prompt_workers)
    share = stages.number / stages.prompt_workers
    size = np.minimum(full, np.maximum(share, ranks) * np.minimum(prompt, chunk))
    wave = 0.5 * (share + np.maximum(size / prompt, 1.0)) * prompt / size * batch(size)
    return own, each, np.maximum(wave, own)
