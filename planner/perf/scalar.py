"""τ on plain floats, for simulations that ask for one iteration at a time: NumPy's call overhead is a hundred times the formula.

The same formulas as `step.iteration_time`, `memory.KvCoefficients.at` and `attention.attention_flops`; tests hold them equal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Protocol, Self, TypeVar

import numpy as np

from planner.perf.attention import AttentionCost
from planner.perf.memory import KvCoefficients
from planner.perf.step import TINY, Array, StepModel


class _Row(Protocol):
    def __init__(self, **values: float) -> None: ...


R = TypeVar("R", bound=_Row)


def _row(kind: type[R], columns: StepModel | KvCoefficients | AttentionCost, row: int) -> R:
    """Return one row of a bundle of columns; a column with a single entry holds for all rows."""

    def at(values: Array) -> float:
        flat = np.ravel(values)
        return float(flat[row if len(flat) > 1 else 0])

    return kind(**{item.name: at(getattr(columns, item.name)) for item in fields(columns)})


@dataclass(frozen=True)
class ScalarKv:
    """One row of `KvCoefficients`."""

    state: float
    """Constant part [B]."""
    full: float
    """Per token of the whole context [B/token]."""
    windowed: float
    """Per token inside the window [B/token]."""
    window: float
    """Window [token]; no meaning where `windowed` is 0."""

    @classmethod
    def of(cls, columns: KvCoefficients, row: int = 0) -> Self:
        """Return a row."""
        return _row(cls, columns, row)

    def at(self, context: float) -> float:
        """Return the bytes at context s [token]."""
        return self.state + self.full * context + self.windowed * min(context, self.window)


@dataclass(frozen=True)
class ScalarAttention:
    """One row of `AttentionCost`."""

    full_pair: float
    """Per (query, key) pair in layers that attend to the whole context [FLOP]."""
    windowed_pair: float
    """Per pair in layers that attend to at most `window` tokens [FLOP]."""
    window: float
    """Tokens those layers attend to [token]."""
    token: float
    """Per new token, whatever the context [FLOP]."""
    half: float
    """s½, prompt length at which attention runs at half its plateau [token]."""

    @classmethod
    def of(cls, columns: AttentionCost, row: int = 0) -> Self:
        """Return a row."""
        return _row(cls, columns, row)

    def flops(self, new: float, cached: float) -> float:
        """Return G of `new` tokens after `cached` ones; see `attention.attention_flops` [FLOP]."""
        ramp = self.half * new / 2.0
        made = self.full_pair * (new * (cached + new / 2.0) + ramp) + self.token * new
        if self.windowed_pair > 0.0:
            made += self.windowed_pair * (self._windowed(new, cached) + ramp)
        return made

    def _windowed(self, new: float, cached: float) -> float:
        """Return the pairs where each token sees at most `window` keys; see `attention.windowed_pairs` [1]."""
        low, high = min(cached, self.window), min(cached + new, self.window)
        flat = new - (high - low)
        return (high - low) * (high + low) / 2.0 + (flat * self.window if flat > 0.0 else 0.0)


@dataclass(frozen=True)
class ScalarStep:
    """One row of `StepModel`; its fields, as floats."""

    host: float
    """Fixed time per iteration [s]."""
    host_sequence: float
    """Host time per decoding sequence [s]."""
    weights: float
    """Time to read the weights every token needs [s]."""
    experts: float
    """Time to read all routed experts held by the busiest rank [s]."""
    sparsity: float
    """k/E, share of routed experts one token visits [1]."""
    skew: float
    """Squared coefficient of variation of the experts' popularity [1]."""
    imbalance: float
    """Share of experts the busiest rank reads over the mean [1]."""
    stages: float
    """Pipeline stages = micro-batches in flight [1]."""
    flops: float
    """Linear-layer compute time per token [s/token]."""
    norm: float
    """Exponent q of the smooth roofline [1]."""
    kv: float
    """Decode attention time per byte of live KV cache [s/B]."""
    attention: float
    """Prefill attention time per FLOP [s/FLOP]."""
    attention_half: float
    """Prompt length at which prefill attention runs at half rate; enters G [token]."""
    comm: float
    """Time per token of collectives and of moving hidden vectors [s/token]."""
    prompt_host: float
    """Extra host time of an iteration that carries prompts [s]."""
    prompt_request: float
    """Time a prompt adds beside its tokens [s]."""
    width: float = 1.0
    """w_d, tokens a decoding sequence brings to an iteration [token]."""
    draft: float = 0.0
    """Time in which drafts would read all routed experts of the draft [s]."""
    _layers: dict[float, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, columns: StepModel, row: int = 0) -> Self:
        """Return a row."""
        return _row(cls, columns, row)

    def coverage(self, tokens: float) -> float:
        """Return the share of routed experts that N tokens read; see `step.expert_coverage` [1]."""
        if self.sparsity >= 1.0:
            return min(self.imbalance, 1.0) if tokens > 0.0 else 0.0
        exponent = tokens / self.stages * math.log1p(-self.sparsity)
        if self.skew > 0.0:
            exponent = -math.log1p(-self.skew * exponent) / self.skew
        return min(-self.imbalance * math.expm1(exponent), 1.0)

    def layers(self, tokens: float) -> float:
        """Return ‖weights + experts·cov(N), flops·N‖_q [s]; kept, since counts of tokens recur."""
        found = self._layers.get(tokens)
        if found is None:
            read = self.weights + (self.experts * self.coverage(tokens) if self.experts else 0.0)
            found = self._layers[tokens] = smooth_max(read, self.flops * tokens, self.norm)
        return found

    def without_kv(self, sequences: float, tokens: float) -> float:
        """Return τ(B, 0, 0, 0) of B sequences that bring N tokens: one each, or drafts beside it [s]."""
        made = self.host + self.layers(tokens) + self.host_sequence * sequences + self.comm * tokens
        return made + self.draft * self.coverage(self.width * sequences) if self.draft else made

    def time(
        self,
        sequences: float,
        kv_bytes: float,
        prompt_tokens: float,
        attention_flop: float,
        prompts: float = 0.0,
        drafts: float | None = None,
    ) -> float:
        """Return τ, the time of one iteration; see `step.iteration_time`.

        Parameters
        ----------
        sequences : B, decoding sequences [1]
        kv_bytes : K, bytes of their KV cache [B]
        prompt_tokens : P, new prompt tokens [token]
        attention_flop : G, FLOP of prompt attention [FLOP]
        prompts : Q, prompts that end in the iteration [1]
        drafts : tokens that all sequences bring beside one each, to be verified [token]; None = (w − 1)·B

        Returns
        -------
        τ [s]
        """
        beside = (self.width - 1.0) * sequences if drafts is None else drafts
        made = self.without_kv(sequences, sequences + beside + prompt_tokens) + self.kv * kv_bytes
        if prompt_tokens > 0.0:
            made += self.prompt_host + self.attention * attention_flop
        return made + self.prompt_request * prompts

    def prompt_work(self, tokens: float, attention_flop: float) -> float:
        """Return flops·P + attention·G + comm·P, the part of τ that a prompt takes through every pipeline stage [s]."""
        return (self.flops + self.comm) * tokens + self.attention * attention_flop


def smooth_max(memory: float, compute: float, norm: float) -> float:
    """Return (memory^q + compute^q)^(1/q); see `step.smooth_max` [s]."""
    larger = max(memory, compute)
    ratio = max(min(memory, compute) / max(larger, TINY), TINY)
    return larger * math.exp2(math.log2(1.0 + math.exp2(norm * math.log2(ratio))) / norm)
