"""A call graph of three stages over the tiny catalog, levers for it, and what the checks find in a file made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tiny

from planner.errors import InvalidInput, Issue

CHECK = {"kind": "moderation", "per_call": "$1/kreq", "latency_p95": "40ms", **tiny.READ}
TOKENS = {"mean": 100, "scv": 0.5}


def stages(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Return check → plan → answer, with changes to each."""
    base: list[dict[str, Any]] = [
        {"name": "check", "component": CHECK},
        {"name": "plan", "probability": 0.5, "loop": {"mean": 1.5, "at_most": 3}, "output_tokens": TOKENS},
        {"name": "answer", "takes": {"plan": 1.0}, "chunks": {"count": 8, "tokens": {"mean": 50}}, "history": TOKENS},
    ]
    return [{**stage, **change} for stage, change in zip(base, [*changes, {}, {}, {}], strict=False)]


def lever(kind: str = "other", **option: Any) -> dict[str, Any]:
    """Return a lever of one option."""
    return {"name": "lever", "kind": kind, "options": [{"name": "on", **option}], **tiny.READ}


def effect(**fields: Any) -> dict[str, Any]:
    """Return the one effect of an option."""
    return {"effects": [fields]}


def span(low: float, high: float) -> dict[str, float]:
    """Return a range."""
    return {"low": low, "high": high}


def facts() -> dict[str, Any]:
    """Return the tiny catalog with routers, caches and components: some whole, some that leave out what plans need."""
    found = tiny.catalog()
    point = {"escalated": 0.5, "recovered_low": 0.6, "recovered_high": 0.7}
    router = {"strong": "org/large", "weak": "org/small", "kind": "model", "points": [point], **tiny.READ}
    found["routers"] = {"mf": {**router, "weak_score": 50, "strong_score": 80}, "unscored": router}
    hits = {"hit_rate_low": 0.2, "hit_rate_high": 0.3}
    caches = [{"threshold": 0.8, **hits}, {"threshold": 0.9, **hits, "false_hits_low": 0.01, "false_hits_high": 0.02}]
    found["semantic_caches"] = {"arena": {"method": "static", "traffic": "chat", "points": caches, **tiny.READ}}
    found["context_effects"] = {
        "RULER/small": {
            "model": "org/small", "benchmark": "RULER", "base_tokens": 4096, "base_score": 90,
            "points": [{"tokens": 8192, "score": 81, "kept_low": 0.88, "kept_high": 0.92}], **tiny.READ,
        }
    }  # fmt: skip
    found["position_effects"] = {
        "documents/small": {
            "model": "org/small", "task": "answers", "passages": 20, **tiny.READ,
            "points": [
                {"position": 0.0, "accuracy_low": 70, "accuracy_high": 72},
                {"position": 0.5, "accuracy_low": 50, "accuracy_high": 52},
                {"position": 1.0, "accuracy_low": 60, "accuracy_high": 62},
            ],
        }
    }  # fmt: skip
    mean = {**CHECK, "latency_p95": None, "latency_mean": "30ms"}
    found["components"] = {"cloud/filter": CHECK, "cloud/mean": mean}
    return found


def issues(folder: Path, **fields: Any) -> list[Issue]:
    """Return what is found in a file of one workload of three stages; fields replace its own."""
    try:
        loaded = tiny.load(folder, tiny.problem(tiny.workload(**{"stages": stages(), **fields})), facts())
    except InvalidInput as error:
        return list(error.issues)
    return [issue for issue in loaded.warnings if "quality floor" not in issue.message]
