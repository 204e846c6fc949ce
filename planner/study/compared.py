"""Another plan against this one, in a few words: what differs, what it gives up, and what it has instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from planner.study import words

ROOM = 0.05
"""Share of a target, of power or of carbon from which on a difference is told."""
POINTS = 0.5
"""Points of a benchmark from which on one is."""
DOLLARS = 0.005
"""Commitments that differ by less are the same [$/h]."""
FEW = 2
"""Promises, and scores, told on either side; those that differ most."""

_PAID = {
    "on_demand": "on demand",
    "reserved_1y": "reserved for 1 year",
    "reserved_3y": "reserved for 3 years",
    "spot": "spot",
    "spot_with_fallback": "spot with fallback",
    "committed_spend": "committed spend",
    "owned": "bought",
    "fleet": "your own fleet",
}


@dataclass(frozen=True)
class Compared:
    """What another plan is against this one."""

    changes: tuple[str, ...]
    """What is different."""
    gives_up: tuple[str, ...]
    """What this plan has and it has not."""
    gains: tuple[str, ...]
    """What it has and this plan has not."""


@dataclass(frozen=True)
class _Point:
    """Something in which plans differ."""

    said: str
    better: bool
    """Whether the other plan is better in it."""
    size: float = 0.0
    """How much, to rank those of a kind."""


def compared(this: dict[str, Any], other: dict[str, Any]) -> Compared:
    """Compare figures of two plans.

    Parameters
    ----------
    this, other : `figures` of results, with their `traits`

    Returns
    -------
    Compared
        Costs are in none of it: they stand beside it.
    """
    mine, its = this["traits"], other["traits"]
    points = [
        *_counts(this, other),
        *_few(_promises(mine, its)),
        *_few(_scores(mine, its)),
        *_bonds(mine, its),
        *_shares(mine, its),
        *_energy(this, other),
    ]
    gives_up, gains = (tuple(one.said for one in points if one.better == better) for better in (False, True))
    return Compared(tuple(_changes(this, other)), gives_up, gains)


def _changes(this: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    """Yield what is different: models with their numbers, machines, sellers, ways to pay."""
    mine, its = this["traits"], other["traits"]
    yield from _swapped([_short(one) for one in this["models"]], [_short(one) for one in other["models"]])
    held, takes = _held(this), _held(other)
    if held != takes:
        yield f"{takes or 'no machines'} instead of {held or 'none'}"
    elif this["replicas"] != other["replicas"]:
        yield f"{_count(other['replicas'], 'replica')} instead of {this['replicas']}"
    yield from _swapped(this["apis"], other["apis"])
    yield from _swapped(mine["engines"], its["engines"])
    yield from _swapped(mine["sellers"], its["sellers"])
    yield from _swapped([_PAID[kind] for kind in mine["paid"]], [_PAID[kind] for kind in its["paid"]])
    yield from _swapped(mine["drafts"], its["drafts"])


def _swapped(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    """Yield what comes in place of what, if anything does."""
    gone = [one for one in before if one not in after]
    come = [one for one in after if one not in before]
    if come and gone:
        yield f"{words.listed(come)} instead of {words.listed(gone)}"
    elif come:
        yield f"also {words.listed(come)}"
    elif gone:
        yield f"no {words.listed(gone)}"


def _short(model: str) -> str:
    """Name a model without its organization."""
    return model.rpartition("/")[2]


def _held(figures: dict[str, Any]) -> str:
    return " + ".join(f"{count:,} × {kind}" for kind, count in figures["accelerators"].items())


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _few(points: Iterator[_Point]) -> list[_Point]:
    """Return the points that differ most, some on either side."""
    ranked = sorted(points, key=lambda one: -one.size)
    return [one for better in (False, True) for one in [p for p in ranked if p.better == better][:FEW]]


def _counts(this: dict[str, Any], other: dict[str, Any]) -> Iterator[_Point]:
    """Yield how much more, or less, there is to hold and to run."""
    mine, its = this["traits"], other["traits"]
    for what, before, after in (
        ("accelerator", sum(this["accelerators"].values()), sum(other["accelerators"].values())),
        ("pool", this["pools"], other["pools"]),
        ("model", len({m.split(" ")[0] for m in this["models"]}), len({m.split(" ")[0] for m in other["models"]})),
        ("seller", len(mine["sellers"]), len(its["sellers"])),
    ):
        if before != after:
            yield _Point(f"{_count(abs(after - before), what)} {'more' if after > before else 'fewer'}", after < before)
    if mine["spares"] != its["spares"] and this["pools"] and other["pools"]:
        told = f"{its['spares'] or 'no'} spare replica{'' if its['spares'] == 1 else 's'} a pool, {mine['spares'] or 'none'} here"
        yield _Point(told, its["spares"] > mine["spares"])


def _promises(mine: dict[str, Any], its: dict[str, Any]) -> Iterator[_Point]:
    """Yield promises that come nearer their targets, or stay further away."""
    for name, (before, target) in mine["near"].items():
        after = its["near"].get(name, [None])[0]
        if after is not None and abs(after - before) >= ROOM * target:
            said = f"{name} {words.seconds(after)}, {words.seconds(before)} here"
            yield _Point(said, after < before, abs(after - before) / target)


def _scores(mine: dict[str, Any], its: dict[str, Any]) -> Iterator[_Point]:
    for name, before in mine["scores"].items():
        after = its["scores"].get(name)
        if after is not None and abs(after - before) >= POINTS:
            yield _Point(f"{name} {after:.1f}, {before:.1f} here", after > before, abs(after - before) / before)


def _bonds(mine: dict[str, Any], its: dict[str, Any]) -> Iterator[_Point]:
    """Yield what one is bound to, and what may be taken away."""
    before, after = mine["committed"], its["committed"]
    if abs(after - before) >= DOLLARS:
        bound = [words.dollars(one) if one else "nothing" for one in (after, before)]
        yield _Point(f"{bound[0]} committed beyond the hour, {bound[1]} here", after < before)
    if mine["spot"] != its["spot"]:
        taken = "machines that can be taken away at any time"
        yield _Point(taken if its["spot"] else f"no {taken}", mine["spot"])


def _shares(mine: dict[str, Any], its: dict[str, Any]) -> Iterator[_Point]:
    """Yield how much goes to APIs: data leaves, and someone else answers."""
    if abs(its["outside"] - mine["outside"]) >= 0.001:
        said = f"{its['outside']:.1%} of calls leave for APIs, {mine['outside']:.1%} here"
        yield _Point(said, its["outside"] < mine["outside"])


def _energy(this: dict[str, Any], other: dict[str, Any]) -> Iterator[_Point]:
    """Yield power and carbon, where the plans tell them."""
    pairs = (
        ("draws", this["traits"]["power"], other["traits"]["power"], lambda one: words.watts(one * 1e3)),
        ("emits", this.get("carbon"), other.get("carbon"), words.carbon),
    )
    for what, before, after, show in pairs:
        if before is not None and after is not None and abs(after - before) >= ROOM * before and after != before:
            yield _Point(f"{what} {show(after)}, {show(before)} here", after < before)
