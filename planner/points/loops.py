"""Points through the performance model: closed loops, shared or disaggregated, and open ones."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner.domain.catalog import Catalog
from planner.perf.capacity import state_at_rate
from planner.perf.closed import Clients, closed_loop
from planner.perf.columns import CoefficientColumns
from planner.perf.compile import compile_step
from planner.perf.disagg import Stages, disaggregated
from planner.perf.limits import Replica
from planner.perf.step import CallStep, StepModel
from planner.perf.tails import ttft_moments
from planner.perf.traffic import Traffic
from planner.points.calls import Calls, calls_on
from planner.points.deploy import NETWORK, Deployed, deploy

Floats = NDArray[np.float64]

FIRST_WAVE = 0.1
"""Share of calls that come in a wave where outputs differ in length: the first of ten calls a client makes, as in
InferenceX, whose scripts send ten calls a client. Clients lose step with each other afterwards."""

LEAST_ROOM = 0.5
"""Calls a replica is taken to hold where not even one fits [1]; such points are marked, not predicted."""

HANDOVER_RATE = 0.5
"""Share of the network rate a cache moves with between workers (assumption)."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What the clients of each row see."""

    ttft: Floats
    """Mean [s]; inf where the calls cannot be served."""
    tpot: Floats
    """Mean [s]."""
    rate: Floats
    """Calls per second of the whole deployment [1/s]."""
    sequences: Floats
    """Calls decoding on one replica [1]."""

    @classmethod
    def nothing(cls, count: int) -> Seen:
        """Return rows of which nothing is known yet."""
        return cls(*(np.full(count, np.nan) for _ in fields(cls)))

    def take(self, rows: NDArray[np.intp]) -> Seen:
        """Return some rows."""
        return Seen(*(getattr(self, field.name)[rows] for field in fields(self)))

    def put(self, rows: NDArray[np.intp], part: Seen) -> None:
        """Write what is known of some rows into them."""
        for field in fields(self):
            getattr(self, field.name)[rows] = getattr(part, field.name)


class Group(Protocol):
    """Rows of one mode, ready to be predicted with any coefficients."""

    @property
    def roles(self) -> tuple[Deployed, ...]:
        """The deployments that make up each row, those that hold the KV cache last."""

    @property
    def calls(self) -> Calls:
        """The calls on the last of them."""

    @property
    def role_calls(self) -> tuple[Calls, ...]:
        """The calls on each of them."""

    def seen(self, coefficients: tuple[CoefficientColumns, ...]) -> Seen:
        """Return what clients see with these coefficients, one bundle a role."""


def _step(deployed: Deployed, coefficients: CoefficientColumns) -> StepModel:
    columns = deployed.columns
    return compile_step(columns.model, columns.precision, columns.hardware, columns.link, coefficients, columns.layout)


def _call(deployed: Deployed, coefficients: CoefficientColumns, calls: Calls) -> CallStep:
    return _step(deployed, coefficients).for_calls(calls.read, calls.attention, 1.0 / calls.prompt)


@dataclass(frozen=True, eq=False)
class Shared:
    """Closed loop; prompts and decoding share replicas."""

    deployed: Deployed
    """One a row."""
    calls: Calls
    """On them."""
    clients: Floats
    """c [1]."""
    prompts_first: Floats
    """1 where the engine runs prompts by themselves."""
    alike: NDArray[np.bool_]
    """Whether all calls are equally long."""

    @property
    def roles(self) -> tuple[Deployed, ...]:
        """One role."""
        return (self.deployed,)

    @property
    def role_calls(self) -> tuple[Calls, ...]:
        """Its calls."""
        return (self.calls,)

    def seen(self, coefficients: tuple[CoefficientColumns, ...]) -> Seen:
        """Return what clients see."""
        (kernel,) = coefficients
        columns = self.deployed.columns
        clients = Clients(
            number=self.clients,
            prompt=self.calls.prompt,
            output=self.calls.output,
            room=np.maximum(self.calls.room, LEAST_ROOM),
            chunk=columns.engine.chunk_tokens * columns.layout.dp,
            prompts_first=self.prompts_first,
            host=kernel.host_per_request,
            arrival_wait=kernel.arrival_wait,
            synchrony=np.where(self.alike, kernel.synchrony, FIRST_WAVE),
        )
        loop = closed_loop(_call(self.deployed, kernel, self.calls), clients)
        return Seen(loop.ttft, loop.tpot, loop.rate, loop.sequences)


