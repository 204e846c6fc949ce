"""Memory of one replica (design §3.1): what weights, activations and buffers take, and what is left for KV.

KV bytes are counted *logically*: the bytes of the sequences' caches as if each were stored once on one device. That is
the K of `StepModel`. Replication over tensor-parallel ranks and the split over data-parallel ranks and stages enter the
budget instead (`replica_kv`), so that loads of sequences simply add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.perf.columns import Columns, EngineColumns, HardwareColumns, LayoutColumns, ModelColumns, PrecisionColumns
from planner.perf.step import Array

MIB = 1048576.0

ACTIVATION_MINIMUM = 70 * MIB
"""Least activation memory [B]; aiconfigurator base_backend.py:1699-1720, handbook §1."""
ACTIVATION_FACTOR_TP = (1.0, 2.0, 4.0, 8.0)
ACTIVATION_FACTOR_DENSE = (11.0, 6.5, 5.0, 5.0)
ACTIVATION_FACTOR_EXPERTS = (22.0, 13.0, 10.0, 10.0)
"""Activation elements per token and hidden element at those tensor-parallel degrees; same source."""
SAMPLER_BYTES = 39.0
"""Bytes per (sequence slot, vocabulary entry) of the sampler's peak: fitted to the six text rows of llm-d-planner
docs/empirical-vllm-memory-results.md (vLLM 0.11, 1024 slots, H100): 38.4–39.6 over vocabularies of 128k–201k."""
COLLECTIVE_BUFFER = ((2.0, 342 * MIB), (4.0, 392 * MIB))
"""NCCL buffers from that many devices on [B]; aiconfigurator systems/h200_sxm.yaml, handbook §1."""


@dataclass(frozen=True)
class KvCoefficients(Columns):
    """Bytes of one sequence's cache as a function of its context s: state + full·s + windowed·min(s, window)."""

    state: Array
    """Constant part [B]."""
    full: Array
    """Per token of the whole context [B/token]."""
    windowed: Array
    """Per token inside the window [B/token]."""
    window: Array
    """Window [token]; no meaning where `windowed` is 0."""

    def at(self, context: Array) -> Array:
        """Return the bytes at context s [token]."""
        return self.state + self.full * context + self.windowed * np.minimum(context, self.window)


@dataclass(frozen=True)
class MemoryBudget(Columns):
    """Where the memory of the fullest device goes, in bytes; the parts add up to `total`."""

    total: Array
    """Memory of the device [B]."""
    reserve: Array
    """Kept from the engine: outside its fraction, and the tolerance [B]."""
    weights: Array
    """Weights of the fullest stage [B]."""
    activations: Array
    """Peak of activations and sampling [B]."""
    communication: Array
    """Collective buffers [B]."""
    runtime: Array
    """Context, graphs, libraries [B]."""
    free: Array
    """What is left for KV [B]; negative where the model does not fit, and then by how much."""
    replica_kv: Array
    """Logical KV bytes the whole replica can hold [B]; 0 where the model does not fit."""

    @property
    def kv(self) -> Array:
        """KV memory per device [B]."""
        return np.maximum(self.free, 0.0)


def kv_elements(model: ModelColumns) -> tuple[Array, Array]:
    """Return cached elements per token of one full and one windowed layer.

    full = 2·n_kv·d + d_index, or r_kv + d_rope + d_index with MLA;  windowed = 2·n_kv,w·d_w

    Parameters
    ----------
    model : architecture

    Returns
    -------
    (full, windowed) [element/token]

    References
    ----------
    Handbook §1 (llm-d-planner capacity_planner.py:192-210); DeepSeek-V3, arXiv 2412.19437 §2.1.1.
    """
    heads = 2.0 * model.kv_heads * model.head_dim
    full = np.where(model.is_mla, model.kv_lora_rank + model.rope_dim, heads) + model.index_dim
    return full, 2.0 * model.window_kv_heads * model.window_head_dim


