"""Call graphs and levers in every output: the way taken, what serves each stage, what paths, tiers and tags cost."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from planner.domain.plan import Plan
from planner.report import console, graphs, jsonout, markdown
from planner.report.words import compared, proof, split

LARGE = "chat/answer~0.9+router 0.2 sent on large (3)"
TITLES = ("How requests are served", "Cost by stage", "Cost by path", "Cost by tier and tag", "Names of streams")


def show(plan: Plan, width: int = 100) -> str:
    file = io.StringIO()
    console.render(plan, Console(file=file, width=width))
    return file.getvalue()


def row(text: str, start: str) -> list[str]:
    """Return the cells of the console line that begins so."""
    line = next(line for line in text.splitlines() if line.startswith(start))
    return re.split(r"\s{2,}", line.strip())


def cells(text: str, *starts: str) -> list[str]:
    """Return the cells of the Markdown row that begins so."""
    rows = ([cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines() if line.startswith("| "))
    return next(found for found in rows if tuple(found[: len(starts)]) == starts)


def test_plans_without_ways_say_nothing_of_them(plan: Plan) -> None:
    for text in (show(plan), markdown.render(plan)):
        assert not any(title in text for title in TITLES)
        assert "levers" not in text
        assert "components" not in text
        assert "ways" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_the_way_taken_is_shown(staged: Plan, width: int) -> None:
    text = show(staged, width)
    assert max(map(len, text.splitlines())) <= width
    assert row(text, "chat ")[:2] == ["chat", "cache: 0.9"]
    for figure in ("rerank 100 ms", "1.71", "$5.66", "24"):
        assert figure in text
    assert "cascade: router 0.2 sent on" in " ".join(text.split())


def test_stages_show_what_serves_them_and_what_that_costs(staged: Plan) -> None:
    text = show(staged)
    assert row(text, "moderation ") == ["moderation", "component", "100%", "1", "0%", "$0.36", "$3.60/h", "4.5%"]
    assert row(text, "rerank ") == ["rerank", "P1", "85%", "0.85", "2%", "$1.20", "$12.00/h", "15%"]
    assert row(text, "answer ") == ["answer", "large: P1", "85%", "0.86", "0%", "$4.05", "$40.50/h", "51%"]
    assert "small: openai/gpt-4o-mini" in text
    assert row(text, "cache ") == ["cache", "lever", "$0.05", "$0.50/h", "0.62%"]


def test_markdown_shows_the_same(staged: Plan) -> None:
    text = markdown.render(staged).replace("\\", "")
    assert cells(text, "chat", "cache: 0.9<br>cascade: router 0.2 sent on")[2:] == ["rerank 100 ms", "1.71", "$5.66", "24"]
    assert cells(text, "chat", "answer")[2:6] == ["large: P1<br>small: openai/gpt-4o-mini", "85%", "0.86", "0%"]
    assert cells(text, "chat", "cache")[2:6] == ["lever", "–", "–", "–"]
    assert cells(text, "chat", "moderation, rerank, answer")[2:] == ["85%", "2", "$6.60"]
    assert cells(text, "tier", "gold") == ["tier", "gold", "$58.20/h", "74%"]
    for title in TITLES:
        assert title in text


def test_streams_are_named_without_settings_and_told_in_full_once(staged: Plan) -> None:
    console_text, page = show(staged), markdown.render(staged).replace("\\", "")
    assert row(console_text, "✓  chat/rerank")[:3] == ["✓", "chat/rerank", "P1"]
    assert LARGE not in console_text
    assert page.count(LARGE) == 1
    assert cells(page, "chat/answer large", LARGE)


def test_paths_beyond_a_few_are_counted(staged: Plan) -> None:
    text = show(staged)
    assert row(text, "moderation, rerank, answer") == ["moderation, rerank, answer", "85%", "2", "$6.60"]
    assert "and 2 rarer paths of chat in plan.json" in text
    assert len(graphs.paths_of(staged, "chat")) == 8


def test_the_cost_is_split_to_the_end(staged: Plan) -> None:
    assert split(staged).endswith("operations $2.00/h · levers $0.50/h · components $3.60/h")


def test_ways_left_out_limit_what_is_said_to_be_proven(plan: Plan, staged: Plan) -> None:
    assert "one of the ways compared" in proof(staged)
    assert "ways" not in proof(plan)
    said = (
        "26 ways to serve compared, 40 more priced on the same pools, 100 left out by an estimate of their cost, "
        "the best of them $9.00/h above the best way"
    )
    assert compared(staged) == said
    assert said in " ".join(show(staged).split())
    assert compared(plan) == ""


def test_ways_that_nothing_serves_do_not_limit_what_is_proven(staged: Plan) -> None:
    reached = staged.model_copy(update={"proof": staged.proof.model_copy(update={"ways_loss": None})})
    assert "ways compared" not in proof(reached)
    assert compared(reached) == "26 ways to serve compared, 40 more priced on the same pools, 100 that nothing tried can serve"


def test_no_lever_pulled_is_said(staged: Plan) -> None:
    bare = staged.ways[0].model_copy(update={"settings": {}, "budgets": {}})
    assert row(show(staged.model_copy(update={"ways": (bare,)})), "chat ")[:3] == ["chat", "none", "–"]


def test_two_workloads_with_stages_are_told_apart(staged: Plan) -> None:
    other = staged.ways[0].model_copy(update={"workload": "mail", "streams": {}})
    stages = [stage.model_copy(update={"workload": "mail", "streams": ()}) for stage in staged.cost.by_stage]
    paths = [path.model_copy(update={"workload": "mail"}) for path in staged.cost.by_path]
    cost = staged.cost.model_copy(
        update={"by_stage": (*staged.cost.by_stage, *stages), "by_path": (*staged.cost.by_path, *paths)}
    )
    lines = show(staged.model_copy(update={"ways": (*staged.ways, other), "cost": cost})).splitlines()
    assert [line.strip() for line in lines].count("mail") == 2  # above its stages and above its paths


def test_names_cannot_break_tables(staged: Plan) -> None:
    odd = "a|b <x> $1 $2"
    stage = staged.cost.by_stage[1].model_copy(update={"stage": odd})
    way = staged.ways[0].model_copy(update={"settings": {odd: odd}, "budgets": {odd: 1.0}})
    plan = staged.model_copy(update={"ways": (way,), "cost": staged.cost.model_copy(update={"by_stage": (stage,)})})
    for block in markdown.render(plan).split("\n\n"):
        if block.startswith("|"):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1
    assert "<x>" not in markdown.render(plan)


def test_json_reads_back_the_same(staged: Plan) -> None:
    text = jsonout.dumps(staged)
    back = jsonout.loads(text)
    assert jsonout.dumps(back) == text
    assert back.ways == staged.ways
    assert back.cost.by_label == staged.cost.by_label
