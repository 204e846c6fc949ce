"""Writing a model entry as catalog YAML: stable order, one line a field, one line a score."""

from __future__ import annotations

from typing import Any

import yaml

from planner.domain.llm import Model

_ORDER = (
    "family",
    "role",
    "licence",
    "released",
    "aliases",
    "hidden",
    "layers",
    "vocabulary",
    "attention",
    "linear_attention",
    "experts",
    "parameters",
    "published_total",
    "published_note",
    "max_context",
    "effective_context",
    "native_precision",
    "precisions",
    "source",
    "as_of",
    "note",
    "unverified",
    "scores",
)
_SCORE_ORDER = ("benchmark", "score", "setting", "source", "as_of", "note", "unverified")


def to_yaml(model_id: str, model: Model) -> str:
    """Write one model as a catalog file.

    Parameters
    ----------
    model_id : str
        Catalog name.
    model : Model
        The entry; fields at their defaults are left out.

    Returns
    -------
    str
        YAML with a `models` section, which reads back as the same entry.
    """
    return "models:\n" + entry_yaml(model_id, model)


def entry_yaml(model_id: str, model: Model) -> str:
    """Write one entry of the `models` section, indented by two."""
    fields = model.model_dump(mode="json", exclude_defaults=True)
    lines = [f"  {_flow(model_id)}:"]
    for key in _ORDER:
        if key == "scores" and "scores" in fields:
            lines += ["    scores:", *(f"      - {_flow(_ordered(score))}" for score in fields["scores"])]
        elif key in fields:
            lines.append(f"    {key}: {_flow(_whole(fields[key]))}")
    return "\n".join(lines) + "\n"


def _ordered(score: dict[str, Any]) -> dict[str, Any]:
    """Put what a score measures in front of where it was read."""
    return {key: _whole(score[key]) for key in _SCORE_ORDER if key in score}


def _whole(value: Any) -> Any:
    """Write 8030261248.0 as 8030261248."""
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _flow(value: Any) -> str:
    """Write a value on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=float("inf"))
    return text.removesuffix("\n").removesuffix("\n...")
