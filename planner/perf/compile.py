"""From a deployment's columns to the coefficients of its iteration time.

One iteration advances every decoding sequence of the replica by one token. With pp stages, the sequences travel as pp
micro-batches: within one token's latency each stage serves every micro-batch once. Per token the work of the whole depth is
therefore divided by pp, while the weights of the whole depth are still read within that latency, once per micro-batch.
"""

from __future__ import annotations

import numpy as np

from planner.perf.attention import compile_attention
from planner.perf.collectives import ring_share, transfer_time
from planner.perf.columns import (
    CoefficientColumns,
    HardwareColumns,
    LayoutColumns,
    LinkColumns,
    ModelColumns,
    PrecisionColumns,
)
from planner.perf.memory import kv_elements, kv_rank_share, stage_share
from planner.perf.step import Array, StepModel

HIDDEN_PASSES = 15.0
"""Times a layer reads or writes a token's hidden vector outside matrix products: both norms with their residuals 8, inputs of
attention and feed-forward 2, attention's output 2, outputs of both 2, quantizing 1 [1] (counted from the layer's graph)."""

EXPERT_PASSES = 4.0
"""The same for each expert a token visits: gathered and read, written and combined [1] (counted from the layer's graph)."""

SIXTEEN_BIT = 2.0
"""Bytes of an unquantized weight: matrices stored so multiply at the 16-bit rate, whatever the rest does."""


def compile_step(
    model: ModelColumns,
    precision: PrecisionColumns,
    hardware: HardwareColumns,
    link: LinkColumns,
    coefficients: CoefficientColumns,
    layout: LayoutColumns,
) -> StepModel:
    """Return the coefficients of τ for each deployment.

    Parameters
    ----------
    model, precision, hardware, link, coefficients, layout : the deployments, broadcasting against each other

    Returns
    -------
    StepModel whose fields all have the deployments' common shape

    Notes
    -----
    Stages march in step, so uneven stages cost ceil(L/pp)·pp/L of the layers' time. Host time per sequence is spent by each
    data-parallel rank and micro-batch on its own sequences only.

    References
    ----------
    Design §3.2; handbook §2–§4.
    """
    parts = {
        "host": host_time(model, link, coefficients, layout),
        "host_sequence": coefficients.host_per_sequence / (layout.dp * layout.pp),
        "weights": weight_time(model, precision, hardware, coefficients, layout),
        "experts": expert_time(model, precision, hardware, coefficients, layout),
        "sparsity": expert_sparsity(model),
        "skew": coefficients.expert_skew,
        "imbalance": imbalance(coefficients, layout),
        "stages": layout.pp,
        "flops": token_time(model, precision, hardware, coefficients, layout),
        "norm": coefficients.norm,
        "kv": kv_time(model, precision, hardware, coefficients, layout),
        "attention": attention_time(model, hardware, coefficients, layout),
        "attention_half": compile_attention(model, coefficients, layout).half,
        "comm": communication_time(model, precision, link, coefficients, layout)
        + activation_time(model, hardware, coefficients, layout),
        "prompt_host": model.layers * coefficients.prompt_host_per_layer,
        "prompt_request": coefficients.prompt_host_per_request,
        "width": 1.0,
        "draft": 0.0,
    }
    arrays = np.broadcast_arrays(*(np.asarray(value, float) for value in parts.values()))
    return StepModel(**dict(zip(parts, arrays, strict=True)))


def depth(model: ModelColumns, layout: LayoutColumns) -> Array:
    """Return pp·ceil(L/pp)/L, the layers' time when the fullest stage sets the pace [1]; 1 where stages are even."""
    return layout.pp * stage_share(model, layout)


def pipeline_fill(chunks: Array, stages: Array) -> Array:
    """Return how much longer a prompt takes to come out of a pipeline than its own share of stage time.

    fill = (pp + m − 1)/m

    Parameters
    ----------
    chunks : m, chunks the prompt is cut into [1], at least 1
    stages : pp [1]

    Returns
    -------
    Factor on a lone prompt's flops, attention and comm terms of τ [1]; 1 without a pipeline, → 1 for many chunks

    Notes
    -----
    τ charges a prompt 1/pp of its work because pp micro-batches share the stages; that is what it takes from the replica's
    capacity. Its own first token comes only after every chunk passed every stage.

    References
    ----------
    Handbook §4, pipeline parallelism: T_stage·(pp + m − 1).
    """
    return (stages + chunks - 1.0) / chunks


