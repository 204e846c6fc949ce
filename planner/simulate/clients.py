"""Those who call: how long they wait, how often and when they try again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from numpy.random import Generator

from planner.demand.issues import mistake


@dataclass(frozen=True)
class Clients:
    """The patience of all clients."""

    timeout: float
    """Time after which a try is given up [s]."""
    until: Literal["first_token", "finish"] = "first_token"
    """What must have come by then."""
    attempts: int = 1
    """Tries in all [1]."""
    backoff: float = 0.0
    """Pause before the second try [s]."""
    factor: float = 2.0
    """Pause before each further try over the one before [1]."""
    jitter: float = 0.0
    """Share of a pause that is left to chance, up or down [1]."""
    cancel: bool = True
    """Whether the server hears of it; else it serves the abandoned try to its end."""

    def __post_init__(self) -> None:
        """Refuse clients that cannot be."""
        if not (self.timeout > 0 and self.attempts >= 1 and self.backoff >= 0 and self.factor > 0 and 0 <= self.jitter <= 1):
            raise mistake("clients", f"{self} cannot be", "give a timeout above 0, 1 attempt or more and a jitter of 0 to 1")

    def pause(self, tried: int, rng: Generator) -> float:
        """Return the pause after so many tries, backoff·factor^(tried − 1)·(1 ± jitter) [s]."""
        return self.backoff * self.factor ** (tried - 1) * (1.0 + self.jitter * rng.uniform(-1.0, 1.0))
