"""Ways to draft tokens that deployments may use: which are offered, what goes with what, and the draft as a model of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.demand.settings import View, end
from planner.domain.catalog import Catalog
from planner.domain.engine import Engine
from planner.domain.layout import Shape
from planner.domain.levers import Range
from planner.domain.speculation import SEPARATOR, AcceptancePoint, Draft, Speculator
from planner.perf.columns import ModelColumns, PrecisionColumns
from planner.perf.speculative import Drafting, Speculation

Index = NDArray[np.intp]


@dataclass(frozen=True)
class Drafts:
    """A speculator with a draft length, and the tokens an iteration is taken to emit."""

    speculator: str
    """Catalog name."""
    tokens: int
    """γ [token]."""
    emitted: float
    """E [token]."""

    def __str__(self) -> str:
        """Render as `mtp/glm-5.2@3`."""
        return f"{self.speculator}{SEPARATOR}{self.tokens}"


MaybeDrafts = Drafts | None
"""How a deployment drafts; None = not at all."""

PLAIN: tuple[MaybeDrafts, ...] = (None,)
"""The ways where nothing is offered."""


def emitted_of(point: AcceptancePoint, view: View) -> float:
    """Return the tokens per iteration that plans are made with, by `solver.effects` [token]."""
    return end(Range(low=point.emitted_low, high=point.emitted_high), "low", view)


def ways_to_draft(catalog: Catalog, names: Iterable[str], models: Sequence[str], view: View) -> tuple[MaybeDrafts, ...]:
    """Return how deployments of some models may draft, not at all first.

    Parameters
    ----------
    catalog : speculators
    names : of those offered to some stream
    models : models some stream may use
    view : which end of measured acceptance to plan with
    """
    offered = [name for name in names if catalog.resolve_model(catalog.speculators[name].target) in models]
    points = [(name, point) for name in offered for point in catalog.speculators[name].table()]
    return (None, *(Drafts(name, point.draft_tokens, emitted_of(point, view)) for name, point in points))


def drafting_problem(speculator: Speculator, engine: Engine) -> str | None:
    """Return why an engine cannot draft this way, None if it can."""
    if engine.batching == "static":
        return f"{engine.name} has static batches, with which drafting is not modelled"
    if speculator.method not in engine.speculation:
        return f"{engine.name} {engine.version} does not draft by {speculator.method}"
    return None


def drafting_shape_problem(shape: Shape) -> str | None:
    """Return why no deployment in a layout can draft, None if one can (vLLM docs, features/spec_decode: no pipeline stages)."""
    return "drafting does not go with pipeline stages" if shape.pp > 1 else None


def draft_row(draft: Draft | None, target: dict[str, float], whole: dict[str, float] | None) -> dict[str, float]:
    """Return a draft's architecture as numbers, like `columns.model_row`.

    Parameters
    ----------
    draft : what is run; None for n-grams, whose row is not used
    target : the target's row
    whole : the row of `draft.model`, if it names one

    Notes
    -----
    Layers are the mean of the target's, without windows and constant states; they share its input table.
    """
    if draft is None or whole is not None:
        return whole or target
    count, experts = float(draft.layers), draft.experts and target["expert_layers"] > 0
    share = count / target["layers"]
    row = target | {
        "layers": count,
        "attention_layers": count,
        "window_layers": 0.0,
        "linear_layers": 0.0,
        "attention_parameters": target["attention_parameters"] * share if draft.parameters is None else 0.0,
        "dense_parameters": target["dense_parameters"] * share if draft.parameters is None else draft.parameters,
        "embedding_parameters": 0.0,
        "tied": float(draft.head_parameters is None),
    }
    spread = count / target["expert_layers"] if experts else 0.0
    row |= {name: target[name] * spread for name in ("expert_parameters", "expert_parameters_active")}
    row |= {"expert_layers": count} if experts else {"expert_layers": 0.0, "experts": 0.0, "experts_per_token": 0.0}
    if draft.head_parameters is not None:
        row["head_parameters"] = draft.head_parameters
    if draft.kv_heads is not None and draft.head_dim is not None:
        heads = {"kv_heads": draft.kv_heads, "head_dim": draft.head_dim}
        row |= dict.fromkeys(("kv_lora_rank", "rope_dim", "index_heads", "index_dim", "index_topk"), 0.0) | heads
    return row


def speculation_columns(
    ways: Sequence[MaybeDrafts], which: Index, catalog: Catalog, drafts: ModelColumns, precision: PrecisionColumns
) -> Speculation:
    """Return the drafting of deployments.

    Parameters
    ----------
    ways : ways to draft
    which : [N] way of each deployment
    catalog : speculators
    drafts : [len(ways)] the draft of each way as a model
    precision : [N] of the targets

    Notes
    -----
    The draft's cache has the target's KV precision; a head it shares has that of the target.
    """
    rows = [None if way is None else catalog.speculators[way.speculator] for way in ways]

    def column(values: Sequence[float]) -> NDArray[np.float64]:
        return np.array(values, dtype=float)[which]

    stored = column([_bits(row) / 8.0 for row in rows])
    own = column([float(_has_own_head(row)) for row in rows])
    return Speculation(
        drafting=Drafting(
            tokens=column([way.tokens if way else 0.0 for way in ways]),
            emitted=column([way.emitted if way else 1.0 for way in ways]),
            passes=column([_passes(row, way) for row, way in zip(rows, ways, strict=True)]),
        ),
        model=drafts.take(which),
        precision=replace(
            precision,
            weight_bytes=stored,
            attention_bytes=stored,
            embedding_bytes=np.where(own > 0, stored, precision.embedding_bytes),
        ),
    )


def _bits(row: Speculator | None) -> float:
    return row.draft.bits if row is not None and row.draft is not None else 16.0


def _has_own_head(row: Speculator | None) -> bool:
    draft = row.draft if row is not None else None
    return draft is not None and (draft.model is not None or draft.head_parameters is not None)


def _passes(row: Speculator | None, way: MaybeDrafts) -> float:
    if row is None or way is None or row.draft is None:
        return 0.0
    return 1.0 if row.draft.parallel else float(way.tokens)
