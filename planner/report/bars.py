"""The bar that shows where a device's memory goes."""

from __future__ import annotations

from collections.abc import Sequence

from planner.domain.plan_pools import MemoryPerGpu

PARTS = (("weights", "█"), ("activations", "▓"), ("runtime", "▒"), ("kv", "░"))
"""Fields of MemoryPerGpu in the order drawn, with their sign."""


def memory_bar(memory: MemoryPerGpu, width: int) -> str:
    """Draw a device's memory, each part by its share of the usable memory.

    Parameters
    ----------
    memory : MemoryPerGpu [B]
    width : int
        Cells of the bar.

    Returns
    -------
    str
        `width` characters; what no part takes stays blank.

    Examples
    --------
    >>> memory_bar(MemoryPerGpu(total=8e9, weights=4e9, activations=1e9, runtime=1e9, kv=1e9), 16)
    '████████▓▓▒▒░░  '
    """
    sizes = [getattr(memory, field) for field, _ in PARTS]
    cells = apportion([*sizes, max(0.0, memory.total - sum(sizes))], width)
    return "".join(sign * number for sign, number in zip([*(sign for _, sign in PARTS), " "], cells, strict=True))


def apportion(sizes: Sequence[float], cells: int) -> list[int]:
    """Share cells out by size, largest remainders first, so that they always add up.

    Parameters
    ----------
    sizes : sequence of float
        Not negative, not all zero.
    cells : int

    Returns
    -------
    list of int
        Adds up to `cells`.

    Examples
    --------
    >>> apportion([1.0, 1.0, 1.0], 10), apportion([3.0, 0.0], 4)
    ([4, 3, 3], [4, 0])
    """
    whole = sum(sizes)
    exact = [cells * size / whole for size in sizes]
    made = [int(share) for share in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda place: made[place] - exact[place])
    for place in by_remainder[: cells - sum(made)]:
        made[place] += 1
    return made
