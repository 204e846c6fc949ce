"""Which deployments may draft, and the draft as a model of its own."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import tiny
from drafts import DRAFT

from planner.candidates.columns import ColumnFactory, model_row
from planner.candidates.deployed import budget_of, held_of, read_of, step_of
from planner.candidates.drafts import Drafts, draft_row, drafting_problem, emitted_of, ways_to_draft
from planner.candidates.layouts import Hardware
from planner.candidates.space import AllowedNames, Sites, build_space
from planner.domain.catalog import Catalog
from planner.domain.layout import Shape
from planner.domain.speculation import AcceptancePoint, Draft
from planner.perf.step import StepModel

MODELS = ("org/small", "org/large")


def catalog(**changes: Any) -> Catalog:
    made = tiny.catalog()
    made["engines"]["engine"]["speculation"] = ["eagle3"]
    made["engines"]["plain"] = {**made["engines"]["engine"], "speculation": []}
    return Catalog.model_validate({**made, "speculators": {"eagle3/large": {**DRAFT, **changes}}})


def space(facts: Catalog) -> Any:
    machine = Hardware("max", 8, "link", 0.0, "none")
    shapes = (Shape(1, 1, 1), Shape(2, 1, 1), Shape(1, 2, 1))
    pairs = tuple((0, s) for s in range(len(shapes)))
    sites = Sites((machine,), shapes, pairs, (0.0,) * len(pairs), np.ones((1, 1), dtype=bool))
    ways = ways_to_draft(facts, ["eagle3/large"], MODELS, "pessimistic")
    return build_space(facts, MODELS, sites, pairs, AllowedNames(("bf16",), ("kv-bf16",), ("engine", "plain"), ways))


def test_only_the_target_only_engines_that_know_it_and_no_stages() -> None:
    made = space(catalog())
    drafting = [made.describe(row) for row in range(len(made)) if made.drafts[made.draft[row]] is not None]
    assert sorted(drafting) == [
        f"org/large bf16 kv-bf16 engine {gpus}×max tp{gpus} eagle3/large@{tokens}" for gpus in (1, 2) for tokens in (2, 4)
    ]
    plain = [made.describe(row) for row in range(len(made)) if made.drafts[made.draft[row]] is None]
    assert len(plain) == 2 * 2 * 3  # models, engines, layouts


def test_what_does_not_draft_is_the_same_beside_what_does() -> None:
    facts = catalog()
    made = space(facts)
    none = np.flatnonzero(made.draft == 0)
    beside, alone = (
        ColumnFactory(facts, made).columns(none),
        ColumnFactory(facts, made.take(none)).columns(np.arange(len(none))),
    )
    for field in fields(StepModel):
        np.testing.assert_array_equal(getattr(step_of(beside), field.name), getattr(step_of(alone), field.name))
    np.testing.assert_array_equal(budget_of(beside).free, budget_of(alone).free)
    assert (step_of(ColumnFactory(facts, made).columns(np.flatnonzero(made.draft))).width > 1).all()


def test_n_grams_take_no_memory_but_room_for_their_tokens() -> None:
    facts = catalog(method="ngram", draft=None)
    made = space(facts)
    assert drafting_problem(facts.speculators["eagle3/large"], facts.engines["engine"]) == "Engine 1.0 does not draft by ngram"
    row = np.flatnonzero((made.model == 1) & (made.shape == 0))[:1]
    drafting = made.with_rows(
        np.stack(
            [getattr(made, name)[row] for name in ("model", "precision", "kv", "engine", "machine", "shape")] + [np.array([2])]
        )
    )
    columns, plain = ColumnFactory(facts, drafting).columns(np.arange(1)), ColumnFactory(facts, made).columns(row)
    lost = budget_of(plain).free - budget_of(columns).free
    assert lost == pytest.approx(4.0 * 4 * 256 * 32000)
    token = held_of(plain).full
    assert held_of(columns).state == pytest.approx(4 * token)
    assert read_of(columns).full == pytest.approx(read_of(plain).full)


def test_a_layer_is_the_mean_of_the_targets_unless_it_says_more() -> None:
    target = model_row(catalog().models["org/large"])
    mean = draft_row(Draft(), target, None)
    assert mean["layers"] == mean["attention_layers"] == 1
    assert mean["attention_parameters"] + mean["dense_parameters"] == pytest.approx(
        (target["attention_parameters"] + target["dense_parameters"]) / 48
    )
    assert (mean["head_parameters"], mean["tied"], mean["embedding_parameters"]) == (target["head_parameters"], 1, 0)
    told = draft_row(Draft(layers=2, parameters=5e8, kv_heads=8, head_dim=64, head_parameters=1e7), target, None)
    assert (told["attention_parameters"], told["dense_parameters"], told["head_parameters"]) == (0, 5e8, 1e7)
    assert (told["layers"], told["kv_heads"], told["head_dim"], told["tied"]) == (2, 8, 64, 0)


def test_an_mtp_layer_of_a_mixture() -> None:
    routed = {"expert_layers": 40.0, "experts": 64.0, "experts_per_token": 4.0}
    size = {"expert_parameters": 4e10, "expert_parameters_active": 2.5e9}
    target = model_row(catalog().models["org/large"]) | routed | size
    mtp = draft_row(Draft(experts=True), target, None)
    assert (mtp["expert_layers"], mtp["experts"], mtp["expert_parameters"]) == (1, 64, 1e9)
    dense = draft_row(Draft(), target, None)
    assert (dense["expert_layers"], dense["experts"], dense["expert_parameters"]) == (0, 0, 0)


def test_a_latent_cache_gives_way_to_heads_of_its_own() -> None:
    """DeepSeek keeps 576 elements a token; a head without grouping keeps 2·n·d."""
    target = model_row(catalog().models["org/large"]) | {"kv_lora_rank": 512.0, "rope_dim": 64.0, "index_dim": 128.0}
    assert draft_row(Draft(), target, None)["kv_lora_rank"] == 512
    own = draft_row(Draft(kv_heads=64, head_dim=128), target, None)
    assert (own["kv_lora_rank"], own["rope_dim"], own["index_dim"], own["kv_heads"]) == (0, 0, 0, 64)


def test_the_end_of_the_range_by_view() -> None:
    point = AcceptancePoint(draft_tokens=3, emitted_low=2.0, emitted_high=3.0)
    assert [emitted_of(point, view) for view in ("pessimistic", "middle", "optimistic")] == [2.0, 2.5, 3.0]


def test_ways_are_those_of_models_in_use() -> None:
    facts = catalog()
    assert ways_to_draft(facts, ["eagle3/large"], ["org/small"], "pessimistic") == (None,)
    assert ways_to_draft(facts, ["eagle3/large"], ["org/large"], "optimistic") == (
        None,
        Drafts("eagle3/large", 2, 2.3),
        Drafts("eagle3/large", 4, 3.1),
    )
