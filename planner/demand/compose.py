"""One set of levers pulled on one workload: its stages, their calls, and what they cost beside models."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from planner.demand.arrivals import Arrivals
from planner.demand.budgets import Split, left, per_call, percentile_of, shortened, splits, timed, timeouts, tries_at
from planner.demand.graph import longest, mean_rounds, rounds_at, without
from planner.demand.items import Item
from planner.demand.retries import settled
from planner.demand.settings import Changed, Settings, answered_share, called, changed, delay_of
from planner.demand.shapes import Parts, Shape, loop_of, shape_of
from planner.demand.store_choice import Holding, Load, choices
from planner.demand.store_way import Searches, Shared, asked_of, store_items
from planner.demand.stream import Lengths, Stream
from planner.demand.ways import Register, Step, Way
from planner.domain.calls import Choice, Objective, QualityFloor
from planner.domain.lever_facts import Component
from planner.domain.levers import Lane
from planner.domain.problem import Problem
from planner.domain.stages import Retries, Stage, ancestors, before
from planner.domain.stores import Store
from planner.domain.workload import Workload


@dataclass(frozen=True)
class Asked:
    """A workload read from its problem: what all its ways have in common."""

    problem: Problem
    """Periods, operations, solver settings."""
    workload: Workload
    """The workload."""
    stages: tuple[Stage, ...]
    """Its stages; the call itself where there are none."""
    arrivals: Arrivals
    """Its requests."""
    request: Lengths
    """Tokens of a request."""
    parts: Mapping[str, Parts]
    """Stage → lengths, of those that call a model."""
    movable: bool
    """Whether the work may be moved between periods."""
    assumptions: tuple[str, ...]
    """What was assumed."""
    shared: Mapping[str, Shared] = field(default_factory=dict)
    """Stores that other workloads search too."""
    shapes: dict[tuple[object, ...], Shape] = field(default_factory=dict)
    """Shapes made so far, by all that they are made of."""

    @cached_property
    def weights(self) -> tuple[float, ...]:
        """Share of each period in the cycle [1]."""
        hours = [period.hours for period in self.problem.periods]
        return tuple(each / sum(hours) for each in hours)

    @property
    def mean_rate(self) -> float:
        """Requests per second, averaged over the cycle [1/s]."""
        return sum(share * rate for share, rate in zip(self.weights, self.arrivals.rate, strict=True))


class Unstable(Exception):
    """Retries feed the overload that causes them; says where and by how much."""


@dataclass(frozen=True)
class Composed:
    """A workload with levers pulled."""

    asked: Asked
    """The workload."""
    settings: Settings
    """Levers pulled."""

    @cached_property
    def changed(self) -> dict[str, Changed]:
        """Every stage as the levers leave it."""
        workload, stages = self.asked.workload, self.asked.stages
        answer = answer_of(called(stages, self.settings))
        return changed(stages, self.settings, answer, self.asked.problem.solver.effects, workload.personalized)

    @cached_property
    def there(self) -> tuple[Stage, ...]:
        """Stages that are called."""
        return tuple(stage for stage in self.asked.stages if self.changed[stage.name].there)

    @cached_property
    def answer(self) -> str:
        """The answering stage."""
        return answer_of(self.there) or ""

    @cached_property
    def order(self) -> dict[str, tuple[str, ...]]:
        """Stage → stages it waits for, among those there are."""
        return without(before(self.asked.stages), [stage.name for stage in self.there])

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Stage → how long its calls are."""
        found: dict[str, Shape] = {}
        asked, view = self.asked, self.asked.problem.solver.effects
        for stage in self.there:
            if stage.calls_model:
                outputs = {name: found[name].output for name in stage.takes if name in found}
                here = self.changed[stage.name]
                key = (*here.shaping, *(id(output) for output in outputs.values()))
                if key not in asked.shapes:
                    parts = asked.parts[stage.name]
                    asked.shapes[key] = shape_of(here, parts, asked.request, outputs, asked.problem.operations, view)
                found[stage.name] = asked.shapes[key]
        return found

    def wanted(self, stage: Stage) -> float:
        """Return how often a stage is called per request, tries that fail apart [1]."""
        here = self.changed[stage.name]
        return stage.probability * mean_rounds(loop_of(here)) * here.calls

    def tries(self, stage: Stage) -> tuple[float, ...]:
        """Return the tries per call wanted in each period [1].

        Raises
        ------
        Unstable
            A component's limit turns retries into calls lost for good.
        """
        retries, limit = stage.retries or Retries(attempts=1), stage.component.limit if stage.component else None
        found = []
        for rate in self.asked.arrivals.rate:
            load = settled(rate * self.wanted(stage), retries, limit)
            if load.failing > retries.failing + 1e-9:
                wanted = rate * self.wanted(stage)
                raise Unstable(
                    f"{stage.name}: {wanted:.4g} calls/s are wanted and {limit:.4g} tries/s accepted; retries settle at "
                    f"{wanted * load.tries:.4g} tries/s, {load.failing:.0%} fail, and {1 - load.served:.1%} of calls are lost"
                )
            found.append(load.tries)
        return tuple(found)

    def ways(self, register: Register) -> Iterator[Way]:
        """Yield the ways there are: one for each split of the latency promises."""
        models = [stage.name for stage in self.there if stage.calls_model and stage.name != self.answer]
        delay = delay_of(self.settings)
        if not self.answer:
            return
        for held in self.holdings():
            fixed = self._fixed(held)
            for split in splits(self.order, self.answer, models, fixed, self.asked.workload.objectives, delay):
                made = self._way(split, delay, register, held)
                if made is not None:
                    yield made

    def holdings(self) -> Iterator[tuple[Holding, ...]]:
        """Yield the ways to hold the stores that it searches, together; one without any where it searches none."""
        yield from itertools.product(*(choices(*each) for each in self.searched()))

    def searched(self) -> list[tuple[Store, Load, Holding | None]]:
        """Return the stores that it pays for, what it asks of each, and how those are held that others share."""
        asked, names = self.asked, {stage.store for stage in self.there if stage.store is not None}
        return [
            asked_of(
                store,
                self._rates(store),
                asked.weights,
                asked.workload.objectives,
                asked.shared.get(store.name),
            )
            for store in asked.problem.stores
            if store.name in names | asked.shared.keys()
        ]

    def _rates(self, store: Store) -> list[float]:
        """Return the searches of a store in each period, tries included [1/s]."""
        rates = [self._tried(stage) for stage in self.there if stage.store == store.name]
        return [sum(each) for each in zip(*rates, strict=True)] or [0.0] * len(self.asked.arrivals.rate)

    def _searches(self, store: Store) -> list[Searches]:
        """Return the stages that search a store, with their searches and passages."""
        found = []
        for stage in self.there:
            if stage.store == store.name:
                mean = sum(share * rate for share, rate in zip(self.asked.weights, self._tried(stage), strict=True))
                chunks = self.changed[stage.name].chunks
                found.append(Searches(stage.name, mean, chunks if chunks is not None else stage.retrieves))
        return found

    def _tried(self, stage: Stage) -> list[float]:
        """Return the calls of a stage in each period, tries included [1/s]."""
        wanted = self.wanted(stage)
        return [rate * wanted * more for rate, more in zip(self.asked.arrivals.rate, self.tries(stage), strict=True)]

    def _answered(self, stage: Stage) -> float:
        """Return the share of requests that caches answer without a stage [1]."""
        view = self.asked.problem.solver.effects
        skips = [setting for setting in self.settings if stage.name not in setting.option.still]
        personal = self.asked.workload.personalized
        return 1.0 - math.prod(1.0 - answered_share(setting, view, personal) for setting in skips)

    def _fixed(self, held: Sequence[Holding]) -> dict[str, float]:
        """Times of components and stores at the promised percentile or above; all rounds of a loop, all tries of a call [s]."""
        found = {}
        percentile = percentile_of(self.asked.workload.objectives) or 50.0
        latencies = {holding.store: holding.latency for holding in held}
        for stage in self.there:
            if not stage.calls_model:
                tries, pauses = tries_at(stage.retries, percentile)
                latency = latencies[stage.store or ""] if stage.component is None else latency_of(stage.component, percentile)
                once = tries * latency + pauses
                found[stage.name] = once * rounds_at(loop_of(self.changed[stage.name]), percentile)
        return found

    def _way(self, split: Split, delay: float, register: Register, held: tuple[Holding, ...]) -> Way | None:
        """Return the way of a split; None if it leaves some stage no time."""
        budgets = dict(split.budgets)
        steps: list[Step] = []
        rates: dict[str, tuple[float, ...]] = {}
        made = []
        for stage in self.there:
            calls = self.tries(stage)
            streams = () if not stage.calls_model else tuple(self._streams(stage, budgets, split, delay, calls))
            if any(o.target <= 0 for stream in streams for o in stream.objectives):
                return None
            made.append((stage, calls, streams))
        for stage, calls, streams in made:
            names = tuple(register.add(stream) for stream in streams)
            rates |= {name: stream.rate for name, stream in zip(names, streams, strict=True)}
            wanted = self.wanted(stage) * self._models_asked(stage)
            busy = sum(a * b * c for a, b, c in zip(self.asked.weights, self.asked.arrivals.rate, calls, strict=True))
            mean = self.asked.mean_rate
            tried = wanted * (busy / mean if mean else max(calls))
            reached = stage.probability * self.changed[stage.name].calls
            steps.append(Step(stage.name, tried, wanted, reached, names, self._answered(stage)))
        return Way(
            workload=self.asked.workload.name,
            settings=tuple((setting.lever.name, setting.label) for setting in self.settings),
            budgets=split.budgets,
            steps=tuple(steps),
            rates=rates,
            items=tuple(self._items(held)),
            requests=self.asked.arrivals.rate,
            answer=self.answer,
            stores=held,
        )

    def _models_asked(self, stage: Stage) -> float:
        """Return how many models each call of a stage asks: small ones first, and large ones for what is sent on [1]."""
        cascade = self.changed[stage.name].cascade
        return 1.0 + cascade[1].escalated if cascade is not None and cascade[0].ask_first else 1.0

    def _streams(
        self, stage: Stage, budgets: Mapping[str, float], split: Split, delay: float, tries: Sequence[float]
    ) -> Iterator[Stream]:
        """Yield the streams of a stage: one, or those of a cascade and of a lane that may wait."""
        here, asked = self.changed[stage.name], self.asked
        wanted = self.wanted(stage)
        rate = tuple(each * wanted * more for each, more in zip(asked.arrivals.rate, tries, strict=True))
        promised = self._promised(stage, budgets, split, delay)
        whole = self._stream(stage, rate, promised)
        for part in _by_class(whole, here) if here.classes else (whole,):
            if here.cascade is not None:
                yield from self._cascaded(part, here)
            elif here.lane is not None:
                yield from self._in_lanes(part, here.lane)
            else:
                yield part

    def _in_lanes(self, whole: Stream, lane: Lane) -> Iterator[Stream]:
        """Yield the calls that may not wait and those that may."""
        if lane.share < 1.0:
            yield _part(whole, 1.0 - lane.share, "")
        if lane.share > 0.0:
            movable = lane.deadline >= 3600.0 * self._cycle
            later = replace(whole, objectives=(), deadline=lane.deadline, movable=movable)
            yield _part(later, lane.share, " that may wait")

    @property
    def _cycle(self) -> float:
        return sum(period.hours for period in self.asked.problem.periods)

    def _promised(self, stage: Stage, budgets: Mapping[str, float], split: Split, delay: float) -> tuple[Objective, ...]:
        """Return what one call of a stage is promised: its own, its part of the workload's, and its timeout."""
        whole, loop = self.asked.workload.objectives, loop_of(self.changed[stage.name])
        derived: list[Objective] = []
        if stage.name == self.answer:
            for objective in whole:
                if objective.metric == "tpot":
                    derived.append(objective)
                    continue
                rounds = rounds_at(loop, objective.percentile)
                time = per_call(left(split, objective, delay), rounds, stage.retries, objective.percentile)
                derived.append(objective if time == objective.target else shortened(objective, time))
        elif stage.name in budgets:
            early = stage.name in ancestors(self.order, self.answer)
            for objective in (each for each in timed(whole) if early or each.metric == "e2e"):
                time = per_call(budgets[stage.name], rounds_at(loop, objective.percentile), stage.retries, objective.percentile)
                derived.append(shortened(objective, time, "e2e"))
        return _tightest((*stage.objectives, *derived, *timeouts(stage.retries)))

    def _stream(self, stage: Stage, rate: tuple[float, ...], promised: tuple[Objective, ...]) -> Stream:
        """Return the stream of all calls of a stage."""
        asked, here, shape = self.asked, self.changed[stage.name], self.shapes[stage.name]
        workload = asked.workload
        share = stage.probability
        burst = asked.arrivals.burstiness
        if share < 1.0 or here.calls < 1.0 > burst:
            burst = 1.0 + share * (burst - 1.0) if burst >= 1.0 or here.calls >= 1.0 else 1.0
        single = not workload.stages
        name = workload.name if single else f"{workload.name}/{stage.name}"
        return Stream(
            name="~".join((name, "+".join(here.said))) if here.said else name,
            workload=self._rules(stage, here),
            rate=rate,
            burstiness=burst,
            prompt=shape.prompt,
            output=shape.output,
            prefix_tokens=shape.prefix_tokens,
            prefix_hit=shape.prefix_hit,
            objectives=promised,
            deadline=workload.deadline / self._depth if workload.deadline is not None else None,
            movable=asked.movable,
            assumptions=asked.assumptions,
            stage="" if single else stage.name,
            role=stage.role,
            named=here.models,
        )

    @cached_property
    def _depth(self) -> float:
        """Calls of models one after the other on the longest path: a deadline is shared out evenly among them."""
        rounds = {s.name: rounds_at(loop_of(self.changed[s.name]), 99.0) for s in self.there if s.calls_model}
        return max(longest(self.order, {name: float(count) for name, count in rounds.items()}, set(self.order)), 1.0)

    def _rules(self, stage: Stage, here: Changed) -> Workload:
        """Return the workload as one stage sees it: its own choices and floors, the workload's where it has none."""
        workload = self.asked.workload
        own = {kind: getattr(stage.choose, kind) for kind in type(stage.choose).model_fields}
        chosen = {kind: choice for kind, choice in own.items() if choice != Choice()}
        if here.models is not None:
            chosen["models"] = Choice(allow=here.models)
        floors = (*stage.quality, *(workload.quality if stage.name == self.answer else ()))
        quality = tuple(_lowered(floor, here) for floor in floors)
        if not (workload.stages or workload.levers or chosen) and quality == workload.quality:
            return workload
        choose = workload.choose.model_copy(update=chosen) if chosen else workload.choose
        return workload.model_copy(update={"choose": choose, "quality": quality, "stages": (), "levers": ()})

    def _cascaded(self, whole: Stream, here: Changed) -> Iterator[Stream]:
        """Yield the calls that small models answer and those that large ones do.

        Where small models are asked first, what is sent on takes the time of both: the small ones get a part of the targets.
        """
        if here.cascade is None:
            return
        cascade, point, lead = here.cascade
        workload = whole.workload
        small = workload.choose.model_copy(update={"models": Choice(allow=cascade.small)})
        loose = workload.model_copy(update={"choose": small, "quality": ()})
        first, then = whole.objectives, whole.objectives
        if cascade.ask_first and lead:
            first = _tightest((*whole.objectives, *(shortened(o, lead * o.target, "e2e") for o in timed(whole.objectives))))
            then = tuple(shortened(o, (1.0 - lead) * o.target) if o.metric != "tpot" else o for o in whole.objectives)
        answering = replace(whole, workload=loose, objectives=first, named=cascade.small)
        each = tuple(floor.model_copy(update={"over": "each"}) for floor in workload.quality)
        workload = workload.model_copy(update={"quality": each})  # its curve says what calls reach together
        yield _part(answering, 1.0 if cascade.ask_first else 1.0 - point.escalated, " small")
        large = (
            workload
            if cascade.large is None
            else workload.model_copy(
                update={"choose": workload.choose.model_copy(update={"models": Choice(allow=cascade.large)})}
            )
        )
        if point.escalated > 0.0:
            answered = replace(whole, workload=large, objectives=then, named=cascade.large or whole.named)
            yield _part(answered, point.escalated, " large")

    def _items(self, held: Sequence[Holding]) -> Iterator[Item]:
        """Yield what the way costs beside models."""
        requests = self.asked.mean_rate * 3600.0
        for setting in self.settings:
            option = setting.option
            following = option.per_request * requests
            if option.fixed + following:
                yield Item("lever", setting.lever.name, option.fixed + following, following)
        for stage in self.there:
            if stage.component is not None:
                yield Item("component", stage.name, *self._component(stage, stage.component))
        for holding in held:
            store = self.asked.problem.store(holding.store)
            yield from store_items(store, holding, self._searches(store))

    def _component(self, stage: Stage, component: Component) -> tuple[float, float]:
        """Return what a component costs, and what of it follows demand.

        Calls, tokens of requests, replicas for the busiest period; its least bill at least.
        """
        rates = self._tried(stage)
        mean = sum(share * rate for share, rate in zip(self.asked.weights, rates, strict=True))
        each = component.rate_per_replica
        replicas = math.ceil(max(rates) / each - 1e-9) if each else int(max(rates) > 0)
        call = (component.per_call or 0.0) + (component.per_token or 0.0) * self.asked.request.mean
        calls, hourly = call * mean * 3600.0, component.hourly or 0.0
        return max(calls + hourly * replicas, component.fixed or 0.0), calls + (hourly * max(rates) / each if each else 0.0)


