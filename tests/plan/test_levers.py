"""Why levers are pulled or not: every figure against the optimum of a problem that offers less, and against none at all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.pipeline import plan_problem, solve_as_stated
from planner.plan.levers import lever_reasons
from planner.plan.solved import Solved

READ = {"source": "a paper", "as_of": "2026-01"}


def lever(name: str, kind: str, **option: Any) -> dict[str, Any]:
    return {"name": name, "kind": kind, "options": [{"name": f"{name} on", **option}], **READ}


CACHE = lever("cache", "semantic_cache", answered={"low": 0.3, "high": 0.4}, wrong={"low": 0.0, "high": 0.01}, hourly="$0.1/h")
SHORT = lever("short", "token_budget", effects=[{"output_tokens": {"low": 0.5, "high": 0.6}}])
DEAR = lever("dear", "other", effects=[{"input_tokens": {"low": 0.9, "high": 0.95}}], hourly="$3/h")
VAIN = lever("vain", "other", hourly="$0.5/h")
BEST = lever("best", "other", effects=[{"calls": {"low": 0.5, "high": 0.9}}])

CHOOSE = {"offers": {"allow": ["on_demand"]}, "precisions": {"allow": ["bf16"]}}


def solved(folder: Path, *levers: dict[str, Any], rate: str = "60 req/s") -> Solved:
    loaded = tiny.load(folder, tiny.problem(tiny.workload(rate=rate, levers=list(levers)), choose=CHOOSE))
    return solve_as_stated(loaded, lambda _: None)


def told(made: Solved) -> list[str]:
    return list(lever_reasons(made, made.outcome.objective, lambda _: None))


def dollars(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"\$([\d.]+)/h", text)]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Solved:
    return solved(tmp_path_factory.mktemp("full"), CACHE, SHORT, DEAR, VAIN)


@pytest.fixture(scope="module")
def said(full: Solved) -> list[str]:
    return told(full)


def test_what_pulled_levers_save_is_the_cost_of_problems_that_do_not_offer_them(
    full: Solved, said: list[str], tmp_path: Path
) -> None:
    cost = full.outcome.objective
    cache, short, none = said[:3]
    for sentence, left in ((cache, (SHORT, DEAR)), (short, (CACHE, DEAR)), (none, ())):
        less = solved(tmp_path / sentence[:20].replace(" ", ""), *left).outcome.objective
        assert less > cost
        assert dollars(sentence)[:2] == [pytest.approx(less, abs=0.006), pytest.approx(less - cost, abs=0.006)]
    assert cache.startswith("chat pulls cache (cache on): the cheapest plan found without it costs ")
    assert short.startswith("chat pulls short (short on): ")
    assert none.startswith("Without any lever of chat ")


def test_what_a_lever_left_alone_would_cost_is_told(full: Solved, said: list[str]) -> None:
    dear = said[3]
    assert dear.startswith("chat leaves dear alone (dear on): the cheapest plan found with it costs ")
    total, more = dollars(dear)
    assert total - more == pytest.approx(full.outcome.objective, abs=0.011)
    assert 0 < more <= 3.0 + 1e-9  # its fee, less what shorter prompts spare


def test_the_volume_that_earns_what_is_fixed_is_told(tmp_path: Path) -> None:
    """Calls at one API, $0.00048 each: a tuned model spares 2,000 of 2,800 prompt tokens, $0.0006, and costs $6,000 over six
    months: 10 million requests earn it, 1,666,667 a month (handbook §11), whether it is pulled or not.
    """
    tuned = {"effects": [{"stage": "answer", "chunks": 0, "models": ["org/small"], "scores": {"exam": {"low": 49, "high": 52}}}]}
    offered = lever("tuned", "fine_tune", **tuned, once="$6000", months=6)
    for rate, said in (("1 req/s", "pulls tuned"), ("0.4 req/s", "leaves tuned alone")):
        calls = tiny.workload(
            rate=rate, objectives=[], data={"external_api": True}, choose={"instances": {"forbid": ["*"]}}, levers=[offered],
            quality=[{"benchmark": "exam", "at_least": 48}],
            stages=[{"name": "answer", "chunks": {"count": 8, "tokens": {"mean": 250}}}],
        )  # fmt: skip
        (sentence,) = told(solve_as_stated(tiny.load(tmp_path / rate[:3], tiny.problem(calls)), lambda _: None))
        assert said in sentence
        assert sentence.endswith("is earned from about 1,670,000 requests a month on.")


def test_an_option_is_not_taken_for_another_whose_name_begins_like_its(tmp_path: Path) -> None:
    """`cut` costs $9/h; what is pulled is `cut more`, which spares half for $0.10."""
    half = [{"output_tokens": {"low": 0.4, "high": 0.5}}]
    options = [{"name": "cut", "hourly": "$9/h"}, {"name": "cut more", "effects": half, "hourly": "$0.1/h"}]
    both = {"name": "short", "kind": "other", "options": options, **READ}
    (sentence,) = told(solved(tmp_path, both))
    assert "pulls short (cut more)" in sentence
    assert "its fixed $0.10/h is earned" in sentence


def test_a_lever_that_changes_nothing_is_told_with_certainty(said: list[str]) -> None:
    assert said[4] == "chat leaves vain alone: every way with it costs no less whatever calls cost, or cannot keep every promise."


def test_a_lever_that_is_better_at_any_price_is_told_with_certainty(tmp_path: Path) -> None:
    (sentence,) = told(solved(tmp_path, BEST, rate="1 req/s"))
    assert sentence.startswith("chat pulls best (best on): every way without it costs no less whatever calls cost")


def test_a_saving_lost_in_whole_machines_is_told(tmp_path: Path) -> None:
    made = solved(tmp_path, SHORT, rate="0.5 req/s")
    (sentence,) = told(made)
    assert "saves nothing here" in sentence or "costs the same" in sentence
    assert dollars(sentence) in ([], [pytest.approx(made.outcome.objective, abs=0.006)])


def test_the_plan_compared_with_is_told_where_it_is_not_this_one(full: Solved, said: list[str]) -> None:
    sentences = list(lever_reasons(full, full.outcome.objective + 1.0, lambda _: None))
    assert sentences[-1].startswith(f"Levers are weighed against a plan of ${full.outcome.objective:,.2f}/h")
    assert not any("weighed" in sentence for sentence in said)


def test_no_more_than_some_are_weighed(full: Solved, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planner.plan.levers.MOST", 2)
    sentences = told(full)
    assert len(sentences) == 3
    assert sentences[-1].startswith("No more than 2 levers were weighed")


def test_plans_tell_it_and_those_without_levers_do_not(tmp_path: Path) -> None:
    workload = tiny.workload(rate="20 req/s", levers=[DEAR])
    plan = plan_problem(tiny.load(tmp_path / "one", tiny.problem(workload, choose=CHOOSE)), progress=lambda _: None)
    assert plan.reasons[0].startswith("chat leaves dear alone")
    bare = tiny.load(tmp_path / "none", tiny.problem(tiny.workload(rate="20 req/s"), choose=CHOOSE))
    said: list[str] = []
    other = plan_problem(bare, progress=said.append)
    assert not any("lever" in text or "alone" in text for text in (*other.reasons, *said))
    assert other.reasons[0] == plan.reasons[1]
