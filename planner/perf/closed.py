"""Closed loop: a fixed number of clients, each sending its next call when the last one ends, as benchmarks do.

A client's cycle is its time to first token, F, and O − 1 decode iterations, D. Iterations are shared: all decoding calls
advance together, and the prompts of other clients stretch them. What one replica can do settles the cycle, and with it the
number of decoding calls:

    D = (O − 1)·τ_d(B) + prompts of others that fall into it · p,   B = c·D/(F + D)

with p the time one prompt adds. Most calls find the replica in its steady state; a share σ of them (`synchrony`) comes in
waves, all clients at once, as the first ones of every benchmark do and as all do where prompts go first and all outputs are
equally long.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.perf.columns import Columns
from planner.perf.step import Array, CallStep

ROUNDS = 40
"""Rounds of the fixed point; what is left of the first guess falls by `DAMPING` a round at worst."""

DAMPING = 0.5
"""Share of the old value kept in a round: halves the overshoot of B, which falls when D rises."""

SMALLEST = 64.0
"""Fewest prompt tokens of an iteration taken into account [token]."""


@dataclass(frozen=True)
class Clients(Columns):
    """Who calls, and how calls are handled; one entry a deployment."""

    number: Array
    """c, clients [1]."""
    prompt: Array
    """I, mean prompt [token]."""
    output: Array
    """O, mean output [token]; at least 2."""
    room: Array
    """Calls that fit into slots and KV memory [1]."""
    chunk: Array
    """C, tokens of an iteration [token]."""
    prompts_first: Array
    """1 where prompts run in iterations of their own while decoding waits, 0 where both share iterations."""
    host: Array
    """Time per call outside the engine [s]."""
    arrival_wait: Array
    """Iterations a call waits before the scheduler sees it [1]."""
    synchrony: Array
    """σ, share of calls that come in waves [1]."""


@dataclass(frozen=True)
class ClosedLoop:
    """What the clients see; one entry a deployment."""

    ttft: Array
    """Mean time to first token [s]."""
    tpot: Array
    """Mean time per output token after the first [s]."""
    sequences: Array
    """B, calls decoding on average [1]."""
    rate: Array
    """Calls per second [1/s]."""
    waiting: NDArray[np.bool_]
    """Whether clients wait outside because slots or memory are full."""


@dataclass(frozen=True)
class _Prompts:
    """What prompts cost while B calls decode."""

    each: Array
    """p, time a prompt adds when others share its iteration [s]."""
    own: Array
    """Time from the first to the last iteration of a prompt [s]."""
    wave: Array
    """W, mean time until a prompt is done when those of all clients arrive at once [s]."""
    batch: Array
    """Time the iterations that carry prompts take longer than others [s]."""


def closed_loop(call: CallStep, clients: Clients) -> ClosedLoop:
    """Return what a fixed number of clients sees of a replica.

    F = t_host + (1 − σ)·R + σ·W,  R = own + (c − 1)/c·w·(τ_d + X·p·batch)
    D = (1 − σ)·D_a + σ·D_s,  D_s = (O − 1)·τ_d + max(c·p − W, 0)
    D_a = (O − 1)·τ_d + (c − 1)·p·D_a/(D_a + R),  X = c/(F + D)

    Parameters
    ----------
    call : iteration time for these calls
    clients : number, lengths and limits

    Returns
    -------
    ClosedLoop

    Notes
    -----
    D_a is the positive root of its quadratic, so it grows smoothly from the lone client's to all prompts' time when
    prompts take longer than outputs. Where slots or memory hold fewer than c calls, the others wait outside: B stays at
    the limit and F follows from Little's law. Deterministic lengths and no think time. Prompts that share an iteration
    finish together; those of one iteration are the ones that arrived during the last.

    References
    ----------
    Reiser and Lavenberg, J. ACM 27 (1980) 313 (mean-value analysis: a client sees the others); handbook §14 (the
    machine-repairman cycle and the first wave of the InferenceX benchmark).
    """
    c, others = clients.number, (clients.number - 1.0) / clients.number
    inside = np.minimum(c, clients.room)
    steps = clients.output - 1.0
    sequences, rate, batch = 0.9 * inside, np.zeros(c.shape), np.zeros(c.shape)
    for _ in range(ROUNDS):
        layers = call.layers(sequences)
        decode = call.decode(sequences, layers)
        together = 1.0 + others * rate * (decode + batch)
        prompts = _prompts(call, clients, sequences, layers, decode, together)
        batch = prompts.batch
        busy = np.minimum(others * rate * prompts.each, 1.0)
        steady = prompts.own + others * clients.arrival_wait * (decode + busy * batch)
        first = clients.host + (1.0 - clients.synchrony) * steady + clients.synchrony * prompts.wave
        alone = steps * decode
        grown = alone + np.maximum(inside - 1.0, 0.0) * prompts.each - steady
        spread = 0.5 * (grown + np.sqrt(grown**2 + 4.0 * alone * steady))
        lockstep = alone + np.maximum(inside * prompts.each - prompts.wave, 0.0)
        duration = (1.0 - clients.synchrony) * spread + clients.synchrony * lockstep
        wanted = c * duration / (first + duration)
        found = np.minimum(wanted, clients.room)
        sequences = DAMPING * sequences + (1.0 - DAMPING) * found
        rate = DAMPING * rate + (1.0 - DAMPING) * found / duration
    waiting = wanted > clients.room
    ttft = np.where(waiting, np.maximum(c / rate - duration, first), first)
    return ClosedLoop(ttft, duration / steps, sequences, rate, waiting)


def _prompts(call: CallStep, clients: Clients, sequences: Array, layers: Array, decode: Array, together: Array) -> _Prompts:
    """Return what prompts cost while `sequences` calls decode, `layers` of `decode` seconds, and `together` prompts want in."""
    prompt, chunk = clients.prompt, np.maximum(clients.chunk, SMALLEST)
    shared = clients.prompts_first < 0.5
    before = np.where(shared, layers, -call.host)
    company = np.where(shared, sequences, 0.0)
    extra = np.where(shared, decode, 0.0)

    def added(tokens: Array) -> Array:
        return tokens * call.added(tokens, before, call.layers(company + tokens))

    size = np.minimum(together * prompt, chunk)
    batch = added(size)
    full = np.minimum(chunk, clients.number * prompt)
    of_full = np.maximum(full / prompt, 1.0)
    wave = 0.5 * (clients.number + of_full) * prompt / full * (added(full) + extra)
    own = batch * np.maximum(prompt / size, 1.0) + extra * np.maximum(prompt / chunk, 1.0)
    return _Prompts(batch * prompt / size, own, wave, batch)