@dataclass(frozen=True, eq=False)
class Split:
    """Closed loop; prompts and decoding on workers of their own."""

    prompts: Deployed
    """Prompt workers."""
    decode: Deployed
    """Decode workers."""
    prompt_calls: Calls
    """Calls on prompt workers."""
    calls: Calls
    """Calls on decode workers."""
    clients: Floats
    """c [1]."""

    @property
    def roles(self) -> tuple[Deployed, ...]:
        """Prompt workers, decode workers."""
        return (self.prompts, self.decode)

    @property
    def role_calls(self) -> tuple[Calls, ...]:
        """Theirs."""
        return (self.prompt_calls, self.calls)

    def seen(self, coefficients: tuple[CoefficientColumns, ...]) -> Seen:
        """Return what clients see."""
        first, second = coefficients
        layout = self.prompts.columns.layout
        moved = self.prompt_calls.held / (NETWORK * HANDOVER_RATE * layout.tp * layout.pp)
        stages = Stages(
            number=self.clients,
            prompt=self.calls.prompt,
            output=self.calls.output,
            prompt_workers=self.prompts.copies,
            prompt_ranks=layout.dp,
            prompt_chunk=self.prompts.columns.engine.chunk_tokens,
            decode_workers=self.decode.copies,
            room=np.maximum(self.calls.room, LEAST_ROOM),
            host=first.host_per_request,
            handover=moved + second.handover,
            synchrony=np.full(self.clients.shape, FIRST_WAVE),
        )
        prompt_step = _call(self.prompts, first, self.prompt_calls)
        loop = disaggregated(prompt_step, _call(self.decode, second, self.calls), stages)
        return Seen(loop.ttft, loop.tpot, loop.rate, loop.sequences)


@dataclass(frozen=True, eq=False)
class Open:
    """Random arrivals at a rate; prompts and decoding share replicas."""

    deployed: Deployed
    """One a row."""
    calls: Calls
    """On them."""
    rate: Floats
    """λ [1/s]."""

    @property
    def roles(self) -> tuple[Deployed, ...]:
        """One role."""
        return (self.deployed,)

    @property
    def role_calls(self) -> tuple[Calls, ...]:
        """Its calls."""
        return (self.calls,)

    def seen(self, coefficients: tuple[CoefficientColumns, ...]) -> Seen:
        """Return what callers see; the first token never comes where calls arrive faster than they can be served."""
        (kernel,) = coefficients
        columns, calls = self.deployed.columns, self.calls
        ones = np.ones(self.rate.shape)
        traffic = Traffic(
            output=calls.output,
            output_second=calls.output**2,
            output_inverse=1.0 / (calls.output - 1.0),
            prompt=calls.prompt,
            prompt_second=calls.prompt**2,
            prompt_third=calls.prompt**3,
            attention=calls.attention * calls.prompt,
            kv=calls.read,
            held=calls.held,
            held_second=calls.held**2,
            burstiness=ones,
        )
        replica = Replica(
            kv_bytes=np.maximum(calls.budget.replica_kv, 1.0),
            max_sequences=np.maximum(calls.room, LEAST_ROOM),
            chunk_tokens=columns.engine.chunk_tokens * columns.layout.dp,
            host=kernel.host_per_request,
            pooled=ones,
            utilization=1.0,
        )
        state = state_at_rate(_step(self.deployed, kernel), traffic, replica, self.rate)
        first = ttft_moments(state, calls.prompt, calls.prompt**2, kernel.host_per_request).mean
        over = state.rate < self.rate * (1.0 - 1e-6)
        return Seen(np.where(over, np.inf, first), state.iteration, state.rate, state.sequences)


def groups(table: pd.DataFrame, catalog: Catalog) -> list[tuple[NDArray[np.intp], Group]]:
    """Return the rows of a table by mode, ready to be predicted.

    Parameters
    ----------
    table : rows without a problem, names resolved
    catalog : facts

    Returns
    -------
    (positions in the table, group) for each mode that occurs
    """
    split = (table["mode"] == "disagg").to_numpy(bool)
    closed = table["concurrency"].notna().to_numpy(bool)
    made: list[tuple[NDArray[np.intp], Group]] = []
    for where, group in ((~split & closed, _shared), (split, _split), (~split & ~closed, _open)):
        rows = np.flatnonzero(where)
        if rows.size:
            made.append((rows, group(table.iloc[rows], catalog)))
    return made


def _shared(part: pd.DataFrame, catalog: Catalog) -> Group:
    deployed = deploy(part, catalog)
    first = {name: float(engine.prompts_first) for name, engine in catalog.engines.items()}
    return Shared(
        deployed,
        calls_on(deployed, part, catalog),
        clients=part["concurrency"].to_numpy(np.float64),
        prompts_first=part["engine"].map(first).to_numpy().astype(np.float64),
        alike=(part["length_ratio_min"] == 1.0).to_numpy(bool),
    )


def _split(part: pd.DataFrame, catalog: Catalog) -> Group:
    prompts, decode = deploy(part, catalog, "prefill"), deploy(part, catalog, "decode")
    calls = calls_on(prompts, part, catalog), calls_on(decode, part, catalog)
    return Split(prompts, decode, *calls, clients=part["concurrency"].to_numpy(np.float64))


def _open(part: pd.DataFrame, catalog: Catalog) -> Group:
    deployed = deploy(part, catalog)
    return Open(deployed, calls_on(deployed, part, catalog), rate=part["request_rate"].to_numpy(np.float64))


def as_shipped(group: Group) -> tuple[CoefficientColumns, ...]:
    """Return the coefficients of the catalog for each role."""
    return tuple(role.columns.coefficients for role in group.roles)
