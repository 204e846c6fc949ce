"""Attention of new prompt tokens, in FLOP that share one time per FLOP (`StepModel.attention`).

Short prompts run attention below its plateau, rate ∝ s/(s + s½) (handbook §2). Time is then ∝ pairs·(1 + s½/s), which for
causal pairs s²/2 is a term linear in s: charging s½/2 extra pairs per new token keeps load additive and exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.perf.columns import CoefficientColumns, Columns, LayoutColumns, ModelColumns
from planner.perf.step import Array

STATE_FLOP = 4.0
"""FLOP per element of recurrent state and token: an outer-product update and a read-out, a multiply and an add each [A]."""


@dataclass(frozen=True)
class AttentionCost(Columns):
    """FLOP of prompt attention as a function of (query, key) pairs and tokens; see `attention_flops`."""

    full_pair: Array
    """Per pair in layers that attend to the whole context, all such layers together [FLOP]."""
    windowed_pair: Array
    """Per pair in layers that attend to at most `window` tokens [FLOP]."""
    window: Array
    """Tokens those layers attend to: sliding window, or top-k of sparse attention [token]."""
    token: Array
    """Per new token, whatever the context: linear attention [FLOP]."""
    half: Array
    """s½, prompt length at which attention runs at half its plateau [token]."""


def causal_pairs(new: Array, cached: Array) -> Array:
    """Return the (query, key) pairs of `new` tokens after `cached` ones under a causal mask.

    pairs = I·(p + I/2)

    Parameters
    ----------
    new : I, tokens computed [token]
    cached : p, tokens whose keys are already there [token]

    Returns
    -------
    Pairs [1]

    References
    ----------
    Handbook §2.
    """
    return new * (cached + new / 2.0)


def windowed_pairs(new: Array, cached: Array, window: Array) -> Array:
    """Return the pairs where each token sees at most `window` keys.

    pairs = f(p + I) − f(p),  f(x) = x²/2 for x ≤ w, w·x − w²/2 beyond

    Parameters
    ----------
    new, cached : I, p [token]
    window : w [token]; ∞ gives `causal_pairs`

    Returns
    -------
    Pairs [1]
    """
    seen = np.asarray(cached)
    growing_from, growing_to = np.minimum(seen, window), np.minimum(seen + new, window)
    growing = (growing_to - growing_from) * (growing_to + growing_from) / 2.0
    flat = new - (growing_to - growing_from)
    return np.asarray(growing + flat * np.where(flat > 0, window, 0.0))


def head_flop(model: ModelColumns) -> Array:
    """Return FLOP of one (query, key) pair in one layer with full attention.

    4·n_q·d;  with MLA, uncompressed: 2·n_q·(d_nope + d_rope + d_v)

    Parameters
    ----------
    model : architecture

    Returns
    -------
    FLOP per pair and layer [FLOP]

    Notes
    -----
    Scores and weighted sum, a multiply and an add each; softmax is not counted.

    References
    ----------
    Handbook §2; DeepSeek-V3, arXiv 2412.19437 §2.1.1.
    """
    plain = 4.0 * model.heads * model.head_dim
    return np.where(model.is_mla, 2.0 * model.heads * (model.nope_dim + model.rope_dim + model.value_dim), plain)


def compile_attention(model: ModelColumns, coefficients: CoefficientColumns, layout: LayoutColumns) -> AttentionCost:
    """Return the attention cost of a deployment's prompts.

    Parameters
    ----------
    model, coefficients, layout : the deployment

    Returns
    -------
    FLOP per pair and per token, for `attention_flops`

    Notes
    -----
    Sparse attention: the indexer scores every pair with 2·heads·dim FLOP per layer and is replicated over tensor-parallel
    ranks, hence × tp here because `StepModel.attention` divides by tp; attention itself sees at most top-k tokens. The
    indexer runs in fp8 at twice the 16-bit rate, which is not credited.

    References
    ----------
    Handbook §2; DeepSeek-V3.2-Exp report §1.
    """
    full_layers = (model.attention_layers - model.window_layers) * head_flop(model)
    windowed = model.window_layers * 4.0 * model.heads * model.window_head_dim
    indexer = 2.0 * model.attention_layers * model.index_heads * model.index_dim * layout.tp
    return AttentionCost(
        full_pair=np.where(model.is_sparse, indexer, full_layers),
        windowed_pair=np.where(model.is_sparse, full_layers, windowed),
        window=np.where(model.is_sparse, model.index_topk, model.window),
        token=STATE_FLOP * model.linear_layers * model.state_elements,
        half=np.asarray(coefficients.attention_half),
    )


def attention_flops(cost: AttentionCost, new: Array, cached: Array) -> Array:
    """Return G, the attention FLOP of one prompt, with the slower rate of short ones written in as extra pairs.

    G = g_full·(pairs + s½·I/2) + g_w·(pairs_w + s½·I/2) + g_tok·I

    Parameters
    ----------
    cost : `compile_attention`
    new : I, prompt tokens to compute [token]
    cached : p, prompt tokens found in the prefix cache [token]

    Returns
    -------
    G [FLOP]; without s½ and windows 4·L·n_q·d·I²/2 for a whole prompt

    Notes
    -----
    Chunking a prompt does not change G; the re-reading of the prefix by later chunks is not included.

    References
    ----------
    Handbook §2, prefill attention (fits of m∞ and s½, d = 128, 11–15 % error).
    """
    ramp = cost.half * new / 2.0
    full = cost.full_pair * (causal_pairs(new, cached) + ramp)
    return full + cost.windowed_pair * (windowed_pairs(new, cached, cost.window) + ramp) + cost.token * new
