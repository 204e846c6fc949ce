"""What not knowing the future costs: the plan in each scenario, beside plans made for one of them.

The plan commits at the start without knowing which scenario comes, and adapts once it has come. Over the pools that run and a few
more it is held against

- each scenario known from the start: what that saves on average is the value of perfect information;
- the commitments that would be best if one scenario were certain, in whichever scenario then comes: the table of regrets;
- nothing ordered later than at the start: what that costs more is the value of waiting.

    regret[s, s'] = cost of committing for s where s' comes − least cost where s' is known

Where that would take long, machines and replicas are counted in parts (`again.in_parts`), the plan's as well as the others'.
Costs of a scenario are averages over its own hours. As in `levers`, a plan at such a cost was found over deployments evaluated;
whether its pools keep their promises once streams are mixed is not checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from planner.domain.plan_procurement import Commitment, Future, Futures
from planner.optimize.bounds import added
from planner.optimize.holdings import in_periods
from planner.optimize.program import Bools, Floats, Program
from planner.optimize.scenarios import expected
from planner.optimize.spend import committed, price
from planner.plan.again import Again, in_parts, large, solved_again
from planner.plan.solved import Solved


def futures(solved: Solved) -> Futures | None:
    """Return the plan in each scenario beside what is best where it is known; None where there is one future only.

    Parameters
    ----------
    solved : the optimizer's answer
    """
    names = tuple(dict.fromkeys(period.scenario for period in solved.search.problem.periods if period.scenario is not None))
    return _Tree(solved, names).told() if len(names) > 1 else None


@dataclass(frozen=True, eq=False)
class _Tree:
    """A first stage in which commitments are made, and the scenarios that may follow."""

    solved: Solved
    names: tuple[str, ...]

    def told(self) -> Futures:
        """Return costs, regrets and what knowing or not waiting would change."""
        plan, known = self._plan, self.known
        rows = [Future(name=one, probability=self._chance(one), cost=plan.costs[one], known=known[one]) for one in self.names]
        certain = self._mean(known)
        now = None if self._worst else self._best(self._without_later(self.program))
        return Futures(
            scenarios=tuple(rows),
            perfect_information=_above(plan.expected, certain),
            waiting=_above(now.cost if now else None, plan.expected),
            commitments=(plan, *self._others()),
            in_parts=self.parts,
        )

    @property
    def _worst(self) -> bool:
        """Whether the plan minimizes the cost of the dearest scenario: then its expected cost says nothing of waiting."""
        return self.solved.assembled.program.scenario is not None

    @cached_property
    def parts(self) -> bool:
        """Whether machines and replicas are counted in parts."""
        return large(self.solved)

    @cached_property
    def program(self) -> Program:
        """The choice that is left once ways are taken."""
        return expected(self.solved.assembled.program.along(self.solved.outcome.ways))

    @cached_property
    def first(self) -> Bools:
        """[O] Commitments made at the start, for all scenarios."""
        bought = self.solved.search.supply.purchases
        own = np.array([one.committed and one.term.scenario is None for one in bought], dtype=bool)
        return np.append(own, np.zeros(len(self.program.purchases.name) - len(own), dtype=bool))

    @cached_property
    def _alone(self) -> dict[str, Again | None]:
        """The cheapest plan found for each scenario by itself."""
        return {name: self._best(self._of(name)) for name in self.names}

    @property
    def known(self) -> dict[str, float | None]:
        """What each costs [$/h]."""
        return {name: found.cost if found else None for name, found in self._alone.items()}

    @cached_property
    def _plan(self) -> Commitment:
        """What comes of the plan's own commitments."""
        machines = self.solved.outcome.machines.astype(float)
        return self._commitment("the plan", machines.max(axis=1), self._spent(machines))

    def _others(self) -> Iterator[Commitment]:
        """Yield what comes of committing as if one scenario were certain."""
        for name, found in self._alone.items():
            if found is not None:
                held = found.machines
                yield self._commitment(f"as if {name} were certain", held.max(axis=1), self._spent(held))

    def _spent(self, machines: Floats) -> Floats:
        """[C] Spend committed to for machines [O, T]."""
        return np.zeros(0) if self.program.spend is None else committed(self.program.spend, machines)

    def _commitment(self, name: str, held: Floats, spent: Floats) -> Commitment:
        """Return what comes of commitments made at the start, [O] machines and [C] spend."""
        costs = {one: self._committed(one, held, spent) for one in self.names}
        regrets = [_above(cost, self.known[one]) for one, cost in costs.items()]
        worst = None if None in regrets else max(regret for regret in regrets if regret is not None)
        return Commitment(name=name, costs=costs, expected=self._mean(costs), worst_regret=worst)

    def _mean(self, costs: Mapping[str, float | None]) -> float | None:
        """Return the mean over scenarios; None where one has no plan."""
        chances = [(self._chance(one), cost) for one, cost in costs.items()]
        return None if any(cost is None for _, cost in chances) else sum(chance * (cost or 0.0) for chance, cost in chances)

    def _periods(self, name: str) -> Bools:
        return np.array([period.scenario == name for period in self.solved.search.problem.periods])

    def _chance(self, name: str) -> float:
        hours = self.program.hours
        return float(hours[self._periods(name)].sum() / hours.sum())

    def _of(self, name: str) -> Program:
        """Return the choice of a scenario by itself."""
        return in_periods(self.program, self._periods(name))

    def _committed(self, name: str, held: Floats, spent: Floats) -> float | None:
        """Return the least cost found where a scenario comes and these commitments have been made [$/h]."""
        program = self._of(name)
        buy = program.purchases
        hourly, limit = np.where(self.first, 0.0, buy.hourly), np.where(self.first, held, buy.limit)
        extra = None if buy.extra is None else np.where(self.first[:, None], 0.0, buy.extra)
        spend, start = program.spend, self._first_spend
        made = spend and replace(spend, owed=np.where(start, 0.0, spend.owed), most=np.where(start, spent, spend.most))
        best = self._best(replace(program, purchases=replace(buy, hourly=hourly, limit=limit, extra=extra), spend=made))
        share = buy.active[self.first] @ program.hours / program.hours.sum()
        more = added(buy)[self.first] @ program.hours / program.hours.sum()
        paid = float((buy.hourly[self.first] * share + more) @ held[self.first]) + float(price(program)[start] @ spent[start])
        return None if best is None else paid + best.cost

    @cached_property
    def _first_spend(self) -> Bools:
        """[C] Spend committed to at the start, for all scenarios."""
        spend, bought = self.program.spend, self.solved.search.supply.purchases
        if spend is None:
            return np.zeros(0, dtype=bool)
        first = [bought[int(np.argmax(spend.of == c))].term.scenario is None for c in range(len(spend.name))]
        return np.array(first, dtype=bool)

    def _without_later(self, program: Program) -> Program:
        """Return the choice in which nothing may be committed to after the start."""
        buy = program.purchases
        later = buy.committed & ~self.first
        later[len(self.solved.search.supply.purchases) :] = False
        if program.spend is not None:
            later |= (program.spend.of >= 0) & ~np.append(self._first_spend, True)[program.spend.of]
        return replace(program, purchases=replace(buy, limit=np.where(later, 0.0, buy.limit)))

    def _best(self, program: Program) -> Again | None:
        """Return the cheapest plan found over the pools that run and a few more, ways counted."""
        found = in_parts(self.solved, program) if self.parts else solved_again(self.solved, program)
        ways = float(self.solved.assembled.program.ways.cost @ self.solved.outcome.ways)
        return None if found is None else replace(found, cost=found.cost + ways)


def _above(cost: float | None, least: float | None) -> float | None:
    """Return how far a cost is above another, at least 0; None where one is not known."""
    return None if cost is None or least is None else max(cost - least, 0.0)