def latency_of(component: Component, percentile: float) -> float:
    """Return the time a component's call is planned with [s]: the lowest percentile known that reaches the promise's.

    Where none does it is the highest known, which `planner validate` warns of; then the mean, or nothing.
    """
    ranks = ((95.0, component.latency_p95), (99.0, component.latency_p99))
    known = [(rank, value) for rank, value in ranks if value is not None]
    reaching = [value for rank, value in known if rank >= percentile]
    rest = (*(value for _, value in reversed(known)), component.latency_mean, component.latency_p50)
    return next((value for value in (*reaching, *rest) if value is not None), 0.0)


def answer_of(stages: Sequence[Stage]) -> str | None:
    """Return the stage whose output is the answer: the last that calls a generating model, else the last that calls a model."""
    models = [stage for stage in reversed(stages) if stage.calls_model]
    return next((stage.name for stage in models if stage.role == "generate"), models[0].name if models else None)


def _lowered(floor: QualityFloor, here: Changed) -> QualityFloor:
    """Return a floor for the model alone, what the levers take away added to it; with the score that a lever brings."""
    update: dict[str, float] = {}
    if here.keeps != 1.0:
        update["at_least"] = floor.at_least / here.keeps if here.keeps > 0 else math.inf
    if floor.benchmark in here.scores:
        update["measured"] = here.scores[floor.benchmark]
    return floor.model_copy(update=update) if update else floor


