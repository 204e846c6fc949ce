"""Time of one engine iteration (design §3.2), as coefficients that are computed once per deployment.

An iteration carries B decoding sequences whose KV cache holds K bytes, P new prompt tokens, and G attention
FLOP of those prompts:

    τ = host + host_seq·B + ‖ weights + experts·cov(N), flops·N ‖_q + kv·K + attention·G + comm·N
        + prompt_host·[P > 0] + prompt_request·Q + draft·cov(w_d·B),   N = w_d·B + P, Q = prompts that end in the iteration

w_d is the number of tokens a sequence brings: 1, or 1 + γ where drafted tokens are verified (`perf.speculative`).

`weights`, `experts`, `flops`, `kv`, `attention`, `comm` are already divided over tensor-, expert- and data-parallel
ranks and over pipeline micro-batches, so the formula is the same for every layout. cov(N) is the expected share of
routed experts that N tokens touch (`expert_coverage`).

For calls of one kind K and G are proportional to B and P, so τ is that of `CallStep`:

    τ = host + sequence·B + prompt·P + prompt_host·[P > 0] + draft·cov(w_d·B) + layers(w_d·B + P)
    layers(N) = ‖ weights + experts·cov(N), flops·N ‖_q

At a fixed coverage every term is linear or a norm of linear functions of (B, K, P, G), hence τ is convex: the
additivity of load (design §3.4) rests on that.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ONE, NONE = np.ones(1), np.zeros(1)
"""What a deployment without drafting has for `width` and `draft`."""

TINY = 1e-300
"""Keeps 0/0 and log 0 at 0."""

TIMES = (
    "host",
    "host_sequence",
    "weights",
    "experts",
    "flops",
    "kv",
    "attention",
    "comm",
    "prompt_host",
    "prompt_request",
    "draft",
)
"""Fields of `StepModel` that are times, per something or not."""


@dataclass(frozen=True)
class StepModel:
    """Coefficients of τ; every field broadcasts against every other (one entry per deployment)."""

    host: Array
    """Fixed time per iteration: launches of all layers, collective latencies, stage hops [s]."""
    host_sequence: Array
    """Host time per decoding sequence [s]."""
    weights: Array
    """Time to read the weights every token needs [s]."""
    experts: Array
    """Time to read all routed experts held by the busiest rank [s]; 0 for dense models."""
    sparsity: Array
    """k/E, share of routed experts one token visits; 0 for dense models."""
    skew: Array
    """Squared coefficient of variation of the experts' popularity [1]; 0 = uniform."""
    imbalance: Array
    """Share of experts the busiest rank reads over the mean, while not all are read [1]."""
    stages: Array
    """Pipeline stages = micro-batches in flight."""
    flops: Array
    """Linear-layer compute time per token [s/token]."""
    norm: Array
    """Exponent q of the smooth roofline."""
    kv: Array
    """Decode attention time per byte of live KV cache of the replica [s/B]."""
    attention: Array
    """Prefill attention time per FLOP [s/FLOP]."""
    attention_half: Array
    """Prompt length at which prefill attention runs at half rate [token]; enters G."""
    comm: Array
    """Time per token of collectives and of moving hidden vectors through memory [s/token]."""
    prompt_host: Array
    """Extra host time of an iteration that carries prompts [s]."""
    prompt_request: Array
    """Time a prompt adds beside its tokens [s]."""
    width: Array = field(default_factory=lambda: ONE)
    """w_d, tokens a decoding sequence brings to an iteration [token]; 1 without drafting."""
    draft: Array = field(default_factory=lambda: NONE)
    """Time in which the drafts of an iteration would read all routed experts of the draft [s]; 0 without such."""

    def take(self, index: NDArray[np.intp]) -> Self:
        """Return the model of the chosen deployments."""
        shape = np.shape(self.host)
        return type(self)(**{f.name: np.broadcast_to(getattr(self, f.name), shape)[index] for f in fields(self)})

    def slower(self, factor: Array) -> Self:
        """Return the model with every time multiplied; shares, counts and exponents stay."""
        return replace(self, **{name: getattr(self, name) * factor for name in TIMES})

    def coverage(self, tokens: Array) -> Array:
        """Return the share of routed experts that an iteration of N tokens reads [1]; see `expert_coverage`."""
        return expert_coverage(self.sparsity, tokens / self.stages, self.skew, self.imbalance)

    def for_calls(self, kv: Array, attention: Array, prompts: Array) -> CallStep:
        """Return τ for calls of one kind.

        Parameters
        ----------
        kv : bytes a decode iteration reads for a call [B]
        attention : attention FLOP of a prompt token [FLOP]
        prompts : 1/I, prompts per prompt token [1/token]
        """
        none, one = np.zeros(1), np.ones(1)
        return CallStep(
            host=self.host,
            sequence=linear_time(self, one, kv, none, none),
            prompt=linear_time(self, none, none, one, attention) + self.prompt_request * prompts,
            prompt_host=self.prompt_host,
            weights=self.weights,
            experts=self.experts,
            unvisited=log_unvisited(self.sparsity) / self.stages,
            skew=self.skew,
            imbalance=self.imbalance,
            flops=self.flops,
            norm=self.norm,
            width=self.width,
            draft=self.draft,
        )


