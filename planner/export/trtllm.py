"""TensorRT-LLM: `trtllm-serve MODEL …`, and a file for what has no flag."""

from __future__ import annotations

from typing import Any

from planner.domain.plan_pools import Speculation
from planner.export.files import missing
from planner.export.settings import HOST, Flag, Rank, Settings, cache_format, known_line
from planner.export.view import Notes, Served, model_id

CACHES = {"kv-bf16": "auto", "kv-fp8": "fp8", "kv-nvfp4": "nvfp4"}
"""KV precision → `kv_cache_config.dtype`."""

EXTRA = "--extra_llm_api_options"


def settings(served: Served, notes: Notes, rank: Rank) -> Settings:  # noqa: ARG001 - engines share a signature
    """Return what trtllm-serve is started with for a pool.

    Parameters
    ----------
    served : the pool
    notes : what a person should know is added
    rank : not used: no way over several machines is exported

    Returns
    -------
    Settings

    Notes
    -----
    Attention data parallelism is over all devices of a stage: `tp_size` counts them and `enable_attention_dp` is set, which says
    what the plan says only if a rank is one device. The memory fraction is of what weights leave free.
    """
    runs, layout = served.pool.deployment, served.pool.deployment.layout
    _note_limits(served, notes)
    flags: list[Flag] = [
        ("--host", HOST),
        ("--port", "8000"),
        ("--backend", "pytorch"),
        ("--tp_size", str(layout.tp * layout.dp)),
        *([("--pp_size", str(layout.pp))] if layout.pp > 1 else []),
        *([("--ep_size", str(layout.ep))] if layout.ep > 1 else []),
        ("--max_batch_size", str(runs.max_sequences)),
        ("--max_num_tokens", str(runs.chunk_tokens)),
        ("--max_seq_len", str(runs.max_context)),
        ("--kv_cache_free_gpu_memory_fraction", f"{runs.memory_fraction:g}"),
        ("--enable_chunked_prefill", None),
    ]
    return Settings(
        line=known_line(served, notes),
        model=_model(served, notes),
        flags=tuple(flags),
        config=_config(served, notes),
        config_flag=EXTRA,
    )


def _model(served: Served, notes: Notes) -> str:
    """Return what to load; nothing is quantized on loading here."""
    runs = served.pool.deployment
    if served.part.weights != "on_load" or runs.precision in ("bf16", "fp16"):
        return model_id(served, notes)
    made = missing(f"checkpoint of {runs.model} in {runs.precision}")
    notes.add(f"{served.pool.name}: TensorRT-LLM loads quantized checkpoints only; put one in {runs.precision} for {made}")
    return made


def _note_limits(served: Served, notes: Notes) -> None:
    """Note what the command line cannot say."""
    layout, name = served.pool.deployment.layout, served.pool.name
    if layout.dp > 1 and layout.tp > 1:
        notes.add(f"{name}: TensorRT-LLM has no data-parallel attention over groups of {layout.tp} devices; start it by hand")
    if served.nodes > 1:
        notes.add(f"{name}: TensorRT-LLM spans machines under MPI (mpirun … trtllm-llmapi-launch); start it by hand")
    if served.pooling:
        notes.add(f"{name}: trtllm-serve has no endpoint for embeddings or reranking; start it by hand")


def _config(served: Served, notes: Notes) -> dict[str, Any]:
    """Return the file of options."""
    runs = served.pool.deployment
    cache = cache_format(served, notes, "TensorRT-LLM", CACHES)
    config: dict[str, Any] = {"kv_cache_config": {"dtype": cache, "enable_block_reuse": True}}
    if runs.layout.dp > 1:
        config["enable_attention_dp"] = True
    return config | (_drafting(served, notes, runs.speculation) if runs.speculation else {})


def _drafting(served: Served, notes: Notes, how: Speculation) -> dict[str, Any]:
    """Return speculative decoding, of the methods whose options are the same in all releases 1.x."""
    method = served.part.speculation
    if method == "mtp":
        return {"speculative_config": {"decoding_type": "MTP", "num_nextn_predict_layers": how.draft_tokens}}
    if method == "ngram":
        return {"speculative_config": {"decoding_type": "NGram", "max_draft_len": how.draft_tokens}}
    notes.add(
        f"{served.pool.name}: options of {method} differ between releases of TensorRT-LLM; write speculative_config for "
        f"{how.speculator}, {how.draft_tokens} tokens, by hand: the plan holds only with it"
    )
    return {}
