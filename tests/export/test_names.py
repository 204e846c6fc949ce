"""Names as clusters take them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from planner.export.names import LONGEST, dns, told_apart


@given(st.text(max_size=200))
def test_a_label_is_one(text: str) -> None:
    label = dns(text)
    assert 1 <= len(label) <= LONGEST
    assert set(label) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not label.startswith("-")
    assert not label.endswith("-")


@given(st.sets(st.text(max_size=80), max_size=8))
def test_no_two_are_alike(names: set[str]) -> None:
    labels = told_apart(names)
    assert len(set(labels.values())) == len(names)
    assert all(len(label) <= LONGEST for label in labels.values())
