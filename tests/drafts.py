"""A draft for the large model of the tiny catalog, offered and asked for."""

from __future__ import annotations

from typing import Any

import tiny

DRAFT = {
    "target": "org/large", "method": "eagle3", "draft": {"layers": 1, "parameters": 3e8, "head_parameters": 5e7},
    "points": [
        {"draft_tokens": 2, "emitted_low": 1.9, "emitted_high": 2.3},
        {"draft_tokens": 4, "emitted_low": 2.4, "emitted_high": 3.1},
    ],
    **tiny.READ,
}  # fmt: skip
OFFER = {"speculators": {"allow": ["eagle3/*"]}}


def facts(**changes: Any) -> dict[str, Any]:
    made = tiny.catalog()
    made["engines"]["engine"]["speculation"] = ["eagle3", "ngram"]
    return {**made, "speculators": {"eagle3/large": {**DRAFT, **changes}}}


def chat(rate: str, tpot: str, **fields: Any) -> dict[str, Any]:
    """A chat of short prompts for the large model on one kind of machine."""
    promises = [
        {"metric": "ttft", "percentile": 95, "target": "3s"},
        {"metric": "tpot", "percentile": 95, "target": tpot},
    ]
    return tiny.workload(
        rate=rate, objectives=promises, quality=[{"benchmark": "exam", "at_least": 60}],
        input_tokens={"mean": 200, "p95": 400, "maximum": 2000}, output_tokens={"mean": 300, "p95": 600, "maximum": 2000},
        choose={"instances": {"allow": ["mart/max-1"]}, "precisions": {"allow": ["bf16"]}}, **fields,
    )  # fmt: skip
