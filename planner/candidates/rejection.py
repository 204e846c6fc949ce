"""Why a combination is not in the plan: a code to count by, and a sentence with the number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

CODES = {
    "choice": "left out by allow or forbid lists",
    "licence": "licence not acceptable",
    "quality": "below a quality floor, or no published figure to judge by",
    "context": "context too short",
    "checkpoint": "no published checkpoint or conversion in this precision",
    "format": "number format not supported by the accelerator",
    "engine": "engine does not run this here",
    "drafting": "no drafting in this layout, by this engine or for this model",
    "layout": "layout impossible for this model or machine",
    "memory": "does not fit in memory",
    "latency": "too slow even when almost idle",
    "rules": "data rules, price or quota leave no machine",
    "cost": "cannot be part of a plan as cheap as this one",
    "dominated": "another deployment on the same machines is at least as good in everything",
}
"""Reason codes and what they mean."""


@dataclass(frozen=True)
class Rejection:
    """One combination, or a family of them, that was left out."""

    code: str
    """Key of `CODES`."""
    subject: str
    """What was left out, in words."""
    sentence: str
    """Why, with the number."""
    count: int = 1
    """Combinations it stands for."""
    stream: str = ""
    """The stream it concerns; empty = all."""
    layouts: tuple[str, ...] = ()
    """The layouts it concerns, where its subject does not name them."""

    def __str__(self) -> str:
        """Render as a sentence."""
        who = f" for {self.stream}" if self.stream else ""
        return f"{self.subject}{who}: {self.sentence}"


@dataclass
class Ledger:
    """Collects rejections while candidates are made."""

    entries: list[Rejection] = field(default_factory=list)
    """In the order they were found."""

    def add(
        self, code: str, subject: str, sentence: str, *, count: int = 1, stream: str = "", layouts: tuple[str, ...] = ()
    ) -> None:
        """Note one rejection."""
        self.entries.append(Rejection(code, subject, sentence, count, stream, layouts))

    def counts(self) -> dict[str, int]:
        """Return combinations rejected per code, in the order of `CODES`."""
        found: Counter[str] = Counter()
        for entry in self.entries:
            found[entry.code] += entry.count
        return {code: found[code] for code in CODES if found[code]}

    def about(self, *words: str) -> Iterator[Rejection]:
        """Yield the rejections whose subject names every word, letter case aside."""
        wanted = [word.lower() for word in words]
        for entry in self.entries:
            if all(word in entry.subject.lower() for word in wanted):
                yield entry
