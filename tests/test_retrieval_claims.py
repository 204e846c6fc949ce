"""Embedding and ranking on GPUs of the built-in catalogs, solved whole; throughput beside published figures.

Figures are recorded in docs/retrieval.md, never tuned to agree.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from planner.catalog.problem import LoadedProblem, load_problem
from planner.demand.streams import build_flows
from planner.domain.plan import Plan
from planner.pipeline import plan_as_stated
from planner.plan.predict import Replicas
from planner.plan.verify import verify

ROOT = Path(__file__).parents[1]
PROMPT = 500
"""Tokens of a text, as the vendor of the second figure has them."""


@cache
def page() -> dict[str, str]:
    """Return what the page says: case → our figure."""
    rows = [line.strip("|").split("|") for line in (ROOT / "docs" / "retrieval.md").read_text(encoding="utf-8").splitlines()]
    return {row[0].strip(): row[1].strip() for row in rows if len(row) == 3}


def load(folder: Path, accelerator: str, *stages: dict[str, Any]) -> LoadedProblem:
    """Return ten requests a second through some stages and a small model that answers, under no promise."""
    made = {
        "apiVersion": "planner/v1",
        "metadata": {"name": "embedding"},
        "workloads": [
            {
                "name": "w",
                "demand": {"rate": "10 req/s"},
                "input_tokens": {"mean": PROMPT},
                "output_tokens": {"mean": 2},
                "deadline": "24h",
                "data": {"external_api": False},
                "stages": [*stages, {"name": "answer", "choose": {"models": {"allow": ["Qwen/Qwen3-0.6B"]}}}],
            }
        ],
        "choose": {
            "precisions": {"allow": ["fp16", "bf16"]},
            "engines": {"allow": ["vllm"]},
            "accelerators": {"allow": [accelerator]},
        },
        "solver": {"gap": 0.3, "time_limit": "20s"},
    }
    path = folder / "problem.yaml"
    path.write_text(yaml.safe_dump(made), encoding="utf-8")
    return load_problem(path)


def calling(role: str, model: str) -> dict[str, Any]:
    return {"name": role, "role": role, "choose": {"models": {"allow": [model]}}}


def solved(loaded: LoadedProblem) -> Plan:
    plan = plan_as_stated(loaded, lambda _: None)
    assert verify(plan, loaded) == []
    return plan


def most(loaded: LoadedProblem, plan: Plan, role: str) -> float:
    """Return the most calls a second that a replica of the pool of a role takes, predictions as they come [1/s]."""
    streams = build_flows(loaded.problem, loaded.base).streams
    (stream,) = [stream for stream in streams if stream.role == role]
    (pool,) = [pool for pool in plan.pools if stream.name in {share.stream for share in pool.shares}]
    operations = loaded.problem.operations
    return Replicas(loaded.catalog, pool.deployment, pool.instance, streams, operations, 0.5).unpromised(stream.name, 1)


# spheron.network (2026): a self-hosted embedding model on an A100, 60,000 tokens/s; which model is not said.
# A vendor's blog (2026): BGE-large on an RTX 5090, 1,200 documents of 500 tokens a second.
@pytest.mark.parametrize(
    ("model", "accelerator"),
    [
        ("BAAI/bge-large-en-v1.5", "a100-sxm-80gb"),
        ("BAAI/bge-m3", "a100-sxm-80gb"),
        ("Qwen/Qwen3-Embedding-0.6B", "a100-sxm-80gb"),
        ("BAAI/bge-large-en-v1.5", "rtx-5090"),
    ],
)
def test_embedding_throughput(model: str, accelerator: str, tmp_path: Path) -> None:
    loaded = load(tmp_path, accelerator, calling("embed", model))
    found = most(loaded, solved(loaded), "embed") * PROMPT
    case = f"{model} on {accelerator}"
    assert page().get(case) == f"{found:,.0f} tok/s", f"the page says {page().get(case)} of {case}; we find {found:,.0f} tok/s"


def test_ranking_runs_on_gpus(tmp_path: Path) -> None:
    """A reranker reads the request and 20 passages of 200 tokens: nine times the tokens, so no more than a ninth of the calls."""
    rank = {**calling("rerank", "BAAI/bge-reranker-v2-m3"), "chunks": {"count": 20, "tokens": {"mean": 200}}}
    loaded = load(tmp_path, "l4", calling("embed", "BAAI/bge-m3"), rank)
    plan = solved(loaded)
    assert {pool.deployment.model for pool in plan.pools} >= {"BAAI/bge-m3", "BAAI/bge-reranker-v2-m3"}
    assert 0.0 < most(loaded, plan, "rerank") <= most(loaded, plan, "embed") / 9.0 * 1.05
