"""Values replaced by paths: what is reached, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from planner.catalog.yamlfile import Document
from planner.errors import InvalidInput
from planner.study.overrides import Override, edited, read_override

DATA: dict[str, Any] = {
    "workloads": [
        {"name": "chat", "demand": {"rate": "4 req/s"}, "objectives": [{"metric": "ttft", "percentile": 95, "target": "1s"}]},
        {"name": "code", "demand": {"rate": {"day": "2 req/s", "night": "1 req/s"}}},
    ],
    "limits": {"max_gpus": 8},
}


def after(*overrides: tuple[str, Any]) -> Any:
    document = Document("p.yaml", json.dumps(DATA), json.loads(json.dumps(DATA)))
    return edited(document, [Override(path, value) for path, value in overrides]).data


def test_entries_are_reached_by_what_they_are() -> None:
    found = after(("workloads.chat.objectives.ttft.target", "200ms"), ('workloads.chat.objectives["ttft p95"].percentile', 99))
    assert found["workloads"][0]["objectives"] == [{"metric": "ttft", "percentile": 99, "target": "200ms"}]


def test_a_multiple_is_of_what_the_file_says() -> None:
    rates = [w["demand"]["rate"] for w in after(("workloads.*.demand.rate", "x1.5"))["workloads"]]
    assert rates == ["6 req/s", {"day": "3 req/s", "night": "1.5 req/s"}]
    assert after(("limits.max_gpus", "x0.5"))["limits"]["max_gpus"] == 4


def test_sections_that_are_not_there_are_begun() -> None:
    assert after(("operations.pool_cost", "$1/h"))["operations"] == {"pool_cost": "$1/h"}


def test_later_ones_see_earlier_ones_and_the_file_stays() -> None:
    assert after(("limits.max_gpus", 10), ("limits.max_gpus", "x2"))["limits"]["max_gpus"] == 20
    assert DATA["limits"]["max_gpus"] == 8


def test_the_digest_is_its_own() -> None:
    document = Document("p.yaml", "a: 1\n", {"a": 1})
    changed = [edited(document, [Override("a", value)]) for value in (2, 3)]
    assert len({document.digest, *(one.digest for one in changed)}) == 3
    assert edited(document, []) is document


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("workloads.chatt.demand.rate", "1 req/s", "did you mean 'chat'?"),
        ("workloads[7].demand.rate", "1 req/s", "[7] is beyond"),
        ("workloads.chat.demand.rate.day", "1 req/s", "has no part 'day'"),
        ("limits.budget", "x2", "the file says nothing there"),
        ("workloads.chat.name", "x2", "is no number"),
        ("limits[0]", 3, "name a field"),
    ],
)
def test_paths_that_lead_nowhere_are_told(path: str, value: Any, said: str) -> None:
    with pytest.raises(InvalidInput) as told:
        after((path, value))
    assert [issue.path for issue in told.value.issues] == [path]
    assert said in str(told.value)


@pytest.mark.parametrize(("path", "text"), [("a..b", "1"), ("", "1"), ("a.b", " "), ("a.b", "[1")])
def test_what_is_no_override_is_refused(path: str, text: str) -> None:
    with pytest.raises(InvalidInput):
        read_override(path, text, "command line")


def test_values_are_yaml() -> None:
    assert [read_override("a", text, "f").value for text in ("40", "$40/h", "[a, b]", "null", "x1.2")] == [
        40, "$40/h", ["a", "b"], None, "x1.2",
    ]  # fmt: skip