def expert_sparsity(model: ModelColumns) -> Array:
    """Return k/E, the share of routed experts a token visits [1]; 0 for dense models."""
    count = np.asarray(model.experts, float)
    share: Array = np.divide(model.experts_per_token, count, out=np.zeros(count.shape), where=count > 0)
    return share


def exchange_counts(model: ModelColumns, layout: LayoutColumns) -> tuple[Array, Array]:
    """Return all-reduces and all-to-alls per iteration.

    Tensor parallelism: two all-reduces per layer. Expert parallelism over data-parallel ranks: two all-to-alls per expert
    layer, in place of that layer's second all-reduce. Expert parallelism inside one tensor-parallel group needs none:
    its tokens are already on every rank, and the all-reduce adds up the experts' parts.

    Parameters
    ----------
    model, layout : architecture and degrees

    Returns
    -------
    (all-reduces, all-to-alls) [1]

    References
    ----------
    Megatron-LM, arXiv 1909.08053 §3; handbook §4.
    """
    moved = np.where(layout.exchanges_tokens, model.expert_layers, 0.0)
    return np.where(np.asarray(layout.tp) > 1, 2.0 * model.layers - moved, 0.0), 2.0 * moved


def host_time(model: ModelColumns, link: LinkColumns, coefficients: CoefficientColumns, layout: LayoutColumns) -> Array:
    """Return the fixed time of an iteration.

    host = L·t_L + t_s + a·(n_ar·α_ar + n_a2a·α_a2a + (pp − 1)·α_p2p),  a = `collective_latency`

    Parameters
    ----------
    model, link, coefficients, layout : the deployment

    Returns
    -------
    host [s]

    References
    ----------
    Handbook §3 (t_L, t_s), §4 (α).
    """
    reduces, exchanges = exchange_counts(model, layout)
    collectives = (
        np.where(reduces > 0, reduces * link.allreduce_alpha, 0.0)
        + np.where(exchanges > 0, exchanges * link.alltoall_alpha, 0.0)
        + np.where(np.asarray(layout.pp) > 1, (layout.pp - 1.0) * link.p2p_alpha, 0.0)
    )
    launches = model.layers * coefficients.host_per_layer + coefficients.host_per_step
    return np.asarray(launches + coefficients.collective_latency * collectives)


def weight_time(
    model: ModelColumns,
    precision: PrecisionColumns,
    hardware: HardwareColumns,
    coefficients: CoefficientColumns,
    layout: LayoutColumns,
) -> Array:
    """Return the time a rank needs to read the weights every token uses, over the full depth.

    weights = [(P_att·b_a + P_dense·b_w)·pp·ceil(L/pp)/L + P_head·b_e] / (tp·BW·u)

    Parameters
    ----------
    model, precision, hardware, coefficients, layout : the deployment

    Returns
    -------
    weights [s]

    Notes
    -----
    The input table is looked up, not read. Attention data parallelism replicates these weights, so dp does not appear.

    References
    ----------
    Handbook §1, §3.
    """
    layers = model.attention_parameters * precision.attention_bytes + model.dense_parameters * precision.weight_bytes
    read = layers * depth(model, layout) + model.head_parameters * precision.embedding_bytes
    return read / (layout.tp * hardware.bandwidth * coefficients.bandwidth_efficiency)


def imbalance(coefficients: CoefficientColumns, layout: LayoutColumns) -> Array:
    """Return the load of the busiest rank over the mean [1]: 1 unless whole experts are spread over ranks (handbook §3)."""
    return np.where(np.asarray(layout.ep) > 1, coefficients.expert_imbalance, 1.0)


