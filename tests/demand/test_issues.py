"""Paths of mistakes as they travel up."""

import pytest

from planner.demand.issues import attempt, below, mistake, under
from planner.errors import InvalidInput, Issue


def fail() -> int:
    raise mistake("p95", "too large", "lower it")


def test_paths_are_joined() -> None:
    assert below("a", Issue("", 0, "b", "m")).path == "a.b"
    assert below("a", Issue("", 0, "", "m")).path == "a"


def test_attempt_gathers_and_goes_on() -> None:
    issues: list[Issue] = []
    assert attempt(issues, "x", lambda: 5) == 5
    assert attempt(issues, "workloads[0].input_tokens", fail) is None
    assert [issue.path for issue in issues] == ["workloads[0].input_tokens.p95"]


def test_under_raises_again_with_the_longer_path() -> None:
    assert under("x", lambda: 5) == 5
    with pytest.raises(InvalidInput, match=r"trace\.p95: too large"):
        under("trace", fail)
