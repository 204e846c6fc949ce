"""Latency promises of a request, split over its stages: every split worth offering, so that the solver picks one.

A request promises TTFT or E2E at a percentile. Stages before the answering one, and those after it, each get a part of the
target at that percentile; the answer gets what is left. The sum of the parts' percentiles is not below the percentile of
the sum unless tails are extraordinarily heavy, so a split that adds up is on the safe side.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from planner.demand.graph import longest
from planner.domain.calls import Objective
from planner.domain.stages import Retries, ancestors

FRACTIONS = (
    (),
    (0.03, 0.06, 0.1, 0.16, 0.25, 0.38, 0.55, 0.75),
    (0.04, 0.08, 0.15, 0.27, 0.42, 0.6),
    (0.05, 0.12, 0.25, 0.45),
    (0.06, 0.15, 0.35),
)
"""Shares of the target that a stage beside the answering one may get, by how many such stages there are: finer where few, so
that the number of splits stays below a hundred. Steps of a factor of 1.5 or so; between them a plan may lose some percent."""

MANY = (0.06, 0.16)
"""The same where there are more."""

LEAST = 0.02
"""Least share of a target that must be left for the answer."""


@dataclass(frozen=True)
class Split:
    """Times that the stages of a request may take."""

    budgets: tuple[tuple[str, float], ...]
    """Stage beside the answering one → time that all its rounds and tries may take, at the percentile of the promise [s]."""
    before: float
    """Time on the slowest path until the answering stage begins [s]."""
    after: float
    """Time on the slowest path from its end to the end of the request [s]."""


def timed(objectives: Sequence[Objective]) -> tuple[Objective, ...]:
    """Return the objectives that other stages take time from."""
    return tuple(objective for objective in objectives if objective.metric in ("ttft", "e2e"))


def percentile_of(promises: Sequence[Objective]) -> float | None:
    """Return the highest percentile of the objectives that other stages take time from; None where there are none."""
    return max((objective.percentile for objective in timed(promises)), default=None)


def splits(
    order: Mapping[str, tuple[str, ...]],
    answer: str,
    models: Sequence[str],
    fixed: Mapping[str, float],
    promises: Sequence[Objective],
    delay: float = 0.0,
) -> list[Split]:
    """Return every split worth offering; one without budgets where nothing is promised or the answer is alone.

    Parameters
    ----------
    order : stage → stages it waits for
    answer : the answering stage
    models : stages that call a model
    fixed : times of the other stages on the way [s]
    promises : of the request
    delay : before anything else [s]

    Returns
    -------
    Splits that leave the answer something of every target

    Notes
    -----
    A request has ended when all its stages have. Those that neither come before the answer nor wait for it run beside it,
    and every path that does not lead through the answer must stay within the end-to-end target by itself.
    """
    early = ancestors(order, answer)
    late = {name for name in order if answer in ancestors(order, name)}
    targets = timed(promises)
    if not targets:
        return [Split((), 0.0, 0.0)]
    tight = min(objective.target for objective in targets)
    whole = min((o.target for o in targets if o.metric == "e2e"), default=math.inf)
    upstream = [name for name in models if name in early]
    others = [name for name in models if name not in early and name != answer] if whole < math.inf else []
    budgeted = [*((name, tight) for name in upstream), *((name, whole) for name in others)]
    count = len(budgeted)
    shares = FRACTIONS[count] if count < len(FRACTIONS) else MANY
    found = []
    for parts in itertools.product(shares, repeat=count):
        budgets = {name: share * target for (name, target), share in zip(budgeted, parts, strict=True)}
        times = {**fixed, **budgets}
        split = Split(tuple(budgets.items()), longest(order, times, early), longest(order, times, late))
        aside = longest(order, times, set(order) - {answer})
        if aside + delay <= whole and all(left(split, o, 0.0) >= LEAST * o.target for o in targets):
            found.append(split)
    return found


def left(split: Split, objective: Objective, delay: float) -> float:
    """Return what a split leaves the answer of a target [s]."""
    return objective.target - delay - split.before - (split.after if objective.metric == "e2e" else 0.0)


def per_call(budget: float, rounds: int, retries: Retries | None, percentile: float) -> float:
    """Return the time one try of a stage may take so that all rounds, and the tries that fail, stay within a budget [s].

    t = (b/rounds − Σ_{i<k} backoff·2^(i−1)) / k,  k the tries that a call does not exceed at the percentile

    Parameters
    ----------
    budget : b, of the stage [s]
    rounds : of its loop at the percentile
    retries : what is tried again
    percentile : of the promise

    Returns
    -------
    float [s]; not positive where the pauses alone take too long
    """
    tries, pauses = tries_at(retries, percentile)
    return (budget / rounds - pauses) / tries


def tries_at(retries: Retries | None, percentile: float) -> tuple[int, float]:
    """Return the tries that a share of calls do not exceed, and the pauses between them [s].

    least k with 1 − f^k >= p, at most the attempts;  Σ_{i<k} backoff·2^(i−1)
    """
    if retries is None or retries.failing <= 0.0:
        return 1, 0.0
    needed = math.ceil(math.log(1.0 - percentile / 100.0) / math.log(retries.failing) - 1e-9)
    tries = min(max(needed, 1), retries.attempts)
    return tries, sum(retries.backoff * 2.0**i for i in range(tries - 1))


def shortened(objective: Objective, target: float, metric: str | None = None) -> Objective:
    """Return an objective with another target."""
    return objective.model_copy(update={"target": target, "metric": metric or objective.metric})


def timeouts(retries: Retries | None) -> Iterator[Objective]:
    """Yield the promise that keeps a stage's timeout the exception: what retries are planned with."""
    if retries is not None and retries.timeout is not None:
        percentile = round(100.0 * (1.0 - retries.timed_out), 6)
        yield Objective.model_construct(metric="e2e", percentile=percentile, target=retries.timeout, price_per_miss=None)
