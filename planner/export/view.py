"""The plan as exports see it: pools that an engine can run, in the period asked for, with what is served there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from planner.domain.plan import Plan
from planner.domain.plan_pools import Pool, PoolLoad
from planner.domain.plan_promises import Promise
from planner.domain.plan_serving import CallsPart, PoolPart, Serving
from planner.domain.variants import MARK
from planner.errors import InvalidInput, Issue
from planner.export.files import missing
from planner.export.flags import ENGINES
from planner.export.names import dns, told_apart

Autoscaler = Literal["hpa", "keda", "none"]
EDGE = "command line"

PROMETHEUS = "http://prometheus-operated.monitoring.svc:9090"
"""Service that the Prometheus operator makes, in the namespace `monitoring` (assumption; --prometheus)."""

LABEL = 50
"""Longest name of a pool, so that what is named after it stays within 63 characters."""

POOLING = ("embed", "rerank")
"""Roles whose models generate nothing."""


@dataclass(frozen=True)
class Wishes:
    """What the user says beside the plan."""

    period: str | None = None
    """Period; None = the one with most replicas."""
    namespace: str = "default"
    """Namespace of all manifests."""
    images: Mapping[str, str] = field(default_factory=dict)
    """Engine → container image in place of the usual one."""
    autoscaler: Autoscaler = "hpa"
    """What follows demand."""
    prometheus: str = PROMETHEUS
    """Where KEDA reads metrics."""


class Notes:
    """What a person should know, each once, in the order found."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._lines: dict[str, None] = {}

    def add(self, line: str) -> None:
        """Note a line."""
        self._lines.setdefault(line)

    @property
    def lines(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self._lines)