def log_unvisited(sparsity: Array) -> Array:
    """Return log(1 − k/E), the logarithm of the share of routed experts that one token leaves out [1]."""
    with np.errstate(divide="ignore"):
        return np.log1p(-np.minimum(sparsity, 1.0))


def visited(exponent: Array, skew: Array, imbalance: Array) -> Array:
    """Return the share of experts read, from N·log(1 − k/E); see `expert_coverage` [1]."""
    if np.any(skew > 0):
        mixed = np.log1p(-skew * exponent) / np.maximum(skew, TINY)
        exponent = np.where(skew > 0, -mixed, exponent)
    return np.minimum(-imbalance * np.expm1(exponent), 1.0)


def expert_coverage(sparsity: Array, tokens: Array, skew: Array, imbalance: Array) -> Array:
    """Return the expected share of routed experts that `tokens` independent tokens visit, on the busiest rank.

    cov = min(1, imb·(1 − (1 + s·N·w)^(−1/s))),  w = −log(1 − k/E);  s → 0: 1 − (1 − k/E)^N

    Parameters
    ----------
    sparsity : k/E [1], in [0, 1]
    tokens : N, tokens in the iteration [token]
    skew : s, squared coefficient of variation of the experts' popularity [1]
    imbalance : imb, share of the busiest rank over the mean [1]

    Returns
    -------
    Share of experts read [1]; 0 where the model has none.

    Notes
    -----
    Popularity is taken to be gamma distributed with mean 1 and variance s, so an expert is missed by all tokens with
    probability E[e^(−N·w·X)] = (1 + s·N·w)^(−1/s). Measured coverage under skewed routing is 25–40 % below that of uniform
    routing at N ≈ 16–64 (handbook §3): s ≈ 0.7. Once all experts are read no rank reads more than its own.

    References
    ----------
    Erdil, "Inference economics of language models", arXiv 2506.04645 (uniform routing); handbook §3.
    """
    return visited(tokens * log_unvisited(sparsity), skew, imbalance)


def smooth_max(memory: Array, compute: Array, norm: Array) -> Array:
    """Return (memory^q + compute^q)^(1/q), the smooth roofline.

    Parameters
    ----------
    memory, compute : times that overlap [s]
    norm : q [1]; q → ∞ is the maximum, q = 1 the sum

    Returns
    -------
    Joint time [s], between max(memory, compute) and their sum.

    Notes
    -----
    Scaled by the larger term, so that no power under- or overflows. exp2 and log2 are faster than numpy's power.

    References
    ----------
    Handbook §2 (fits of q per accelerator and engine).
    """
    larger = np.maximum(memory, compute)
    ratio = np.minimum(memory, compute) / np.maximum(larger, TINY)
    power = np.exp2(norm * np.log2(np.maximum(ratio, TINY)))
    return larger * np.exp2(np.log2(1.0 + power) / norm)


def layer_time(step: StepModel | CallStep, tokens: Array, read: Array) -> Array:
    """Return ‖read, flops·N‖_q, the time of the linear layers, whose weights are read [s] while they compute on N tokens.

    The only term of τ that is not linear in the load.
    """
    return smooth_max(read, step.flops * tokens, step.norm)


def linear_time(step: StepModel, sequences: Array, kv_bytes: Array, prompt_tokens: Array, attention_flop: Array) -> Array:
    """Return host_seq·B + kv·K + attention·G + comm·(w_d·B + P), the part of τ that is linear in the load [s]."""
    return (
        step.host_sequence * sequences
        + step.kv * kv_bytes
        + step.attention * attention_flop
        + step.comm * (step.width * sequences + prompt_tokens)
    )


