"""Markdown for a design review: complete, well-formed tables, unbreakable by names."""

from __future__ import annotations

import html
import re

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from planner.domain.plan import Plan
from planner.domain.plan_doubt import Doubt, Likely
from planner.report.format import hourly, monthly
from planner.report.ink import printable
from planner.report.markdown import render
from planner.report.markup import escape, table


def bare(text: str) -> str:
    """Undo escaping."""
    plain = re.sub(r"\\([\\`*\[\]{}|~#!$_.+=-])", r"\1", text)
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _tables(text: str) -> list[list[str]]:
    blocks = [block.splitlines() for block in text.split("\n\n")]
    return [block for block in blocks if block[0].startswith("|")]


def test_everything_of_the_plan_is_there(plan: Plan) -> None:
    text = bare(render(plan))
    for pool in plan.pools:
        assert re.search(rf"^\| {pool.name} +\| {re.escape(pool.deployment.model)} +\|", text, re.MULTILINE)
    for row in plan.cost.by_workload:
        assert re.search(rf"^\| {row.workload} +\| +{re.escape(hourly(row.hourly))} \|", text, re.MULTILINE)
    for fact in plan.facts:
        assert fact.statement in text
        assert fact.source in text
    for sentence in (*plan.reasons, *plan.warnings):
        assert f"- {sentence}" in text
    for latency in plan.latencies:
        assert latency.stream in text
    assert plan.problem_digest in text


def test_every_promise_of_every_period_is_there(plan: Plan) -> None:
    full = next(made for made in render(plan).split("<details>") if "Every promise in every period" in made)
    rows = [line for line in full.splitlines() if line.startswith(("| ✓", "| ✗"))]
    assert len(rows) == len(plan.promises)
    for row, promise in zip(rows, plan.promises, strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1:3] == [promise.stream, promise.route]
        assert cells[4] == promise.period


def test_totals_are_the_stored_ones(plan: Plan) -> None:
    text = bare(render(plan))
    assert f"**{hourly(plan.cost.total)} · {monthly(plan.cost.per_month)}**" in text
    assert hourly(plan.proof.bound) in text
    for cost in plan.cost.by_pool:
        assert hourly(cost.hourly) in text


def test_tables_are_rectangular_and_line_up(plan: Plan) -> None:
    made = _tables(render(plan))
    assert len(made) >= 8
    for lines in made:
        assert len({len(line) for line in lines}) == 1
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
        assert set(lines[1]) <= set("|-: ")


def test_names_cannot_break_the_page(plan: Plan) -> None:
    odd = "a|b `c` <script>alert(1)</script> </details> **x** _y_ [l](u) # $1 $2\n\n# New"
    pool = plan.pools[0].model_copy(update={"instance": odd, "region": odd})
    cost = plan.cost.by_workload[0].model_copy(update={"workload": odd})
    update = {
        "problem": odd,
        "pools": (pool, plan.pools[1]),
        "reasons": (odd,),
        "cost": plan.cost.model_copy(update={"by_workload": (cost,)}),
    }
    text = render(plan.model_copy(update=update))
    assert "<script" not in text
    assert text.count("</details>") == text.count("<details>") == 5
    assert not re.search(r"^# New", text, re.MULTILINE)
    assert [line for line in text.splitlines() if line.startswith("# ")] == [f"# Plan for {escape(odd)}"]
    for lines in _tables(text):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1


@given(st.text(max_size=80))
def test_escaped_text_is_one_line_without_markup(text: str) -> None:
    made = escape(text)
    assert "\n" not in made
    assert "<" not in made
    assert not re.search(r"(?<!\\)(?:\\\\)*[|`*]", made)
    assert not re.match(r"(?:[-+=]|\d+[.)]\s)", made)


@given(st.text(max_size=40) | st.text("|`*_<>&\\\\[]()#!~$-+=1.{} \n", max_size=20))
def test_a_markdown_reader_shows_escaped_text_as_it_was(text: str) -> None:
    """Read back by an independent implementation (the one rich brings along), in a table cell and in a list."""
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    shown = html.escape(printable(text).strip(), quote=False)
    cell = reader.render(f"| A |\n| - |\n| {escape(text)} |")
    assert re.sub(r"\s+", " ", f"<td>{shown}</td>") in re.sub(r"\s+", " ", cell.replace("&quot;", '"'))
    item = reader.render(f"- {escape(text)}")
    assert item.replace("&quot;", '"') in (f"<ul>\n<li>{shown}</li>\n</ul>\n", "<ul>\n<li></li>\n</ul>\n" if not shown else "")


def test_ordinary_names_stay_as_they_are() -> None:
    for name in ("meta-llama/Llama-3.3-70B-Instruct", "on_demand", "12.4/s", "$5.00/h", "https://a.example/b_c?d=e"):
        assert escape(name) == name


def test_a_table_without_rows_is_a_heading() -> None:
    assert table(["A", ">Bee"], []) == "| A   | Bee |\n| --- | --: |"


def test_a_plan_of_apis_alone(plan: Plan) -> None:
    text = render(plan.model_copy(update={"pools": (), "purchases": (), "promises": (), "latencies": (), "warnings": ()}))
    assert "## Pools" not in text
    assert "## Warnings" not in text
    assert "No latency promises" in text


def test_without_a_simulation_there_is_no_word_of_one(plan: Plan) -> None:
    text = render(plan)
    assert "Simulat" not in text
    assert "Attained" not in text


def test_a_simulation_is_told_beside_the_proof_and_the_promises(simulated: Plan) -> None:
    text = render(simulated)
    assert "Simulated call by call: 1 of 3 promises missed after 2 rounds" in text
    rows = [row for row in text.splitlines() if "| chat " in row and "| P1 " in row and "TTFT p95" in row]
    assert any("406 ms" in row for row in rows)
    header = next(row for row in text.splitlines() if "Predicted" in row)
    assert header.count("|") == rows[-1].count("|")


def test_promises_stand_beside_what_is_as_likely_as_not(plan: Plan) -> None:
    """The period of the first promise is the one of which the plan says so."""
    assert "Likely" not in render(plan)
    first = plan.promises[0]
    names = {name: getattr(first, name) for name in ("stream", "period", "route", "metric", "percentile")}
    doubt = Doubt(confidence=0.8, promises=(Likely(**names, seconds=0.377),))
    text = render(plan.model_copy(update={"doubt": doubt}))
    assert "Predicted: what 80% of comparable measurements stayed below." in text
    row = next(line for line in text.splitlines() if "| TTFT p95 " in line and "| P1 " in line)
    assert [cell.strip() for cell in row.strip("|").split("|")][5:8] == ["500 ms", "410 ms", "377 ms"]
