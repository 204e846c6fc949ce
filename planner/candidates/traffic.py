"""Moments of a stream's calls on each deployment's model and memory layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from planner.candidates.columns import DeploymentColumns
from planner.candidates.deployed import held_of, read_of
from planner.demand import moments
from planner.demand.stream import Stream
from planner.perf.attention import AttentionCost, compile_attention
from planner.perf.memory import KvCoefficients, charged_context
from planner.perf.speculative import in_iterations
from planner.perf.step import StepModel
from planner.perf.traffic import Traffic

Floats = NDArray[np.float64]


class PerWindow:
    """A stream's expectations under sliding windows: few windows occur, and each is computed once."""

    def __init__(self, stream: Stream) -> None:
        """Keep the stream; nothing is computed yet."""
        self.stream = stream
        self._pairs: dict[float, float] = {}
        self._contexts: dict[float, float] = {}

    def pairs(self, windows: Floats) -> Floats:
        """Return mean (query, key) pairs of a prompt, its cached beginning found as often as it is [token²]."""
        return _each(self._pairs, windows, self._count)

    def contexts(self, windows: Floats) -> Floats:
        """Return the mean context tokens that an active request sees [token]."""
        prompt, output = self.stream.prompt, self.stream.output
        return _each(self._contexts, windows, lambda w: moments.windowed_context(prompt, output, w))

    def _count(self, windows: Floats) -> Floats:
        prompt, hit = self.stream.prompt, self.stream.prefix_hit
        cold = moments.attention_pairs(prompt, 0.0, windows)
        if hit == 0:
            return cold
        return hit * moments.attention_pairs(prompt, self.stream.prefix_tokens, windows) + (1.0 - hit) * cold


def _each(known: dict[float, float], windows: Floats, compute: Callable[[Floats], Floats]) -> Floats:
    """Return a function of distinct windows; those met for the first time are computed and kept."""
    fresh = [window for window in windows.tolist() if window not in known]
    if fresh:
        known.update(zip(fresh, compute(np.array(fresh)).tolist(), strict=True))
    return np.array([known[window] for window in windows.tolist()])


@dataclass(frozen=True)
class Windows:
    """The distinct windows of some deployments, and which of them each has."""

    distinct: Floats
    """Ascending [token]."""
    which: NDArray[np.intp]
    """[rows] Index into `distinct`."""

    @classmethod
    def of(cls, windowed: Floats, window: Floats, none: float) -> Windows:
        """Return the windows where a part of the layers has one, `none` elsewhere."""
        distinct, which = np.unique(np.where(windowed > 0, window, none), return_inverse=True)
        return cls(distinct, which)

    def spread(self, values: Floats) -> Floats:
        """Return one value a deployment from one a distinct window."""
        return values[self.which]


@dataclass(frozen=True)
class Ground:
    """What traffic needs to know of deployments, whoever the stream."""

    columns: DeploymentColumns
    """The deployments."""
    attention: AttentionCost
    """Attention of new prompt tokens."""
    seen: Windows
    """Windows of that attention."""
    read: KvCoefficients
    """Cache that a decode iteration reads."""
    read_seen: Windows
    """Its windows."""
    held: KvCoefficients
    """Cache held in memory."""
    held_seen: Windows
    """Its windows."""

    @classmethod
    def of(cls, columns: DeploymentColumns) -> Ground:
        """Return it for some deployments."""
        cost = compile_attention(columns.model, columns.coefficients, columns.layout)
        read, held = read_of(columns), held_of(columns)
        seen = Windows.of(cost.windowed_pair, cost.window, 1.0)
        return cls(columns, cost, seen, read, _cache_windows(read), held, _cache_windows(held))


def _cache_windows(coefficients: KvCoefficients) -> Windows:
    windowed = np.broadcast_to(coefficients.windowed, np.shape(coefficients.full))
    return Windows.of(windowed, coefficients.window, 0.0)


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
    windows: PerWindow = field(repr=False, compare=False)
    """What windows let it see."""


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
        windows=PerWindow(stream),
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


def traffic_on(ground: Ground, step: StepModel, base: StreamMoments) -> Traffic:
    """Return a stream's traffic on deployments.

    Parameters
    ----------
    ground : deployments
    step : their iteration time
    base : `stream_moments` of the stream

    Returns
    -------
    Traffic; attention and KV fields vary by deployment.

    Notes
    -----
    E[held²] is scaled from the context's second moment, held²·E[S²]/S², an upper bound where part of the cache does not
    grow with the context. Contiguous allocation holds the longest context for everybody, without spread.
    """
    columns, cost, tokens = ground.columns, ground.attention, base.prompt[0]
    ramp = cost.half * tokens / 2.0
    flop = (
        cost.full_pair * (float(base.windows.pairs(np.array([np.inf]))[0]) + ramp)
        + cost.windowed_pair * (ground.seen.spread(base.windows.pairs(ground.seen.distinct)) + ramp)
        + cost.token * tokens
    )
    attending = step.attention * flop
    second, third = work_moments(base.prompt, attending / (attending + tokens * (step.flops + step.comm)))
    charged = charged_context(np.array(base.context), np.array(base.longest), columns.engine)
    held = _cache(ground.held, ground.held_seen, base, charged)
    spread = np.where(columns.engine.contiguous > 0, 1.0, base.context_second / base.context**2)
    made = Traffic(
        output=np.array([base.output]),
        output_second=np.array([base.output_second]),
        output_inverse=np.array([base.output_inverse]),
        prompt=np.array([tokens]),
        prompt_second=second,
        prompt_third=third,
        attention=np.asarray(flop),
        kv=_cache(ground.read, ground.read_seen, base, np.array(base.context)),
        held=held,
        held_second=held**2 * spread,
        burstiness=np.array([base.burstiness]),
    )
    return made if columns.speculation is None else in_iterations(made, columns.speculation.drafting)


def _cache(coefficients: KvCoefficients, windows: Windows, base: StreamMoments, context: Floats) -> Floats:
    """Return mean cache bytes at a mean context, with the window's own expectation."""
    seen = windows.spread(base.windows.contexts(windows.distinct))
    return np.asarray(coefficients.state + coefficients.full * context + coefficients.windowed * seen)
