"""The memory bar is as long as asked and true to the figures."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from planner.domain.plan_pools import MemoryPerGpu
from planner.report.bars import PARTS, apportion, memory_bar


@given(
    st.lists(st.floats(min_value=0, max_value=1e12), min_size=1, max_size=8).filter(lambda sizes: sum(sizes) > 0),
    st.integers(1, 100),
)
def test_cells_add_up_and_are_off_by_less_than_one(sizes: list[float], cells: int) -> None:
    made = apportion(sizes, cells)
    assert sum(made) == cells
    assert all(abs(cell - cells * size / sum(sizes)) < 1.0 + 1e-6 for cell, size in zip(made, sizes, strict=True))


def test_what_is_not_used_stays_blank() -> None:
    """Parts of 10, 20, 30 and 20 GB of 100 in ten cells: 1, 2, 3, 2, and two blank."""
    memory = MemoryPerGpu(total=100e9, weights=10e9, activations=20e9, runtime=30e9, kv=20e9)
    assert memory_bar(memory, 10) == "█▓▓▒▒▒░░  "


def test_every_part_of_the_memory_has_a_sign() -> None:
    assert {name for name, _ in PARTS} | {"total"} == set(MemoryPerGpu.model_fields)