def kv_held(model: ModelColumns, precision: PrecisionColumns) -> KvCoefficients:
    """Return the bytes a sequence's cache takes in memory.

    held(s) = L_lin·state·b_s + L_full·full·b_kv·s + L_w·windowed·b_kv·min(s, w)

    Parameters
    ----------
    model, precision : architecture and bytes per number

    Returns
    -------
    Coefficients of held(s) [B]

    Notes
    -----
    Windowed layers are charged their window only, which engines with a hybrid cache manager reach (vLLM ≥ 0.9).

    References
    ----------
    Handbook §1.
    """
    full, windowed = kv_elements(model)
    return KvCoefficients(
        state=model.linear_layers * model.state_elements * precision.state_bytes,
        full=(model.attention_layers - model.window_layers) * full * precision.kv_bytes,
        windowed=model.window_layers * windowed * precision.kv_bytes,
        window=np.asarray(model.window),
    )


def kv_read(model: ModelColumns, precision: PrecisionColumns) -> KvCoefficients:
    """Return the bytes of a sequence's cache that one decode step moves; sum them over sequences for K in τ.

    As `kv_held`, but recurrent state is read and written, and sparse attention (DSA) reads every indexer key but only
    `index_topk` latents.

    Parameters
    ----------
    model, precision : architecture and bytes per number

    Returns
    -------
    Coefficients of read(s) [B]

    Notes
    -----
    No known model combines sparse attention with sliding windows; such a model's windowed layers would be left out.

    References
    ----------
    DeepSeek-V3.2-Exp report, §1 (lightning indexer, top-k selection).
    """
    held, layers = kv_held(model, precision), model.attention_layers * precision.kv_bytes
    return KvCoefficients(
        state=2.0 * held.state,
        full=np.where(model.is_sparse, layers * model.index_dim, held.full),
        windowed=np.where(model.is_sparse, layers * (kv_elements(model)[0] - model.index_dim), held.windowed),
        window=np.where(model.is_sparse, model.index_topk, held.window),
    )


def charged_context(context: Array, maximum: Array, engine: EngineColumns) -> Array:
    """Return the context a sequence is charged for in memory.

    paged: s + (blk − 1)/2;  contiguous: s_max

    Parameters
    ----------
    context : s, live context [token]
    maximum : s_max, the longest the engine is configured for [token]
    engine : settings

    Returns
    -------
    Context to put into `kv_held` [token]

    Notes
    -----
    (blk − 1)/2 is the mean rounding loss of a length that falls anywhere in its last block.

    References
    ----------
    Handbook §1, allocation.
    """
    return np.where(np.asarray(engine.contiguous) > 0, maximum, context + (engine.block_tokens - 1.0) / 2.0)


def stage_share(model: ModelColumns, layout: LayoutColumns) -> Array:
    """Return the share of layers in the fullest stage, ceil(L/pp)/L [1]."""
    return np.ceil(model.layers / layout.pp) / model.layers


def kv_rank_share(model: ModelColumns, layout: LayoutColumns) -> Array:
    """Return the share of a layer's logical KV bytes that one tensor-parallel rank holds and reads.

    share = ceil(n_kv/tp)/n_kv;  1 with MLA, whose latent every rank needs

    Parameters
    ----------
    model, layout : architecture and degrees

    Returns
    -------
    Share [1]; 1/tp while heads divide, never below 1/n_kv

    Notes
    -----
    Where full and windowed layers have different head counts the larger share stands for both.

    References
    ----------
    Vidur utils/param_counter.py:32-34; handbook §1.
    """
    full = np.ceil(model.kv_heads / layout.tp) / model.kv_heads
    windowed = np.ceil(model.window_kv_heads / layout.tp) / model.window_kv_heads
    only_windowed = np.asarray(model.window_layers) >= model.attention_layers
    share = np.where(only_windowed, windowed, np.where(np.asarray(model.window_layers) > 0, np.maximum(full, windowed), full))
    return np.where(model.is_mla, 1.0, share)


