"""What a pool will do under the load a plan gives it: operating point and latencies, from the pool's description alone.

Both the plan's author and its independent check call this; neither knows the optimizer's levels or demands here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from planner.candidates.columns import ColumnFactory
from planner.candidates.drafts import Drafts
from planner.candidates.evaluate import Compiled, Evaluator
from planner.candidates.layouts import Hardware
from planner.candidates.space import Space
from planner.demand.stream import Stream
from planner.domain.catalog import Catalog
from planner.domain.layout import Shape
from planner.domain.plan_pools import Deployment
from planner.domain.problem import Operations
from planner.perf.capacity import state_at_rate
from planner.perf.level import state_for
from planner.perf.limits import strains
from planner.perf.pooling import company
from planner.perf.static import operate_static
from planner.perf.steady import State
from planner.perf.tails import Latencies, latencies
from planner.perf.traffic import Traffic, mix


@dataclass(frozen=True)
class Operation:
    """A replica under its share of a pool's load."""

    state: State
    """Mean operating point."""
    strain: dict[str, float]
    """Value over limit of load, prompt load, sequences and KV memory; above 1 the pool is overloaded."""
    seen: dict[str, Latencies]
    """Latencies of each stream, by name."""
    prompt_share: dict[str, float]
    """Stream → share of its work that its prompts cause: c_p·I against O·τ_d/B for its output [1]."""
    traffic: Traffic | None = None
    """Moments of all its calls together; None where batches end together."""


class Replicas:
    """One deployment, compiled for the streams of a problem."""

    def __init__(
        self,
        catalog: Catalog,
        deployment: Deployment,
        instance: str,
        streams: Sequence[Stream],
        operations: Operations,
        confidence: float,
    ) -> None:
        """Compile a deployment on a machine.

        Parameters
        ----------
        catalog : facts
        deployment : what a replica is
        instance : catalog name of the machine it runs on
        streams : every stream of the problem
        operations : highest share of the stable rate to be used, and how calls are dealt to replicas
        confidence : share of comparable measurements that were no slower than what is taken
        """
        self.streams = tuple(streams)
        self.static = catalog.engines[deployment.engine].batching == "static"
        space = single(catalog, deployment, instance)
        evaluator = Evaluator(ColumnFactory(catalog, space), streams, operations, confidence)
        self.evaluator = evaluator
        self.targets = evaluator.targets
        self.contexts = tuple(moments.context for moments in evaluator.moments)
        self.columns = evaluator.factory.columns(np.zeros(1, dtype=np.intp))
        self.compiled: Compiled = evaluator.compile(np.zeros(1, dtype=np.intp), range(len(streams)))

    def operate(self, rates: Mapping[str, float], pooled: int) -> Operation:
        """Return how one replica runs under these calls per second of each stream, together.

        Parameters
        ----------
        rates : stream name → calls per second of this replica [1/s]; at least one positive
        pooled : replicas that carry load behind the same balancer, this one included

        Returns
        -------
        Operation
        """
        made = self.compiled
        used = [index for index, stream in enumerate(self.streams) if rates.get(stream.name, 0.0) > 0]
        calls = [rates[self.streams[index].name] for index in used]
        if self.static:
            return self._operate_static(used, calls)
        parts = [self.evaluator.dealt(made.traffic[index], pooled) for index in used]
        step = made.step
        linear = step.flops + step.comm
        together = mix(parts, calls, [linear + step.attention * part.attention / np.maximum(part.prompt, 1.0) for part in parts])
        replica = replace(made.replica, pooled=np.array([company(pooled, self.evaluator.operations.balancer)]))
        state = state_at_rate(step, together, replica, np.array([sum(calls)]))
        strain = {name: float(np.max(ratio)) for name, ratio in strains(state, together, replica, [])}
        reached = float(state.rate[0]) / sum(calls)
        if reached < 1.0 - 1e-6:
            strain["load"] = max(strain["load"], 1.0 / reached)
        seen, prompt_share = {}, {}
        for index, traffic in zip(used, parts, strict=True):
            name = self.streams[index].name
            own = state_for(made.step, state, traffic)
            seen[name] = latencies(own, traffic, made.replica.host)
            prompt = float(np.max(own.prompt_cost * traffic.prompt))
            output = float(np.max(traffic.output * state.decode / np.maximum(state.sequences, 1.0)))
            prompt_share[name] = prompt / (prompt + output)
        return Operation(state, strain, seen, prompt_share, together)

    def unpromised(self, stream: str, pooled: int) -> float:
        """Return the most calls per second of one stream that a replica takes if nothing is promised [1/s]."""
        index = next(i for i, one in enumerate(self.streams) if one.name == stream)
        found = self.evaluator.solve(np.zeros(1, dtype=np.intp), index, (), pooled)
        return float(np.max(found.state.rate))

    def _operate_static(self, used: Sequence[int], calls: Sequence[float]) -> Operation:
        """Return how a replica with static batches runs; a second stream in it is not modelled and counts as overload."""
        made, index = self.compiled, used[0]
        name, traffic = self.streams[index].name, made.traffic[index]
        state, ratios, seen = operate_static(made.step, traffic, made.replica, self.targets[index], np.array([sum(calls)]))
        strain = {what: float(np.max(ratio)) for what, ratio in ratios}
        if len(used) > 1:
            strain["load"] = np.inf
        prompt = float(np.max(state.prompt_cost * traffic.prompt))
        output = float(np.max(traffic.output * state.decode / np.maximum(state.sequences, 1.0)))
        return Operation(state, strain, {self.streams[i].name: seen for i in used}, {name: prompt / (prompt + output)})


def single(catalog: Catalog, deployment: Deployment, instance: str) -> Space:
    """Return the space that holds just one deployment on one kind of machine."""
    sold, layout, how = catalog.instances[instance], deployment.layout, deployment.speculation
    machine = Hardware(deployment.accelerator, sold.count, sold.fabric, sold.network or 0.0, sold.network_fabric)
    zero = np.zeros(1, dtype=np.intp)
    return Space(
        models=(deployment.model,),
        precisions=(deployment.precision,),
        kv_precisions=(deployment.kv_precision,),
        engines=(deployment.engine,),
        hardware=(machine.seen_by(layout.gpus),),
        shapes=(Shape(layout.tp, layout.pp, layout.dp),),
        drafts=(Drafts(how.speculator, how.draft_tokens, how.emitted) if how else None,),
        model=zero,
        precision=zero,
        kv=zero,
        engine=zero,
        machine=zero,
        shape=zero,
        draft=zero,
    )
