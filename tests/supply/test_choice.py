from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.domain.calls import Choice
from planner.supply.choice import allowed, refusal


@pytest.mark.parametrize(
    ("name", "choice", "expected"),
    [
        ("h100-sxm", Choice(), True),  # absent allow = all
        ("h100-sxm", Choice(allow=()), False),  # an empty list allows nothing
        ("h100-sxm", Choice(allow=("h100-*",)), True),
        ("a100-sxm", Choice(allow=("h100-*",)), False),
        ("H100-SXM", Choice(allow=("h100-*",)), True),  # letter case aside, both ways
        ("h100-sxm", Choice(allow=("H100-*",)), True),
        ("h100-sxm", Choice(allow=("h100",)), False),  # a plain name is the whole name
        ("h100-sxm", Choice(forbid=("*-sxm",)), False),
        ("h100-sxm", Choice(allow=("h100-sxm",), forbid=("h100-*",)), False),  # forbid wins
        ("aws/p5.48xlarge", Choice(allow=("aws/*",)), True),
        ("h100-sxm", Choice(allow=("h?00-sxm",)), True),
    ],
)
def test_allow_and_forbid(name: str, choice: Choice, expected: bool) -> None:
    assert allowed(name, choice) is expected


def test_every_choice_must_agree() -> None:
    wide, narrow = Choice(allow=("h*", "a*")), Choice(forbid=("a100",))
    assert allowed("h100", wide, narrow)
    assert not allowed("a100", wide, narrow)
    assert allowed("anything")


def test_the_reason_names_the_rule() -> None:
    assert refusal("t4", Choice(forbid=("l4", "t*"))) == "is forbidden by t*"
    assert refusal("t4", Choice(allow=("h100", "h200"))) == "is not among those allowed: h100, h200"
    assert refusal("t4", Choice(allow=())) == "is not among those allowed: none"


names = st.text("abc-", min_size=1, max_size=4)
choices = st.builds(
    Choice,
    allow=st.none() | st.lists(names | st.just("a*"), max_size=3).map(tuple),
    forbid=st.lists(names, max_size=2).map(tuple),
)


@given(names, choices, choices)
def test_two_choices_allow_what_each_allows(name: str, one: Choice, other: Choice) -> None:
    assert allowed(name, one, other) == (allowed(name, one) and allowed(name, other))
