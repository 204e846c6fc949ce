"""Ways to serve a workload: every set of levers and split of latencies, as the streams it causes and what it costs by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from planner.demand.items import Item
from planner.demand.store_choice import Holding
from planner.demand.stream import Stream


@dataclass(frozen=True)
class Step:
    """A stage as a way calls it."""

    stage: str
    """The stage."""
    calls: float
    """Calls per request, rounds and tries included [1]."""
    wanted: float
    """Calls per request without tries that fail [1]."""
    reached: float
    """Share of requests that reach it [1]."""
    streams: tuple[str, ...]
    """Streams that carry them; none for a component."""
    answered: float = 0.0
    """Share of requests that are answered without it, by semantic caches [1]."""

    @property
    def retried(self) -> float:
        """Share of calls that are tries after a failed one [1]."""
        return 1.0 - self.wanted / self.calls if self.calls > 0 else 0.0


@dataclass(frozen=True, eq=False)
class Way:
    """One way to serve a workload."""

    workload: str
    """The workload."""
    settings: tuple[tuple[str, str], ...]
    """Lever → setting, of those that are pulled."""
    budgets: tuple[tuple[str, float], ...]
    """Stage → time it may take of the request's target [s]."""
    steps: tuple[Step, ...]
    """The stages there are."""
    rates: Mapping[str, tuple[float, ...]]
    """Stream → calls per second in each period [1/s]."""
    items: tuple[Item, ...]
    """Costs beside models."""
    requests: tuple[float, ...]
    """Requests of the workload in each period [1/s]."""
    answer: str = ""
    """The answering stage."""
    stores: tuple[Holding, ...] = ()
    """Vector stores searched, and what they stand on."""

    @property
    def name(self) -> str:
        """Name it by its settings and split: unique within the workload."""
        parts = [f"{lever}: {setting}" for lever, setting in self.settings]
        parts += [f"{stage} within {seconds:.4g} s" for stage, seconds in self.budgets]
        parts += [f"{held.store} on {held.name}" for held in self.stores]
        return "; ".join(parts) or "as it is"

    @property
    def answering(self) -> tuple[str, ...]:
        """Streams of the answering stage."""
        return next((step.streams for step in self.steps if step.stage == self.answer), ())

    @property
    def cost(self) -> float:
        """Average cost beside models [$/h]."""
        return sum(item.hourly for item in self.items)

    @property
    def model_calls(self) -> float:
        """Calls of models per request [1]."""
        return sum(step.calls for step in self.steps if step.streams)


@dataclass(frozen=True)
class Flows:
    """What workloads ask for: streams of calls, and the ways that cause them."""

    streams: tuple[Stream, ...]
    """Each with the most that any way asks of it in a period."""
    ways: tuple[Way, ...]
    """Of every workload at least one; exactly one is taken."""

    @classmethod
    def of_ways(cls, streams: Iterable[Stream], ways: Sequence[Way]) -> Flows:
        """Return some ways with the streams they use, each with the most that any of them asks of it in a period."""
        rates: dict[str, list[tuple[float, ...]]] = {}
        for way in ways:
            for name, rate in way.rates.items():
                rates.setdefault(name, []).append(rate)
        used = (stream for stream in streams if stream.name in rates)
        most = (replace(s, rate=tuple(max(each) for each in zip(*rates[s.name], strict=True))) for s in used)
        return cls(tuple(most), tuple(ways))

    def of(self, workload: str) -> tuple[Way, ...]:
        """Return the ways of a workload."""
        return tuple(way for way in self.ways if way.workload == workload)

    def along(self, taken: Sequence[Way]) -> tuple[Stream, ...]:
        """Return all streams with the calls that the taken ways cause; those they do not use have none."""
        rates = {name: rate for way in taken for name, rate in way.rates.items()}
        return tuple(replace(s, rate=rates.get(s.name, tuple(0.0 for _ in s.rate))) for s in self.streams)