def _tightest(promised: Sequence[Objective]) -> tuple[Objective, ...]:
    """Return the objectives without those that a tighter one of the same metric, percentile and price covers."""
    kept: dict[tuple[str, float, float | None], Objective] = {}
    for objective in promised:
        key = (objective.metric, objective.percentile, objective.price_per_miss)
        if key not in kept or objective.target < kept[key].target:
            kept[key] = objective
    return tuple(kept.values())


def _by_class(whole: Stream, here: Changed) -> Iterator[Stream]:
    """Yield the calls of each intent, with the floors and models of its own."""
    for kind in here.classes:
        update: dict[str, object] = {}
        if kind.quality:
            update["quality"] = tuple(_lowered(floor, here) for floor in kind.quality)
        if kind.models is not None:
            update["choose"] = whole.workload.choose.model_copy(update={"models": Choice(allow=kind.models)})
        rules = whole.workload.model_copy(update=update)
        part = replace(whole, workload=rules, named=kind.models if kind.models is not None else whole.named)
        yield _part(part, kind.share, f" {kind.name}")


def _part(stream: Stream, share: float, what: str) -> Stream:
    """Return part of a stream's calls."""
    if share == 1.0 and not what:
        return stream
    part = f"{stream.part}{what}".strip()
    return replace(stream, name=f"{stream.name}{what}", part=part, rate=tuple(share * rate for rate in stream.rate))