def expert_time(
    model: ModelColumns,
    precision: PrecisionColumns,
    hardware: HardwareColumns,
    coefficients: CoefficientColumns,
    layout: LayoutColumns,
) -> Array:
    """Return the time a rank needs to read all routed experts it holds, over the full depth.

    experts = P_exp·b_w·pp·ceil(L/pp)/L / (n_exp·BW·u_exp)

    Parameters
    ----------
    model, precision, hardware, coefficients, layout : the deployment

    Returns
    -------
    experts [s]; τ multiplies it with the share of experts its tokens touch, on the busiest rank (`StepModel.imbalance`)

    References
    ----------
    Handbook §3, experts read per layer.
    """
    read = model.expert_parameters * precision.weight_bytes * depth(model, layout) / layout.expert_ranks
    return read / (hardware.bandwidth * coefficients.expert_bandwidth_efficiency)


def token_time(
    model: ModelColumns,
    precision: PrecisionColumns,
    hardware: HardwareColumns,
    coefficients: CoefficientColumns,
    layout: LayoutColumns,
) -> Array:
    """Return the matrix-multiplication time per token of the iteration.

    flops = 2·Σ_part P_part/(F_part·e_part) / (tp·pp·dp), parts: attention, dense, active experts (× imb), head

    Parameters
    ----------
    model, precision, hardware, coefficients, layout : the deployment

    Returns
    -------
    flops [s/token]

    Notes
    -----
    F is the rate of the compute format, or the 16-bit rate for parts stored unquantized; e is the efficiency of large products.
    Grouped products of experts, each of which sees only its share of the tokens, reach about the same absolute rate in every
    format: a share of the 16-bit peak, where that is less. The head is charged for every
    token although prompts need it once: prefill is over-estimated by P_head/P_act (7 % for Llama-3.1-8B, 1.5 % for 70B).

    References
    ----------
    Handbook §2.
    """
    attention = model.attention_parameters / part_rate(precision.attention_bytes, hardware)
    head = model.head_parameters / part_rate(precision.embedding_bytes, hardware)
    grouped = np.minimum(hardware.peak16 * coefficients.expert_flops_efficiency, hardware.peak * coefficients.flops_efficiency)
    experts = model.expert_parameters_active * imbalance(coefficients, layout) / grouped
    dense = (attention + model.dense_parameters / hardware.peak) / coefficients.flops_efficiency
    layers = (dense + experts) * depth(model, layout)
    return 2.0 * (layers + head / coefficients.flops_efficiency) / layout.gpus


def part_rate(stored: Array, hardware: HardwareColumns) -> Array:
    """Return the peak rate for weights of `stored` bytes: 16-bit weights multiply at the 16-bit rate [FLOP/s]."""
    return np.where(np.asarray(stored) >= SIXTEEN_BIT, np.minimum(hardware.peak, hardware.peak16), hardware.peak)


def kv_time(
    model: ModelColumns,
    precision: PrecisionColumns,
    hardware: HardwareColumns,
    coefficients: CoefficientColumns,
    layout: LayoutColumns,
    width: Array | float = 1.0,
) -> Array:
    """Return the decode attention time per logical byte of live KV cache of the replica.

    kv = pp·ceil(L/pp)/L · max(share/(BW·u_kv), w_d·ψ·(ceil(n_q/tp)/n_q)/(F16·m∞)) / (dp·pp)

    ψ is FLOP per logical byte: 4·n_q·d/(2·n_kv·d·b_kv), with MLA (absorbed) 2·n_q·(2·r_kv + d_rope)/((r_kv + d_rope)·b_kv).

    Parameters
    ----------
    model, precision, hardware, coefficients, layout : the deployment
    width : w_d, tokens of a sequence that share one reading of its cache, 1 + γ where drafts are verified [token]

    Returns
    -------
    kv [s/B]

    Notes
    -----
    Grouped heads do few FLOP per byte, so bytes set the pace; MLA with all heads on one rank may be compute-bound. Windowed
    layers are given the ψ of full ones, indexer keys that of latents.

    References
    ----------
    Handbook §3; DeepSeek-V2, arXiv 2405.04434 §2.1 (absorbed projections).
    """
    by_bytes = kv_rank_share(model, layout) / (hardware.bandwidth * coefficients.kv_efficiency)
    by_flop = (
        width * kv_intensity(model, precision) * head_share(model, layout) / (hardware.peak16 * coefficients.attention_efficiency)
    )
    return depth(model, layout) * np.maximum(by_bytes, by_flop) / (layout.dp * layout.pp)


