"""SGLang: `python3 -m sglang.launch_server …`."""

from __future__ import annotations

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

CACHES = {"kv-bf16": "auto", "kv-fp8": "fp8_e4m3"}
"""KV precision → `--kv-cache-dtype`."""

METHODS = {
    "mtp": "NEXTN",
    "eagle": "EAGLE",
    "eagle3": "EAGLE3",
    "dflash": "DFLASH",
    "dspark": "DSPARK",
    "draft_model": "STANDALONE",
    "ngram": "NGRAM",
}
"""Method of drafting → `--speculative-algorithm` (sglang/srt/arg_groups/fields/spec.py)."""

CHAINED = ("NEXTN", "EAGLE", "EAGLE3", "STANDALONE")
"""Methods that draft token by token: as many steps as tokens, and one branch."""

DIST_PORT = "5000"
"""Port over which machines find each other; any free one would do."""


def settings(served: Served, notes: Notes, rank: Rank) -> Settings:
    """Return what SGLang is started with for a pool.

    Parameters
    ----------
    served : the pool
    notes : what a person should know is added
    rank : how a machine among several names its place

    Returns
    -------
    Settings

    Notes
    -----
    With attention data parallelism SGLang's tensor-parallel size is that of all devices of a stage, and it divides limits of
    sequences and chunks by the data-parallel size. `--mem-fraction-static` is what weights and cache take.
    """
    runs = served.pool.deployment
    layout = runs.layout
    model = model_id(served, notes)
    flags: list[Flag] = [
        ("--model-path", model),
        ("--served-model-name", runs.model),
        ("--host", HOST),
        ("--port", "8000"),
        *((("--is-embedding", None),) if served.pooling else ()),
        *number_formats(served, notes, "SGLang", CACHES),
        *_layout(served),
        ("--context-length", str(runs.max_context)),
        ("--max-running-requests", str(runs.max_sequences * layout.dp)),
        ("--chunked-prefill-size", str(runs.chunk_tokens * layout.dp)),
        ("--mem-fraction-static", _static_share(served)),
        ("--enable-metrics", None),
        *_drafting(served, notes),
    ]
    return Settings(
        line=known_line(served, notes), model=model, flags=tuple(flags), positional=False, spread=_nodes(served, rank)
    )  # fmt: skip


def _static_share(served: Served) -> str:
    """Return the share of memory for weights and cache, down to whole percents."""
    memory = served.pool.memory
    return f"{int(100 * (memory.weights + memory.kv) / memory.total) / 100:.2f}"


def _layout(served: Served) -> list[Flag]:
    """Return degrees of parallelism."""
    layout = served.pool.deployment.layout
    flags: list[Flag] = [("--tp-size", str(layout.tp * layout.dp))]
    if layout.pp > 1:
        flags.append(("--pp-size", str(layout.pp)))
    if layout.dp > 1:
        flags += [("--dp-size", str(layout.dp)), ("--enable-dp-attention", None)]
    if layout.ep > 1:
        flags.append(("--ep-size", str(layout.ep)))
    return flags


def _drafting(served: Served, notes: Notes) -> list[Flag]:
    """Return speculative decoding."""
    how = served.pool.deployment.speculation
    if how is None:
        return []
    method = drafting_method(served, notes, "SGLang 0.5", METHODS)
    if method is None:
        return []
    return [("--speculative-algorithm", method), *_draft(served, notes, how, method), *_lengths(how, method)]


def _draft(served: Served, notes: Notes, how: Speculation, method: str) -> list[Flag]:
    """Return the draft's weights, where it has any of its own."""
    if method in ("NEXTN", "NGRAM"):
        return []
    path = draft_weights(served, notes, how.speculator)
    return [("--speculative-draft-model-path", path)]


def _lengths(how: Speculation, method: str) -> list[Flag]:
    """Return how many tokens are drafted; SGLang counts those it verifies, one more."""
    verified: Flag = ("--speculative-num-draft-tokens", str(how.draft_tokens + 1))
    if method not in CHAINED:
        return [verified]
    return [("--speculative-num-steps", str(how.draft_tokens)), ("--speculative-eagle-topk", "1"), verified]


def _nodes(served: Served, rank: Rank) -> Nodes | None:
    """Return what several machines add."""
    if served.nodes == 1:
        return None
    common: tuple[Flag, ...] = (
        ("--nnodes", str(served.nodes)),
        ("--node-rank", rank.index),
        ("--dist-init-addr", f"{rank.leader}:{DIST_PORT}"),
    )
    return Nodes(common, common)
