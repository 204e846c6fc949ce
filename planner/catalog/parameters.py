"""Parameter counts of a transformer from its published shape, by the way the weights are stored, sharded and read.

A model is a list of `Block`s (so many layers of this kind with so many weights each) plus an input table and a head.
The functions below give the weights of one layer of each kind; `count` adds them up. All are exact counts of the
tensors in a released checkpoint without vision towers, multi-token-prediction blocks and quantization scales.

Nomenclature: h hidden size, H query heads, K key/value heads, d head dimension, i inner size, V vocabulary, E experts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from planner.domain.llm import Parameters

BlockKind = Literal["attention", "dense", "experts"]
QkNorm = Literal["none", "head", "full"]


@dataclass(frozen=True)
class Block:
    """So many layers with so many weights each; for routed experts also the weights one token visits."""

    kind: BlockKind
    """Where the weights count: softmax or linear attention, always-read weights, routed experts."""
    layers: float
    """How many layers have it."""
    each: float
    """Weights in one of them."""
    active: float = 0.0
    """Routed experts only: weights of one layer that one token visits."""


def grouped_attention(
    hidden: float,
    heads: float,
    kv_heads: float,
    head_dim: float,
    *,
    qkv_bias: bool = False,
    out_bias: bool = False,
    qk_norm: QkNorm = "none",
    output_gate: bool = False,
    shared_kv: bool = False,
    sinks: bool = False,
) -> float:
    """Count one layer of multi-head, grouped-query or multi-query attention.

    n = h·H·d·(2 + gate) + h·K·d·(2 or 1), plus biases, query/key norms and sinks where the family has them.

    Parameters
    ----------
    hidden, heads, kv_heads, head_dim : float [1]
        h, H, K, d.
    qkv_bias, out_bias : bool
        Biases on the input projections (H·d + 2·K·d) and on the output projection (h).
    qk_norm : {"none", "head", "full"}
        RMS norm of queries and keys over one head (2·d) or over all heads (H·d + K·d).
    output_gate : bool
        A second query-sized projection gates the output (Qwen3-Next).
    shared_kv : bool
        Keys serve as values, so there is one projection for both (Gemma 4 global layers).
    sinks : bool
        One learned sink per query head (gpt-oss).

    Returns
    -------
    float [1]
        Weights of one layer.

    Examples
    --------
    >>> grouped_attention(4096, 32, 8, 128)
    41943040

    References
    ----------
    Ainslie et al., GQA, arXiv:2305.13245, §2; shapes as in Hugging Face Transformers 5.23 modeling files.
    """
    queries, keys = heads * head_dim, kv_heads * head_dim
    projections = 1 if shared_kv else 2
    weights = hidden * queries * (3 if output_gate else 2) + projections * hidden * keys
    bias = (queries + projections * keys if qkv_bias else 0) + (hidden if out_bias else 0)
    norm = {"none": 0, "head": 2 * head_dim, "full": queries + keys}[qk_norm]
    return weights + bias + norm + (heads if sinks else 0)


def latent_attention(
    hidden: float,
    heads: float,
    kv_lora_rank: float,
    rope_dim: float,
    nope_dim: float,
    value_dim: float,
    q_lora_rank: float | None,
) -> float:
    """Count one layer of multi-head latent attention (MLA).

    n = q + h·(r_kv + d_rope) + r_kv + r_kv·H·(d_nope + d_v) + H·d_v·h,
    with q = h·r_q + r_q + r_q·H·(d_nope + d_rope), or h·H·(d_nope + d_rope) where queries are projected directly.

    Parameters
    ----------
    hidden, heads : float [1]
        h, H.
    kv_lora_rank, q_lora_rank : float [1]
        r_kv, r_q; None = no query latent.
    rope_dim, nope_dim, value_dim : float [1]
        d_rope, d_nope, d_v.

    Returns
    -------
    float [1]
        Weights of one layer, the norms of both latents included.

    References
    ----------
    DeepSeek-V2, arXiv:2405.04434, §2.1 and appendix C.
    """
    query = heads * (nope_dim + rope_dim)
    queries = hidden * query if q_lora_rank is None else q_lora_rank * (hidden + 1 + query)
    latent = hidden * (kv_lora_rank + rope_dim) + kv_lora_rank
    return queries + latent + kv_lora_rank * heads * (nope_dim + value_dim) + heads * value_dim * hidden


def sparse_indexer(hidden: float, query_rank: float, heads: float, head_dim: float) -> float:
    """Count the indexer of DeepSeek sparse attention (DSA) in one layer.

    n = r_q·H_i·d_i + h·d_i + 2·d_i + h·H_i: queries, one shared key, its layer norm, head weights.

    Parameters
    ----------
    hidden, query_rank : float [1]
        h and r_q.
    heads, head_dim : float [1]
        H_i, d_i.

    Returns
    -------
    float [1]
        Weights of one layer's indexer.

    References
    ----------
    DeepSeek-V3.2-Exp technical report, §2.1, and its reference `model.py` (class Indexer).
    """
    return query_rank * heads * head_dim + hidden * head_dim + 2 * head_dim + hidden * heads


def mlp(hidden: float, intermediate: float, *, gated: bool = True, bias: bool = False) -> float:
    """Count one feed-forward layer or one expert.

    n = 3·h·i gated (SwiGLU), 2·h·i not gated; biases add (2 or 1)·i + h.

    Parameters
    ----------
    hidden, intermediate : float [1]
        h, i.
    gated, bias : bool
        Whether there is a gate projection; whether projections have biases.

    Returns
    -------
    float [1]
        Weights.

    References
    ----------
    Shazeer, GLU Variants Improve Transformer, arXiv:2002.05202, §2.
    """
    inputs = 2 if gated else 1
    return (inputs + 1) * hidden * intermediate + (inputs * intermediate + hidden if bias else 0)


def gated_delta_net(
    hidden: float, key_heads: float, value_heads: float, key_dim: float, value_dim: float, kernel: float
) -> float:
    """Count one layer of gated DeltaNet.

    n = h·(2·k + 2·v + 2·H_v) + (2·k + v)·c + 2·H_v + d_v + v·h, with k = H_k·d_k, v = H_v·d_v and kernel width c.

    Parameters
    ----------
    hidden, key_heads, value_heads, key_dim, value_dim, kernel : float [1]
        h, H_k, H_v, d_k, d_v, c.

    Returns
    -------
    float [1]
        Weights of one layer.

    References
    ----------
    Yang et al., Gated Delta Networks, arXiv:2412.06464; Transformers `Qwen3NextGatedDeltaNet`.
    """
    keys, values = key_heads * key_dim, value_heads * value_dim
    return (
        hidden * (2 * keys + 2 * values + 2 * value_heads)
        + (2 * keys + values) * kernel
        + 2 * value_heads
        + value_dim
        + values * hidden
    )


def mamba1(hidden: float, inner: float, state: float, rank: float, kernel: float, *, norms: bool = False) -> float:
    """Count one Mamba-1 layer.

    n = 2·h·e + e·(c + 1) + e·(r + 2·n) + r·e + e + e·n + e + e·h; Jamba adds norms of r + 2·n.

    Parameters
    ----------
    hidden, inner, state, rank, kernel : float [1]
        h, expanded size e, state size n, time-step rank r, kernel width c.
    norms : bool
        Norms on time step, B and C (Jamba).

    Returns
    -------
    float [1]
        Weights of one layer.

    References
    ----------
    Gu & Dao, Mamba, arXiv:2312.00752, §3.4; Transformers `JambaMambaMixer`.
    """
    mixing = inner * (kernel + 1) + inner * (rank + 2 * state) + rank * inner + inner + inner * state + inner
    return 3 * hidden * inner + mixing + (rank + 2 * state if norms else 0)


def mamba2(hidden: float, heads: float, head_dim: float, groups: float, state: float, kernel: float) -> float:
    """Count one Mamba-2 layer.

    n = h·(2·e + 2·g·n + H) + (e + 2·g·n)·(c + 1) + 3·H + e + e·h, with e = H·d.

    Parameters
    ----------
    hidden, heads, head_dim, groups, state, kernel : float [1]
        h, H, d, groups g, state size n, kernel width c.

    Returns
    -------
    float [1]
        Weights of one layer.

    References
    ----------
    Dao & Gu, Transformers are SSMs, arXiv:2405.21060, §7; Transformers `NemotronHMamba2Mixer`.
    """
    inner, convolved = heads * head_dim, heads * head_dim + 2 * groups * state
    return hidden * (inner + convolved + heads) + convolved * (kernel + 1) + 3 * heads + inner + inner * hidden


def lightning_attention(hidden: float, heads: float, head_dim: float) -> float:
    """Count one layer of lightning (linear) attention.

    n = 5·h·H·d + H·d: queries, keys, values, output gate, output, and a norm.

    Parameters
    ----------
    hidden, heads, head_dim : float [1]
        h, H, d.

    Returns
    -------
    float [1]
        Weights of one layer.

    References
    ----------
    MiniMax-01, arXiv:2501.08313, §2.2; Transformers `MiniMaxLightningAttention`.
    """
    return 5 * hidden * heads * head_dim + heads * head_dim


def count(blocks: Iterable[Block], *, embedding: float, head: float, tied: bool, extra: float = 0.0) -> Parameters:
    """Add blocks, input table and head up by kind.

    N_kind = Σ layers·each over the blocks of that kind.

    Parameters
    ----------
    blocks : iterable of Block
        Layers.
    embedding, head : float [1]
        Input table and output projection, mostly V·h each; an encoder has no head.
    tied : bool
        Whether the head shares the table's storage.
    extra : float [1]
        Weights outside the layers (final norm, pooler), counted as dense.

    Returns
    -------
    Parameters [1]
        Counts by kind.

    Examples
    --------
    >>> count([Block("dense", 2, 10.0)], embedding=5.0, head=5.0, tied=True).total
    25.0
    """
    totals: dict[BlockKind, float] = {"attention": 0.0, "dense": extra, "experts": 0.0}
    active = 0.0
    for block in blocks:
        totals[block.kind] += block.layers * block.each
        active += block.layers * block.active
    return Parameters(
        attention=totals["attention"],
        dense=totals["dense"],
        experts=totals["experts"],
        experts_active=active,
        embedding=embedding,
        head=head,
        tied=tied,
    )
