"""vLLM: `vllm serve MODEL …`."""

from __future__ import annotations

import json
from typing import Any

from planner.domain.plan_pools import Speculation
from planner.export.settings import (
    HOST,
    Flag,
    Nodes,
    Rank,
    Settings,
    draft_weights,
    drafting_method,
    known_line,
    number_formats,
)
from planner.export.view import Notes, Served, model_id

CACHES = {"kv-bf16": "auto", "kv-fp8": "fp8", "kv-nvfp4": "nvfp4"}
"""KV precision → `--kv-cache-dtype`."""

METHODS = {
    "mtp": "mtp",
    "eagle": "eagle",
    "eagle3": "eagle3",
    "p_eagle": "eagle3",
    "dflash": "dflash",
    "medusa": "medusa",
    "draft_model": "draft_model",
    "ngram": "ngram",
}
"""Method of drafting → vLLM's name (vllm/config/speculative.py). P-EAGLE is EAGLE-3 with parallel drafting (model card of
amazon/GPT-OSS-20B-P-EAGLE)."""

OWN_DRAFT = ("mtp", "ngram")
"""Methods whose draft is part of the model, or none."""

RPC_PORT = "13345"
"""Port over which ranks find each other; any free one would do."""


def settings(served: Served, notes: Notes, rank: Rank) -> Settings:
    """Return what vLLM is started with for a pool.

    Parameters
    ----------
    served : the pool
    notes : what a person should know is added
    rank : how a machine among several names its place

    Returns
    -------
    Settings
    """
    runs = served.pool.deployment
    return Settings(
        line=known_line(served, notes),
        model=model_id(served, notes),
        flags=(
            ("--served-model-name", runs.model),
            ("--host", HOST),
            ("--port", "8000"),
            *((("--runner", "pooling"),) if served.pooling else ()),
            *number_formats(served, notes, "vLLM", CACHES),
            *_layout(served),
            ("--max-model-len", str(runs.max_context)),
            ("--max-num-seqs", str(runs.max_sequences)),
            ("--max-num-batched-tokens", str(runs.chunk_tokens)),
            ("--gpu-memory-utilization", f"{runs.memory_fraction:g}"),
            *(() if served.pooling else (("--enable-chunked-prefill", None), ("--enable-prefix-caching", None))),
            *_drafting(served, notes),
        ),
        spread=_nodes(served, notes, rank),
    )


def _layout(served: Served) -> list[Flag]:
    """Return degrees of parallelism; vLLM spreads experts over tp·dp devices."""
    layout = served.pool.deployment.layout
    flags: list[Flag] = [("--tensor-parallel-size", str(layout.tp))]
    if layout.pp > 1:
        flags.append(("--pipeline-parallel-size", str(layout.pp)))
    if layout.dp > 1:
        flags.append(("--data-parallel-size", str(layout.dp)))
    if layout.ep > 1:
        flags.append(("--enable-expert-parallel", None))
    return flags


def _drafting(served: Served, notes: Notes) -> list[Flag]:
    """Return speculative decoding as one JSON value."""
    how = served.pool.deployment.speculation
    if how is None:
        return []
    method = drafting_method(served, notes, "vLLM 0.24", METHODS)
    if method is None:
        return []
    return [("--speculative-config", json.dumps(_config(served, notes, how, method)))]


def _config(served: Served, notes: Notes, how: Speculation, method: str) -> dict[str, Any]:
    config: dict[str, Any] = {"method": method, "num_speculative_tokens": how.draft_tokens}
    if method not in OWN_DRAFT:
        config["model"] = draft_weights(served, notes, how.speculator)
    if served.part.speculation == "p_eagle":
        config["parallel_drafting"] = True
    return config


def _nodes(served: Served, notes: Notes, rank: Rank) -> Nodes | None:
    """Return what several machines add: whole data-parallel ranks on each, or one replica over all."""
    layout, nodes = served.pool.deployment.layout, served.nodes
    if nodes == 1:
        return None
    if layout.dp == 1:
        common: tuple[Flag, ...] = (("--nnodes", str(nodes)), ("--node-rank", rank.index), ("--master-addr", rank.leader))
        return Nodes(common, (*common, ("--headless", None)))
    local, rest = divmod(layout.dp, nodes)
    if rest:
        notes.add(f"{served.pool.name}: {layout.dp} data-parallel ranks do not part evenly over {nodes} machines")
        return None
    common = (
        ("--data-parallel-size-local", str(local)),
        ("--data-parallel-address", rank.leader),
        ("--data-parallel-rpc-port", RPC_PORT),
    )
    start = f"$(({rank.index.strip('$(){}')} * {local}))"
    return Nodes(common, (*common, ("--data-parallel-start-rank", start), ("--headless", None)))
