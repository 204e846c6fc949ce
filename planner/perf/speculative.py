"""Speculative decoding: a cheap draft proposes γ tokens, one iteration of the target verifies them, E_d tokens come of it.

Calls are then counted in iterations, of which one of O tokens takes O/E_d, and a decoding sequence brings w_d = 1 + γ tokens to
each. Everything else of the performance model stays as it is, so loads still add up (design §3.4): at a fixed iteration time
the state is linear in λ. An iteration, in which the draft runs n_d times (γ, or once where it proposes all tokens together):

    τ = host + host_seq·w_d·B + n_d·(host_d + weights_d) + ‖ weights + experts·cov(N), flops·N ‖_q + kv·K + n_d·kv_d·K_d + comm·N
        + (flops_d + comm_d)·(N + (n_d − 1)·B) + n_d·experts_d·cov(w_d·B) + …,   N = w_d·B + P

The draft is compiled like any model (`planner.perf.compile`), on the target's devices and layout. Its first run of an
iteration sees all tokens the target saw, the others one a sequence.

Assumed, and on the safe side: a draft's reading and computing do not overlap; it touches the experts that all w_d·B tokens do;
each run of it takes the host's fixed time of an iteration; the host spends its time per sequence on each token verified
(sampling, slots, detokenizing; scheduling is done once). Assumed, and open: its kernels reach the target's efficiencies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.perf.columns import (
    CoefficientColumns,
    Columns,
    EngineColumns,
    HardwareColumns,
    LayoutColumns,
    LinkColumns,
    ModelColumns,
    PrecisionColumns,
)
from planner.perf.compile import SIXTEEN_BIT, compile_step, kv_time
from planner.perf.memory import KvCoefficients, kv_held, kv_rank_share, kv_read, weight_bytes
from planner.perf.step import Array, StepModel
from planner.perf.traffic import Traffic

LOGIT_BYTES = 4.0
"""Bytes of one verified logit: the rejection sampler works on 32-bit copies of all rows (assumption; vLLM rejection_sampler)."""


@dataclass(frozen=True)
class Drafting(Columns):
    """How a deployment drafts; one entry a deployment, all zeros but E_d = 1 where it does not."""

    tokens: Array
    """γ, tokens drafted for each sequence and iteration [token]."""
    emitted: Array
    """E_d, tokens an iteration emits for a sequence, the target's own included [token], 1 ≤ E_d ≤ γ + 1."""
    passes: Array
    """n_d, runs of the draft model an iteration: γ, or 1 where it proposes all at once, or 0 where nothing is run [1]."""


@dataclass(frozen=True)
class Speculation:
    """Drafting on deployments, with the draft as a model of its own."""

    drafting: Drafting
    """How much is drafted and accepted."""
    model: ModelColumns
    """The draft's architecture; any where no draft is run."""
    precision: PrecisionColumns
    """Its bytes per number."""

    @property
    def runs(self) -> NDArray[np.bool_]:
        """Whether a draft model is run at all."""
        return np.asarray(self.drafting.passes) > 0


def emitted_constant(acceptance: Array, tokens: Array) -> Array:
    """Return E_d if every drafted token were accepted with the same probability: an alternative to a measured table.

    E_d = 1 + α + … + α^γ = (1 − α^(γ+1))/(1 − α)

    Parameters
    ----------
    acceptance : α, probability that a drafted token is accepted if those before it were [1], in [0, 1]
    tokens : γ [token]

    Returns
    -------
    E_d [token]

    Notes
    -----
    Later tokens are accepted less: α = 0.79, which fits DeepSeek-V4's MTP at γ = 1, gives 4.2 at γ = 8 where 2.58 was measured.
    Use it only where no table is known, and say so.

    Examples
    --------
    >>> float(emitted_constant(np.asarray(0.5), np.asarray(2)))
    1.75

    References
    ----------
    Leviathan, Kalman, Matias (2023), Fast inference from transformers via speculative decoding, equation 1; handbook §7.
    """
    sure = np.asarray(acceptance) >= 1.0
    ratio = (1.0 - acceptance ** (tokens + 1.0)) / np.where(sure, 1.0, 1.0 - acceptance)
    return np.asarray(np.where(sure, tokens + 1.0, ratio))