@dataclass(frozen=True, eq=False)
class Aside:
    """The ways put aside by an estimate of their cost, among all there are."""

    flows: Flows
    """All streams and ways, those compared included."""
    compared: tuple[int, ...]
    """Indices of the ways that are compared."""
    regret: NDArray[np.float64]
    """[W] What each was estimated to cost above the best way of its workload [$/h]; inf where nothing tried serves it."""

    @classmethod
    def nothing(cls, flows: Flows) -> Aside:
        """Return that all ways are compared."""
        return cls(flows, tuple(range(len(flows.ways))), np.zeros(len(flows.ways)))

    @property
    def ways(self) -> tuple[int, ...]:
        """Indices of the ways put aside, the least regretted first."""
        return tuple(sorted(set(range(len(self.flows.ways))) - set(self.compared), key=lambda w: (self.regret[w], w)))

    @property
    def lean(self) -> Flows:
        """The ways compared, with their streams."""
        return Flows.of_ways(self.flows.streams, [self.flows.ways[w] for w in self.compared]) if self.ways else self.flows

    def comparing(self, wanted: Iterable[int]) -> Aside:
        """Return it with more ways compared."""
        return replace(self, compared=tuple(sorted({*self.compared, *wanted})))


@dataclass
class Register:
    """Streams found so far: alike ones are one."""

    found: dict[tuple[object, ...], Stream] = field(default_factory=dict)
    """By all that pools see of them."""
    numbers: Counter[str] = field(default_factory=Counter)
    """How many streams have been given a name."""

    def add(self, stream: Stream) -> str:
        """Add calls of a stream; return the name under which it is known."""
        key = (*seen(stream), stream.workload.quality)
        if key not in self.found:
            self.numbers[stream.name] += 1
            number = self.numbers[stream.name]
            self.found[key] = stream if number == 1 else replace(stream, name=f"{stream.name} ({number})")
        return self.found[key].name


def seen(stream: Stream) -> tuple[object, ...]:
    """Return all that pools and APIs see of a stream, beside how many calls there are and how good the answers must be."""
    lengths = (stream.prompt.values.tobytes(), stream.output.values.tobytes())
    cached = (stream.prefix_tokens if stream.prefix_hit else 0.0, stream.prefix_hit)
    promised = (stream.objectives, stream.deadline, stream.movable, stream.burstiness)
    return (
        stream.workload.name,
        stream.stage,
        stream.role,
        *lengths,
        *cached,
        *promised,
        stream.workload.choose,
        stream.named,
        stream.home,
    )


def lean(ways: Sequence[Way]) -> Iterator[Way]:
    """Yield the ways that no other beats at every price: of those with the same streams, the ones with fewer calls or less cost.

    Parameters
    ----------
    ways : of one workload, the simpler before the more involved

    Notes
    -----
    A way with the same streams, no more calls of any and no more cost of its own is never worse, whatever pools cost; of equals
    the first stays, so that a lever that gains nothing is not pulled, and a rule is preferred to a model that judges.
    """
    kept: dict[frozenset[str], list[tuple[np.ndarray, Way]]] = {}
    for way in ways:
        names = sorted(way.rates)
        asked = np.array([way.cost, *(rate for name in names for rate in way.rates[name])])
        rivals = kept.setdefault(frozenset(names), [])
        if not any((other <= asked * (1 + 1e-12)).all() for other, _ in rivals):
            rivals[:] = [pair for pair in rivals if not (asked <= pair[0]).all()]
            rivals.append((asked, way))
    chosen = {id(way) for rivals in kept.values() for _, way in rivals}
    yield from (way for way in ways if id(way) in chosen)


def together(streams: Sequence[Stream], ways: Sequence[Way]) -> NDArray[np.bool_]:
    """Return [R, R] which streams may share a pool: those of different workloads on one set of pools, and those of one way."""
    names = {stream.name: r for r, stream in enumerate(streams)}
    workloads = np.array([stream.workload.name for stream in streams])
    sets = np.array([stream.workload.pools or "" for stream in streams])
    may: NDArray[np.bool_] = (workloads[:, None] != workloads[None, :]) & (sets[:, None] == sets[None, :])
    np.fill_diagonal(may, val=True)
    for way in ways:
        used = [names[name] for name in way.rates if name in names]
        may[np.ix_(used, used)] = True
    return may