@dataclass(frozen=True)
class Served:
    """A pool with all that is needed to run it."""

    pool: Pool
    """As planned."""
    part: PoolPart
    """What the catalog says of it."""
    load: PoolLoad
    """In the period asked for."""
    calls: tuple[CallsPart, ...]
    """Streams that use it in any period."""
    promises: tuple[Promise, ...]
    """Promises it is to keep in that period."""
    label: str
    """Name of its manifests."""
    partitioned: bool
    """Whether boards are cut into parts."""

    @property
    def gpus(self) -> int:
        """Accelerators of a replica."""
        return self.pool.deployment.layout.gpus

    @property
    def nodes(self) -> int:
        """Machines that a replica spans."""
        return -(-self.gpus // self.part.gpus_per_machine)

    @property
    def gpus_per_node(self) -> int:
        """Accelerators of a replica on one machine."""
        return self.gpus // self.nodes

    @property
    def pooling(self) -> bool:
        """Whether its model generates nothing."""
        return bool(self.calls) and all(calls.role in POOLING for calls in self.calls)

    @property
    def cluster(self) -> str:
        """Name of the cluster it stands in: one a seller and region."""
        return dns(self.pool.seller, self.pool.region)

    @property
    def counts(self) -> list[int]:
        """Replicas in each period."""
        return [load.replicas for load in self.pool.loads]

    def rate(self, stream: str) -> float:
        """Return the calls of a stream in the period asked for [1/s]."""
        return sum(one.rate for one in self.pool.shares if (one.stream, one.period) == (stream, self.load.period))


@dataclass(frozen=True)
class View:
    """A plan to be exported."""

    plan: Plan
    """The plan."""
    wishes: Wishes
    """What the user says."""
    period: str
    """Period asked for."""
    notes: Notes
    """What a person should know."""

    @property
    def serving(self) -> Serving:
        """What the plan passes on to exports."""
        assert self.plan.serving is not None  # noqa: S101 - `view` refuses plans without
        return self.plan.serving

    @cached_property
    def system(self) -> str:
        """Name of everything that belongs together."""
        return dns(self.plan.problem, longest=40)

    @cached_property
    def pools(self) -> tuple[Served, ...]:
        """Pools whose engine can be started; the others are noted."""
        return tuple(served for served in self._all if self._can_run(served))

    @cached_property
    def clusters(self) -> dict[str, list[Served]]:
        """Cluster → its pools."""
        made: dict[str, list[Served]] = {}
        for served in self.pools:
            made.setdefault(served.cluster, []).append(served)
        return made

    @cached_property
    def _all(self) -> tuple[Served, ...]:
        plan, parts = self.plan, {part.pool: part for part in self.serving.pools}
        labels = told_apart(pool.name for pool in plan.pools)
        calls = {one.stream: one for one in self.serving.calls}
        return tuple(
            Served(
                pool=pool,
                part=parts[pool.name],
                load=next(load for load in pool.loads if load.period == self.period),
                calls=tuple(calls[name] for name in dict.fromkeys(one.stream for one in pool.shares)),
                promises=tuple(one for one in plan.promises if (one.route, one.period) == (pool.name, self.period)),
                label=dns(self.system, labels[pool.name], longest=LABEL),
                partitioned=any(one.boards_per_machine for one in plan.purchases if one.instance == pool.instance),
            )
            for pool in plan.pools
        )

    def _can_run(self, served: Served) -> bool:
        """Say whether a pool's engine can be started, and note it if not."""
        engine, name = served.pool.deployment.engine, served.pool.name
        if engine in ENGINES:
            return True
        self.notes.add(f"{name} runs on {engine}, of which no command line is known: start it yourself; it is left out")
        return False


def view(plan: Plan, wishes: Wishes, file: str) -> View:
    """Return a plan as exports see it.

    Parameters
    ----------
    plan : Plan
    wishes : what the user says
    file : name of the plan, for messages

    Returns
    -------
    View

    Raises
    ------
    InvalidInput
        If the plan is of before exports, or the period is not one of its.
    """
    if plan.serving is None:
        what = "the plan says nothing of weights, machines and lengths, which exports need"
        raise InvalidInput.at(file, what, "make it again with this version: planner solve", path="serving")
    if unsaid := _unsaid(plan, plan.serving):
        remedy = "make it again with this version: planner solve"
        raise InvalidInput([Issue(file, 0, "serving", what, remedy) for what in unsaid])
    if wishes.period is not None and wishes.period not in plan.periods:
        raise InvalidInput.at(EDGE, f"no period is named {wishes.period!r}", f"it has {_listed(plan.periods)}", path="--period")
    return View(plan, wishes, wishes.period or busiest(plan), Notes())


def _unsaid(plan: Plan, serving: Serving) -> list[str]:
    """Return what a plan that was edited does not say."""
    parts, streams, apis = (
        {part.pool for part in serving.pools},
        {calls.stream for calls in serving.calls},
        {part.api for part in serving.apis},
    )
    used = {share.stream for route in (*plan.pools, *plan.external) for share in route.shares}
    return [
        *(f"nothing is said of pool {pool.name}" for pool in plan.pools if pool.name not in parts),
        *(f"nothing is said of stream {name}" for name in sorted(used - streams)),
        *(f"nothing is said of API {route.api}" for route in plan.external if route.api not in apis),
        *(
            f"{pool.name} has no load in {period}"
            for pool in plan.pools
            for period in plan.periods
            if period not in {load.period for load in pool.loads}
        ),
    ]


def busiest(plan: Plan) -> str:
    """Return the period in which most replicas run, the first of those alike."""
    counts = {
        name: sum(load.replicas for pool in plan.pools for load in pool.loads if load.period == name) for name in plan.periods
    }
    return max(counts, key=lambda name: counts[name])


def model_id(served: Served, notes: Notes) -> str:
    """Return what the engine is to load: the Hugging Face id, or a placeholder where it is not known."""
    runs, name = served.pool.deployment, served.pool.name
    if served.part.weights == "converted":
        made = missing(f"checkpoint of {runs.model} in {runs.precision}")
        notes.add(f"{name}: no checkpoint of {runs.model} in {runs.precision} is named in the catalog; put its id for {made}")
        return made
    return hub_id(runs.model, name, notes)


def hub_id(model: str, pool: str, notes: Notes) -> str:
    """Return the Hugging Face id of a model, which is its name in the catalog unless that has no owner."""
    if "/" in model:
        return model
    made = missing(f"Hugging Face id of {model}")
    notes.add(f"{pool}: {model} is no Hugging Face id; put it for {made}")
    return made


def note_variant(served: Served, notes: Notes) -> None:
    """Note what an accelerator run as another has to be set up with."""
    accelerator = served.pool.deployment.accelerator
    if MARK not in accelerator:
        return
    if served.partitioned:
        notes.add(f"{served.pool.name}: cut boards as {accelerator} says, and count parts as GPUs (MIG strategy single)")
    else:
        notes.add(f"{served.pool.name}: set the power limit of {accelerator} on its machines (nvidia-smi -pl)")


def _listed(names: Iterable[str]) -> str:
    most = 12
    found = list(names)
    return ", ".join(found[:most]) + (f" and {len(found) - most} more" if len(found) > most else "")
