"""Moments of a stream's calls on each deployment's model and memory layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.candidates.columns import DeploymentColumns
from planner.candidates.deployed import held_of, read_of
from planner.demand import moments
from planner.demand.stream import Stream
from planner.perf.attention import compile_attention
from planner.perf.memory import KvCoefficients, charged_context
from planner.perf.speculative import in_iterations
from planner.perf.step import StepModel
from planner.perf.traffic import Traffic

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class StreamMoments:
    """What does not depend on the deployment."""

    output: float
    """O [token]."""
    output_second: float
    """E[O²] [token²]."""
    output_inverse: float
    """E[1/(O − 1)] of calls with two output tokens and more [1/token]."""
    prompt: tuple[float, ...]
    """E[I], E[I²] … E[I⁶] of the prompt tokens to compute [tokenᵏ]."""
    context: float
    """Mean live context [token]."""
    context_second: float
    """E[S²] of the same [token²]."""
    longest: float
    """Longest context, to which contiguous memory is reserved [token]."""
    burstiness: float
    """c_a² [1]."""


def stream_moments(stream: Stream) -> StreamMoments:
    """Return the moments of a stream's calls, with the cached share of the prompt taken off.

    A call finds its prefix of p tokens cached with probability h and then computes I − p tokens, else all I.
    """
    whole = stream.prompt.values
    rest = np.maximum(whole - stream.prefix_tokens, 1.0)
    hit = stream.prefix_hit

    def expect(power: int) -> float:
        return float(hit * np.mean(rest**power) + (1.0 - hit) * np.mean(whole**power))

    return StreamMoments(
        output=stream.output.mean,
        output_second=stream.output.second_moment,
        output_inverse=output_inverse(stream.output.values),
        prompt=tuple(expect(power) for power in range(1, 7)),
        context=moments.mean_context(stream.prompt, stream.output),
        context_second=moments.context_second_moment(stream.prompt, stream.output),
        longest=stream.prompt.maximum + stream.output.maximum,
        burstiness=stream.burstiness,
    )


def output_inverse(outputs: Floats) -> float:
    """Return E[1/(O − 1)] of the calls that have a time per output token after the first; 1 if none has [1/token]."""
    long = outputs[outputs >= 1.5]
    return float(np.mean(1.0 / np.maximum(long - 1.0, 1.0))) if long.size else 1.0


def work_moments(prompt: Sequence[float], square: Floats) -> tuple[Floats, Floats]:
    """Return E[X²] and E[X³] of a prompt's work in tokens at its mean rate, X = (1 − φ)·I + φ·I²·E[I]/E[I²].

    Parameters
    ----------
    prompt : E[I] … E[I⁶] [tokenᵏ]
    square : φ, share of the work that grows with the square of the prompt, attention [1]

    Returns
    -------
    (E[X²] [token²], E[X³] [token³]); E[X] = E[I]

    Notes
    -----
    Waits follow from these moments: a prompt twice as long takes more than twice as long, which makes the long ones worse than
    their tokens say.
    """
    one, two, three, four, five, six = prompt
    a, b = 1.0 - square, square * one / two
    second = a * a * two + 2.0 * a * b * three + b * b * four
    third = a**3 * three + 3.0 * a * a * b * four + 3.0 * a * b * b * five + b**3 * six
    return second, third


def _by_window(windows: Floats, compute: Callable[[Floats], Floats]) -> Floats:
    """Evaluate a function of the window once per distinct window."""
    unique, inverse = np.unique(windows, return_inverse=True)
    return compute(unique)[inverse]


def _cache(coefficients: KvCoefficients, stream: Stream, context: Floats) -> Floats:
    """Return mean cache bytes at a mean context, with the window's own expectation."""
    windows = np.broadcast_to(np.where(coefficients.windowed > 0, coefficients.window, 0.0), np.shape(coefficients.full))
    seen = _by_window(windows, lambda w: moments.windowed_context(stream.prompt, stream.output, w))
    return np.asarray(coefficients.state + coefficients.full * context + coefficients.windowed * seen)


def traffic_on(columns: DeploymentColumns, step: StepModel, stream: Stream, base: StreamMoments) -> Traffic:
    """Return a stream's traffic on deployments.

    Parameters
    ----------
    columns : deployments
    step : their iteration time
    stream : with its length distributions
    base : `stream_moments(stream)`

    Returns
    -------
    Traffic; attention and KV fields vary by deployment.

    Notes
    -----
    E[held²] is scaled from the context's second moment, held²·E[S²]/S², an upper bound where part of the cache does not
    grow with the context. Contiguous allocation holds the longest context for everybody, without spread.
    """
    cost = compile_attention(columns.model, columns.coefficients, columns.layout)
    hit, prefix = stream.prefix_hit, stream.prefix_tokens

    def pairs(windows: Floats) -> Floats:
        cold = moments.attention_pairs(stream.prompt, 0.0, windows)
        return cold if hit == 0 else hit * moments.attention_pairs(stream.prompt, prefix, windows) + (1.0 - hit) * cold

    tokens = base.prompt[0]
    ramp = cost.half * tokens / 2.0
    windows = np.broadcast_to(np.where(cost.windowed_pair > 0, cost.window, 1.0), np.shape(cost.full_pair))
    flop = (
        cost.full_pair * (float(pairs(np.array([np.inf]))[0]) + ramp)
        + cost.windowed_pair * (_by_window(windows, pairs) + ramp)
        + cost.token * tokens
    )
    attending = step.attention * flop
    second, third = work_moments(base.prompt, attending / (attending + tokens * (step.flops + step.comm)))
    charged = charged_context(np.array(base.context), np.array(base.longest), columns.engine)
    held = _cache(held_of(columns), stream, charged)
    spread = np.where(columns.engine.contiguous > 0, 1.0, base.context_second / base.context**2)
    made = Traffic(
        output=np.array([base.output]),
        output_second=np.array([base.output_second]),
        output_inverse=np.array([base.output_inverse]),
        prompt=np.array([tokens]),
        prompt_second=second,
        prompt_third=third,
        attention=np.asarray(flop),
        kv=_cache(read_of(columns), stream, np.array(base.context)),
        held=held,
        held_second=held**2 * spread,
        burstiness=np.array([base.burstiness]),
    )
    return made if columns.speculation is None else in_iterations(made, columns.speculation.drafting)