def emission_scatter(emitted: Array, tokens: Array) -> Array:
    """Return the largest squared coefficient of variation that tokens per iteration can have.

    c_d² ≤ (E_d − 1)·(γ + 1 − E_d)/E²

    Parameters
    ----------
    emitted : E_d [token]
    tokens : γ [token]

    Returns
    -------
    c_d² [1]

    Notes
    -----
    Sources publish means only. The bound is reached when all drafts are accepted or none; constant acceptance gives less.

    References
    ----------
    Bhatia and Davis, Amer. Math. Monthly 107 (2000) 353: Var X ≤ (max − mean)·(mean − min).
    """
    return np.asarray(np.maximum((emitted - 1.0) * (tokens + 1.0 - emitted), 0.0) / emitted**2)


def compile_speculative(
    model: ModelColumns,
    precision: PrecisionColumns,
    hardware: HardwareColumns,
    link: LinkColumns,
    coefficients: CoefficientColumns,
    layout: LayoutColumns,
    speculation: Speculation,
) -> StepModel:
    """Return the coefficients of τ of deployments that draft; where γ = 0 those of `compile_step`.

    Parameters
    ----------
    model, precision, hardware, link, coefficients, layout : the deployments, as for `compile_step`
    speculation : their drafting

    Returns
    -------
    StepModel; see the module for the terms

    Notes
    -----
    Valid without pipeline stages. A verified sequence's cache is read once for its w_d tokens, whose attention takes w_d times
    the FLOP. A mixture as draft is read as far as tokens touch it if it routes like the target (an MTP layer), else whole.

    References
    ----------
    Handbook §7; vLLM, "How Speculative Decoding Boosts vLLM Performance by up to 2.8x" (2024), for drafting in sequence.
    """
    target = compile_step(model, precision, hardware, link, coefficients, layout)
    draft = _draft_step(hardware, link, coefficients, layout, speculation)
    how = speculation.drafting
    width, runs, passes = 1.0 + how.tokens, speculation.runs, how.passes
    alike = np.isclose(draft.sparsity, target.sparsity)
    fixed = draft.host + draft.weights + np.where(alike, 0.0, draft.experts)
    each = np.where(runs, draft.flops + draft.comm, 0.0)
    return replace(
        target,
        host=target.host + passes * fixed,
        host_sequence=target.host_sequence * width + np.maximum(passes - 1.0, 0.0) * each,
        kv=np.broadcast_to(kv_time(model, precision, hardware, coefficients, layout, width), np.shape(target.kv)),
        comm=target.comm + each,
        width=np.broadcast_to(width, np.shape(target.kv)),
        draft=np.where(alike, passes * draft.experts, 0.0),
    )


def _draft_step(
    hardware: HardwareColumns,
    link: LinkColumns,
    coefficients: CoefficientColumns,
    layout: LayoutColumns,
    speculation: Speculation,
) -> StepModel:
    """Return τ of one run of the draft; unquantized drafts multiply at the 16-bit rate."""
    wide = np.asarray(speculation.precision.weight_bytes) >= SIXTEEN_BIT
    devices = replace(hardware, peak=np.where(wide, np.minimum(hardware.peak, hardware.peak16), hardware.peak))
    return compile_step(speculation.model, speculation.precision, devices, link, coefficients, layout)