def iteration_time(
    step: StepModel,
    sequences: Array,
    kv_bytes: Array,
    prompt_tokens: Array,
    attention_flop: Array,
    coverage: Array | None = None,
    prompts: Array | float = 0.0,
) -> Array:
    """Return τ, the time of one iteration.

    Parameters
    ----------
    step : coefficients
    sequences : B, decoding sequences [1]
    kv_bytes : K, bytes of their KV cache [B]
    prompt_tokens : P, new prompt tokens in the iteration [token]
    attention_flop : G, FLOP of prompt attention in the iteration [FLOP]
    coverage : share of experts read [1]; None = `expert_coverage` of this iteration's tokens
    prompts : Q, prompts that end in the iteration [1]

    Returns
    -------
    τ [s]

    Notes
    -----
    Valid for iterations up to the engine's token limit. For P > 0 convex in (B, K, P, G, Q) when `coverage` is given;
    with the coverage of the iteration itself it is not (coverage is concave in N).
    """
    verified = step.width * sequences
    tokens = verified + prompt_tokens
    drafted = step.draft * (step.coverage(verified) if coverage is None else coverage) if step.draft.any() else 0.0
    if coverage is None:
        coverage = step.coverage(tokens)
    layers = layer_time(step, tokens, step.weights + step.experts * coverage)
    prompt = np.where(np.asarray(prompt_tokens) > 0, step.prompt_host, 0.0) + step.prompt_request * prompts
    linear = linear_time(step, sequences, kv_bytes, prompt_tokens, attention_flop)
    return step.host + layers + linear + prompt + drafted


@dataclass(frozen=True)
class CallStep:
    """Coefficients of τ for calls of one kind: what they ask is multiplied into what does not depend on the load."""

    host: Array
    """Fixed time per iteration [s]."""
    sequence: Array
    """Linear time per decoding sequence [s]."""
    prompt: Array
    """Linear time per prompt token, its share of the time per prompt included [s/token]."""
    prompt_host: Array
    """Extra host time of an iteration that carries prompts [s]."""
    weights: Array
    """Time to read the weights every token needs [s]."""
    experts: Array
    """Time to read all routed experts [s]."""
    unvisited: Array
    """log(1 − k/E)/stages, per token of the iteration [1]."""
    skew: Array
    """Squared coefficient of variation of the experts' popularity [1]."""
    imbalance: Array
    """Share of experts the busiest rank reads over the mean [1]."""
    flops: Array
    """Linear-layer compute time per token [s/token]."""
    norm: Array
    """Exponent q of the smooth roofline."""
    width: Array = field(default_factory=lambda: ONE)
    """w_d, tokens a decoding sequence brings to an iteration [token]."""
    draft: Array = field(default_factory=lambda: NONE)
    """Time in which drafts would read all routed experts of the draft [s]."""

    @cached_property
    def dense(self) -> bool:
        """Whether no deployment has routed experts."""
        return not self.experts.any()

    def read(self, tokens: Array) -> Array:
        """Return weights + experts·cov(N), the time to read what N tokens need [s]."""
        if self.dense:
            return self.weights + 0.0 * tokens
        return self.weights + self.experts * visited(tokens * self.unvisited, self.skew, self.imbalance)

    def layers(self, tokens: Array, read: Array | None = None) -> Array:
        """Return the time of the linear layers for N tokens, with their own reading time or a given one [s]."""
        return layer_time(self, tokens, self.read(tokens) if read is None else read)

    def drafted(self, tokens: Array) -> Array | float:
        """Return draft·cov(N), the time in which drafts read the routed experts that N tokens touch [s]."""
        if not self.draft.any():
            return 0.0
        return self.draft * visited(tokens * self.unvisited, self.skew, self.imbalance)

    def decode(self, sequences: Array, layers: Array, drafted: Array | float = 0.0) -> Array:
        """Return τ(B, K, 0, 0), an iteration without prompts whose linear layers and drafts' experts take so long [s]."""
        return self.host + self.sequence * sequences + layers + drafted

    def added(self, tokens: Array, before: Array, layers: Array) -> Array:
        """Return (τ(B, K, P, G) − τ(B, K, 0, 0))/P, the time each of P prompt tokens adds to an iteration.

        Parameters
        ----------
        tokens : P > 0 [token]
        before, layers : time of the linear layers without and with the prompt tokens [s]

        Returns
        -------
        [s/token]
        """
        return self.prompt + (layers - before + self.prompt_host) / tokens
