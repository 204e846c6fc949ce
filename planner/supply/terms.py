"""When what is bought is there: ordered, delivered, and to the end of its term; and in which scenario.

Over a horizon a commitment may begin at the start of any step, if it is ordered early enough, and ends with its term. What of
the term lies beyond the horizon is owed all the same, so reserved machines are charged for it within: nobody else will pay it.
Machines of one's own are charged by the hour of their life (capital recovery, `domain.offers.OwnedOffer`) for as long as they are
there within the horizon: beyond, they are taken to be worth what is not yet written off (assumption).

Where demand has scenarios, what is ordered in the first step is ordered without knowing which of them comes: it is there in all.
What is ordered later is ordered for the scenario that came (two stages: commit now, adapt later).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from planner.domain.offers import OwnedFleet
from planner.domain.problem import Period
from planner.supply.listings import Listing

MONTHS = {"reserved_1y": 12, "reserved_3y": 36}
"""Terms of reserved machines."""


@dataclass(frozen=True)
class Term:
    """One time at which something may be bought."""

    ordered: int | None = None
    """Month at whose start it is ordered; None without a horizon."""
    live: tuple[int, int] | None = None
    """Months in which it is there: from the start of the first to the end of the last; None = always."""
    owed: float = 1.0
    """What is paid over what lies within the horizon [1]."""
    scenario: str | None = None
    """The scenario for which it is ordered; None = for all."""

    @property
    def tags(self) -> tuple[str, ...]:
        """What tells it from other times to buy the same, for names."""
        month = () if self.live is None else (f"m{self.live[0]}",)
        return month if self.scenario is None else (*month, self.scenario)

    @property
    def when(self) -> tuple[tuple[int, int] | None, str | None]:
        """Months and scenario in which it is there."""
        return self.live, self.scenario


ALWAYS = Term()


def terms(offer: Listing, periods: Sequence[Period]) -> Iterator[Term]:
    """Yield the times at which an offer may be bought: always what is not committed, else at the start of each step.

    live = order + lead time,  end = min(live + term, horizon),  owed = term/(end − live) if reserved

    Parameters
    ----------
    offer : way to pay
    periods : of the horizon, with their months; without months there is one commitment for all time
    """
    months = [period.months for period in periods if period.months is not None]
    if offer.fleet is not None and (offer.fleet.starts or offer.fleet.until is not None):
        yield from _standing(offer.fleet, periods)
        return
    if not (offer.committed or offer.spend) or not months:
        yield ALWAYS
        return
    horizon = max(end for _, end in months)
    known = dict.fromkeys(period.scenario for period in periods)
    shown = min(end for _, end in months)
    for start in sorted({begin for begin, _ in months}):
        if start >= offer.lead:
            length = MONTHS.get(offer.kind, offer.term)
            end = horizon if length is None else min(start + length, horizon)
            reserved = offer.kind in MONTHS or offer.spend
            owed = length / (end - start) if reserved and length is not None else 1.0
            ordered = start - offer.lead
            for scenario in known if ordered >= shown else (None,):
                yield Term(ordered, (start, end), owed, scenario)


def _standing(fleet: OwnedFleet, periods: Sequence[Period]) -> Iterator[Term]:
    """Yield when machines that were there or signed for before are there: nothing if that is in no whole period."""
    horizon = max((period.months[1] for period in periods if period.months is not None), default=0)
    term = Term(live=(fleet.starts, horizon if fleet.until is None else min(fleet.until, horizon)))
    if any(is_there(term, period) for period in periods):
        yield term


def is_there(term: Term, period: Period) -> bool:
    """Whether machines are there in the whole of a period."""
    if term.scenario is not None and term.scenario != period.scenario:
        return False
    live = term.live
    return live is None or period.months is None or (live[0] <= period.months[0] and period.months[1] <= live[1])
