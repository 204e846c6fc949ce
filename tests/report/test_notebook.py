from __future__ import annotations

from html.parser import HTMLParser

from planner.domain.plan import Plan
from planner.report import notebook

ALLOWED = {"div", "h3", "h4", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "br"}


class Reader(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[object] = []
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.said += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


def test_the_glance_is_there(plan: Plan) -> None:
    reader = read(notebook.html(plan))
    assert set(reader.tags) <= ALLOWED
    assert reader.attributes == []
    for words in (plan.problem, plan.pools[0].deployment.model, "TTFT", *plan.reasons[:1]):
        assert words in reader.said


def test_nothing_in_a_plan_becomes_markup(plan: Plan) -> None:
    evil = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"
    pools = tuple(pool.model_copy(update={"name": evil, "instance": evil, "region": evil}) for pool in plan.pools)
    hostile = plan.model_copy(update={"problem": evil, "pools": pools, "warnings": (evil,), "reasons": (evil,)})
    reader = read(notebook.html(hostile))
    assert set(reader.tags) <= ALLOWED
    assert reader.attributes == []
    assert evil in reader.said


def test_a_plan_of_nothing_shows_no_empty_tables(plan: Plan) -> None:
    bare = plan.model_copy(update={"pools": (), "promises": (), "warnings": (), "reasons": ()})
    text = notebook.html(bare)
    assert "<h4>" not in text
    assert "<tbody></tbody>" not in text
