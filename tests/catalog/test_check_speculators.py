"""Mistakes about speculators: one clear message each, with the YAML path and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny
from drafts import DRAFT, OFFER, chat, facts

from planner.errors import InvalidInput


def issues(folder: Path, made: dict[str, Any], known: dict[str, Any]) -> list[tuple[str, str, str]]:
    with pytest.raises(InvalidInput) as caught:
        tiny.load(folder, made, known)
    return [(issue.path, issue.message, issue.remedy) for issue in caught.value.issues]


def only(folder: Path, made: dict[str, Any], known: dict[str, Any]) -> tuple[str, str, str]:
    found = issues(folder, made, known)
    assert len(found) == 1, found
    return found[0]


def problem(*names: str) -> dict[str, Any]:
    return tiny.problem(chat("1 req/s", "50ms"), choose={"speculators": {"allow": list(names)}})


def test_an_unknown_name_comes_with_the_nearest(tmp_path: Path) -> None:
    path, message, remedy = only(tmp_path, problem("eagle3/larg"), facts())
    assert path == "choose.speculators.allow[0]"
    assert message == "'eagle3/larg' matches no speculator"
    assert "eagle3/large" in remedy


def test_a_pattern_that_matches_nothing(tmp_path: Path) -> None:
    path, message, _ = only(tmp_path, problem("eagle3/*", "mtp/*"), facts())
    assert (path, message) == ("choose.speculators.allow[1]", "'mtp/*' matches no speculator")


def test_an_unknown_name_in_a_workload(tmp_path: Path) -> None:
    workload = chat("1 req/s", "50ms")
    workload["choose"] |= {"speculators": {"forbid": ["nobody"]}}
    path, message, _ = only(tmp_path, tiny.problem(workload, choose=OFFER), facts())
    assert (path, message) == ("workloads[0].choose.speculators.forbid[0]", "'nobody' matches no speculator")


def test_a_target_that_is_not_in_the_catalog(tmp_path: Path) -> None:
    path, message, remedy = only(tmp_path, problem("eagle3/large"), facts(target="org/larger"))
    assert path == "choose.speculators.allow[0]"
    assert message == "'eagle3/large' drafts for 'org/larger', which is not in the catalog's models"
    assert "org/large" in remedy
    tiny.load(tmp_path, problem("eagle3/*"), facts(target="org/larger"))  # a pattern may reach further than the catalog


@pytest.mark.parametrize("field", ["source", "as_of", "target", "method"])
def test_what_a_row_must_say(tmp_path: Path, field: str) -> None:
    row = {key: value for key, value in DRAFT.items() if key != field}
    path, _, _ = only(tmp_path, problem("*"), {**facts(), "speculators": {"ours": row}})
    assert path == f"speculators.ours.{field}"


def points(*rows: tuple[int, float, float]) -> dict[str, Any]:
    return {"points": [{"draft_tokens": n, "emitted_low": low, "emitted_high": high} for n, low, high in rows]}


@pytest.mark.parametrize(
    ("changes", "path", "says"),
    [
        (points((2, 2.3, 1.9)), "points[0]", "emitted_low 2.3 is above emitted_high 1.9"),
        (points((2, 1.5, 3.0)), "points[0]", "2 drafted tokens cannot give 3 an iteration"),
        (points((3, 2.0, 2.5), (2, 1.5, 1.9)), "", "draft_tokens must ascend, but they are 3, 2"),
        (points((0, 1.0, 1.0)), "points[0].draft_tokens", ""),
        (points((2, 0.9, 1.9)), "points[0].emitted_low", ""),
        ({"points": []}, "", "give either measured `points`, or `constant`"),
        ({"constant": {"low": 0.5, "high": 0.6, "draft_tokens": [2]}}, "", "give either measured `points`, or `constant`"),
        ({"points": [], "constant": {"low": 0.7, "high": 0.6, "draft_tokens": [2]}}, "constant", "low 0.7 is above high 0.6"),
        ({"points": [], "constant": {"low": 0.5, "high": 1.0, "draft_tokens": [2]}}, "constant.high", ""),
        ({"draft": None}, "", "n-grams need no draft, every other method does"),
        ({"method": "ngram"}, "", "n-grams need no draft, every other method does"),
        ({"method": "guess"}, "method", ""),
        ({"draft": {"model": "org/small", "layers": 2}}, "draft", "remove layers"),
        ({"draft": {"model": "org/smal"}}, "draft.model", "'org/smal' is not in the catalog's models"),
        ({"draft": {"kv_heads": 4}}, "draft", "kv_heads and head_dim belong together"),
    ],
)
def test_figures_that_cannot_be(tmp_path: Path, changes: dict[str, Any], path: str, says: str) -> None:
    where, message, _ = only(tmp_path, problem("*"), facts(**changes))
    assert where == ".".join(filter(None, ('speculators["eagle3/large"]', path)))
    assert says in message


def test_an_engine_method_that_does_not_exist(tmp_path: Path) -> None:
    known = facts()
    known["engines"]["engine"]["speculation"] = ["eagle4"]
    path, _, _ = only(tmp_path, problem("*"), known)
    assert path == "engines.engine.speculation[0]"
