"""The ways to spread a replica over devices."""

from __future__ import annotations

from dataclasses import dataclass

DEGREES = (1, 2, 4, 8, 16)
"""Parallel degrees considered; powers of two, so that replicas pack into machines without loss."""

MAX_GPUS = 32
"""Most accelerators of one replica."""

MAX_STAGES = 4
"""Most pipeline stages of one replica."""


@dataclass(frozen=True)
class Shape:
    """How one replica is spread over devices."""

    tp: int
    """Tensor-parallel degree."""
    pp: int
    """Pipeline stages."""
    dp: int
    """Attention data-parallel ranks."""

    @property
    def gpus(self) -> int:
        """Devices."""
        return self.tp * self.pp * self.dp

    @property
    def ep(self) -> int:
        """Expert-parallel degree: with attention data parallelism experts are spread over tp·dp devices."""
        return self.tp * self.dp if self.dp > 1 else 1

    def __str__(self) -> str:
        """Render as `tp4 pp2`."""
        parts = [f"tp{self.tp}"]
        if self.pp > 1:
            parts.append(f"pp{self.pp}")
        if self.dp > 1:
            parts.append(f"dp{self.dp} ep{self.ep}")
        return " ".join(parts)


def all_shapes() -> tuple[Shape, ...]:
    """Return every layout considered."""
    made = [Shape(tp, pp, dp) for tp in DEGREES for pp in DEGREES if pp <= MAX_STAGES for dp in DEGREES]
    return tuple(shape for shape in made if shape.gpus <= MAX_GPUS)