def draft_memory(model: ModelColumns, engine: EngineColumns, layout: LayoutColumns, speculation: Speculation) -> Array:
    """Return the device memory that drafting takes beside caches.

    W_d + 4·γ·B_max·V

    Parameters
    ----------
    model, engine, layout : the target's deployment
    speculation : its drafting

    Returns
    -------
    [B]; 0 without drafting

    Notes
    -----
    The second term is the logits of the tokens verified beside one a sequence.
    """
    weights = np.where(speculation.runs, weight_bytes(speculation.model, speculation.precision, layout), 0.0)
    return np.asarray(weights + LOGIT_BYTES * speculation.drafting.tokens * engine.max_sequences * model.vocabulary)


def _added(own: KvCoefficients, draft: KvCoefficients, share: Array, ahead: Array) -> KvCoefficients:
    """Return a cache to which a share of the draft's is added, with room for tokens ahead; its windows are taken as whole."""
    return KvCoefficients(
        state=own.state + share * draft.state + own.full * ahead,
        full=own.full + share * (draft.full + draft.windowed),
        windowed=own.windowed,
        window=own.window,
    )


def held_with_draft(
    model: ModelColumns, precision: PrecisionColumns, layout: LayoutColumns, speculation: Speculation
) -> KvCoefficients:
    """Return the bytes a sequence's caches take in memory, the draft's and room for γ drafted tokens included.

    held(s) + held_d(s)·(share_d/share) + γ·full

    Parameters
    ----------
    model, precision, layout : the target's deployment
    speculation : its drafting

    Returns
    -------
    Coefficients of the sum, in logical bytes of the target's layout [B]

    Notes
    -----
    The ratio of rank shares puts the draft's cache, which may be replicated otherwise, into the bytes of `replica_kv`.
    """
    share = kv_rank_share(speculation.model, layout) / kv_rank_share(model, layout)
    draft = kv_held(speculation.model, speculation.precision)
    own = kv_held(model, precision)
    return _added(own, draft, np.where(speculation.runs, share, 0.0), np.asarray(speculation.drafting.tokens))


def read_with_draft(
    model: ModelColumns,
    precision: PrecisionColumns,
    hardware: HardwareColumns,
    coefficients: CoefficientColumns,
    layout: LayoutColumns,
    speculation: Speculation,
) -> KvCoefficients:
    """Return the bytes of the target's cache whose reading takes as long as that of both caches in an iteration.

    read(s) + n_d·(kv_d/kv)·read_d(s)

    Parameters
    ----------
    model, precision, hardware, coefficients, layout : the target's deployment
    speculation : its drafting

    Returns
    -------
    Coefficients of the sum [B], to be multiplied by `StepModel.kv` of `compile_speculative`
    """
    own_time = kv_time(model, precision, hardware, coefficients, layout, 1.0 + speculation.drafting.tokens)
    draft_time = kv_time(speculation.model, speculation.precision, hardware, coefficients, layout)
    share = speculation.drafting.passes * draft_time / own_time
    return _added(kv_read(model, precision), kv_read(speculation.model, speculation.precision), share, np.zeros(()))


def in_iterations(traffic: Traffic, drafting: Drafting) -> Traffic:
    """Return calls counted in iterations that emit E_d tokens each.

    O/E_d,  E[O²]/E² + O/E_d·c_d²,  E_d·E[1/(O − 1)]

    Parameters
    ----------
    traffic : calls whose outputs are counted in tokens
    drafting : of the deployments

    Returns
    -------
    Traffic

    Notes
    -----
    The tokens of iterations are taken as independent, so their number over a call varies as a renewal count. What the
    last iteration emits too much is about the one token that came with the prompt.

    References
    ----------
    Cox, Renewal Theory (1962), §3.3: Var N(t) → c²·t/μ.
    """
    emitted = drafting.emitted
    scatter = emission_scatter(emitted, drafting.tokens)
    iterations = traffic.output / emitted
    return replace(
        traffic,
        output=iterations,
        output_second=traffic.output_second / emitted**2 + iterations * scatter,
        output_inverse=traffic.output_inverse * emitted,
        emitted=np.asarray(emitted, float),
        scatter=scatter,
    )