def weight_bytes(model: ModelColumns, precision: PrecisionColumns, layout: LayoutColumns) -> Array:
    """Return the weights on the fullest device.

    W = [(P_att·b_a + P_dense·b_w)/tp + P_exp·b_w/n_exp]·ceil(L/pp)/L + edge·b_e/tp

    Parameters
    ----------
    model, precision, layout : architecture, bytes per number, degrees

    Returns
    -------
    W [B]

    Notes
    -----
    n_exp = tp·dp under expert parallelism, else tp. edge = input table + untied head on one stage; with more stages the
    larger of the two, since they sit at opposite ends (a tied head needs a copy of the table at the far end). Padding of
    odd matrix sizes by some kernels is not included (gpt-oss under vLLM: +6 %).

    References
    ----------
    Handbook §1.
    """
    shared = (
        model.attention_parameters * precision.attention_bytes + model.dense_parameters * precision.weight_bytes
    ) / layout.tp
    experts = model.expert_parameters * precision.weight_bytes / layout.expert_ranks
    both = model.embedding_parameters + (1.0 - model.tied) * model.head_parameters
    edge = np.where(np.asarray(layout.pp) > 1, np.maximum(model.embedding_parameters, model.head_parameters), both)
    return (shared + experts) * stage_share(model, layout) + edge * precision.embedding_bytes / layout.tp


def activation_bytes(model: ModelColumns, engine: EngineColumns, layout: LayoutColumns) -> Array:
    """Return the peak of activations per device.

    act = max(70 MiB, 2·T_max·h·c(tp), 39·B_max·V, measured floor)

    Parameters
    ----------
    model, engine, layout : architecture, settings, degrees

    Returns
    -------
    act [B]

    Notes
    -----
    The third term is the sampler's sort over B_max rows of logits, at which vLLM profiles itself; it explains why measured
    peaks follow the vocabulary, not the hidden size. c(tp) is interpolated in log tp.

    References
    ----------
    aiconfigurator base_backend.py:1699-1720; llm-d-planner docs/empirical-vllm-memory-results.md; handbook §1.
    """
    degree = np.log2(layout.tp)
    dense, sparse = (
        np.interp(degree, np.log2(ACTIVATION_FACTOR_TP), factors)
        for factors in (ACTIVATION_FACTOR_DENSE, ACTIVATION_FACTOR_EXPERTS)
    )
    layers = 2.0 * engine.chunk_tokens * model.hidden * np.where(np.asarray(model.experts) > 0, sparse, dense)
    sampler = SAMPLER_BYTES * engine.max_sequences * model.vocabulary
    return np.maximum(np.maximum(layers, sampler), np.maximum(ACTIVATION_MINIMUM, engine.activation_floor))


def collective_buffer(layout: LayoutColumns) -> Array:
    """Return the NCCL buffers per device [B]: none on one device, 342 MiB from two, 392 MiB from four on (handbook §1)."""
    buffer = np.zeros(np.shape(layout.gpus))
    for devices, size in COLLECTIVE_BUFFER:
        buffer = np.where(layout.gpus >= devices, size, buffer)
    return buffer


def memory_budget(
    model: ModelColumns,
    precision: PrecisionColumns,
    hardware: HardwareColumns,
    engine: EngineColumns,
    layout: LayoutColumns,
    draft: Array | float = 0.0,
) -> MemoryBudget:
    """Return where the memory of the fullest device goes, and the KV bytes the replica can hold.

    free = M·u_M·(1 − tol) − W − act − buffers − runtime
    replica_kv = max(free, 0)·dp / (rank share · ceil(L/pp)/L)

    Parameters
    ----------
    model, precision, hardware, engine, layout : the deployment
    draft : what drafting takes beside caches, counted as weights [B]

    Returns
    -------
    Breakdown per device and `replica_kv`, logical bytes of all sequences of the replica [B]

    Notes
    -----
    Sequences are taken to spread evenly over data-parallel ranks. Every subtraction is per device (handbook §12.1).

    References
    ----------
    aiconfigurator sdk/memory.py `kv_cache_budget_bytes`; handbook §1.
    """
    usable = hardware.memory * engine.memory_fraction * (1.0 - engine.tolerance)
    weights = weight_bytes(model, precision, layout) + draft
    activations = activation_bytes(model, engine, layout)
    buffers = collective_buffer(layout)
    free = usable - weights - activations - buffers - engine.runtime_reserve
    logical = layout.dp / (kv_rank_share(model, layout) * stage_share(model, layout))
    return MemoryBudget(
        total=np.asarray(hardware.memory),
        reserve=hardware.memory - usable,
        weights=weights,
        activations=activations,
        communication=buffers,
        runtime=np.asarray(engine.runtime_reserve),
        free=free,
        replica_kv=np.maximum(free, 0.0) * logical,
    )