def kv_intensity(model: ModelColumns, precision: PrecisionColumns) -> Array:
    """Return ψ, decode attention FLOP per logical KV byte of all heads [FLOP/B]."""
    per_token = np.where(
        model.is_mla,
        2.0 * model.heads * (2.0 * model.kv_lora_rank + model.rope_dim),
        4.0 * model.heads * model.head_dim,
    )
    return per_token / (kv_elements(model)[0] * precision.kv_bytes)


def head_share(model: ModelColumns, layout: LayoutColumns) -> Array:
    """Return ceil(n_q/tp)/n_q, the share of query heads on one rank [1]."""
    return np.ceil(model.heads / layout.tp) / model.heads


def attention_time(
    model: ModelColumns, hardware: HardwareColumns, coefficients: CoefficientColumns, layout: LayoutColumns
) -> Array:
    """Return prompt attention time per FLOP.

    attention = pp·ceil(L/pp)/L · (ceil(n_q/tp)/n_q) / (F16·m∞·dp·pp)

    Parameters
    ----------
    model, hardware, coefficients, layout : the deployment

    Returns
    -------
    attention [s/FLOP]

    References
    ----------
    Handbook §2, prefill attention.
    """
    share = depth(model, layout) * head_share(model, layout) / (layout.dp * layout.pp)
    return share / (hardware.peak16 * coefficients.attention_efficiency)


def communication_time(
    model: ModelColumns,
    precision: PrecisionColumns,
    link: LinkColumns,
    coefficients: CoefficientColumns,
    layout: LayoutColumns,
) -> Array:
    """Return collective time per token of the iteration, fixed parts excluded.

    comm = h·b/(pp·dp·c) · [ n_ar·2(tp − 1)/tp/β_ar + n_a2a·(k/tp)·(ep − 1)/ep/β_a2a + (pp − 1)/β_p2p ]

    Parameters
    ----------
    model, precision, link, coefficients, layout : the deployment

    Returns
    -------
    comm [s/token]

    Notes
    -----
    c is `collective_bandwidth`. Tensor-parallel ranks of one data-parallel rank share its tokens out before the all-to-all,
    hence k/tp. Communication is not overlapped with compute.

    References
    ----------
    Handbook §4.
    """
    reduces, exchanges = exchange_counts(model, layout)
    reduce = transfer_time(reduces * 2.0 * ring_share(layout.tp), link.allreduce_beta)
    exchange = transfer_time(exchanges * model.experts_per_token / layout.tp * ring_share(layout.ep), link.alltoall_beta)
    hops = transfer_time(layout.pp - 1.0, link.p2p_beta)
    per_byte = (reduce + exchange + hops) / coefficients.collective_bandwidth
    return model.hidden * precision.activation_bytes * per_byte / (layout.pp * layout.dp)


def activation_time(
    model: ModelColumns, hardware: HardwareColumns, coefficients: CoefficientColumns, layout: LayoutColumns
) -> Array:
    """Return the time per token of the iteration for moving hidden vectors through memory, outside matrix products.

    activations = 2·h·(15·L + 4·k·L_exp) / (BW·u·pp·dp)

    Parameters
    ----------
    model, hardware, coefficients, layout : the deployment

    Returns
    -------
    [s/token]

    Notes
    -----
    Norms, residuals, quantization and the sorting of tokens to experts work on whole 16-bit vectors on every tensor-parallel
    rank, so more ranks do not shorten them: that is what tensor parallelism gains less by than its share of the products.
    What is sharded (heads, intermediate vectors) is left out.

    References
    ----------
    Korthikanti et al., Reducing Activation Recomputation in Large Transformer Models, arXiv 2205.05198 §4.2 (norms are
    replicated under tensor parallelism without sequence parallelism).
    """
    passes = HIDDEN_PASSES * model.layers + EXPERT_PASSES * model.experts_per_token * model.expert_layers
    moved = SIXTEEN_BIT * model.hidden * passes
    return np.asarray(moved / (hardware.bandwidth * coefficients.bandwidth_efficiency * layout.pp * layout.dp))
