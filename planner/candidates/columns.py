"""From catalog rows to the columns the formulas take: one small table per kind of row, then taken by index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from planner.candidates.drafts import draft_row, speculation_columns
from planner.candidates.layouts import Hardware, link_reach
from planner.candidates.space import Space
from planner.catalog.coefficients import Case, effective, kinds_of
from planner.catalog.evidence import pessimism
from planner.domain.catalog import Catalog
from planner.domain.engine import Kind
from planner.domain.hardware import Accelerator, Fabric
from planner.domain.layout import Shape
from planner.domain.llm import Model
from planner.errors import MissingFact
from planner.perf import collectives
from planner.perf.columns import (
    CoefficientColumns,
    Columns,
    EngineColumns,
    HardwareColumns,
    LayoutColumns,
    LinkColumns,
    ModelColumns,
    PrecisionColumns,
)
from planner.perf.speculative import Speculation

Index = NDArray[np.intp]
_C = TypeVar("_C", bound=Columns)
_Row = TypeVar("_Row")

STATE_BYTES = 4.0
"""Bytes per element of recurrent state: engines keep it in fp32 (assumption; vLLM `mamba_ssm_cache_dtype` defaults vary)."""

SIXTEEN_BIT_BYTES = 2.0
"""Activations travel between devices in 16 bits, whatever the weights' format."""


@dataclass(frozen=True)
class DeploymentColumns:
    """Everything the formulas need to know of each deployment."""

    model: ModelColumns
    """Architecture."""
    precision: PrecisionColumns
    """Number formats."""
    hardware: HardwareColumns
    """Devices."""
    link: LinkColumns
    """Collectives."""
    coefficients: CoefficientColumns
    """Calibration."""
    engine: EngineColumns
    """Engine settings."""
    layout: LayoutColumns
    """Layout."""
    speculation: Speculation | None = None
    """Drafting; None where no deployment drafts."""


def _columns(kind: type[_C], rows: Sequence[_Row], read: Callable[[_Row], dict[str, float]]) -> _C:
    """Stack one dictionary a row into a bundle of arrays."""
    table = [read(row) for row in rows]
    return kind(**{f.name: np.array([float(row[f.name]) for row in table]) for f in fields(kind)})


def model_row(model: Model) -> dict[str, float]:
    """Return a model's architecture as numbers; absent parts are 0."""
    attention, linear, experts, parameters = model.attention, model.linear_attention, model.experts, model.parameters
    return {
        "layers": model.layers,
        "hidden": model.hidden,
        "vocabulary": model.vocabulary,
        "heads": attention.heads,
        "kv_heads": attention.kv_heads,
        "head_dim": attention.head_dim,
        "attention_layers": attention.layers,
        "window": attention.window or 0,
        "window_layers": attention.window_layers,
        "window_kv_heads": attention.window_kv_heads or attention.kv_heads,
        "window_head_dim": attention.window_head_dim or attention.head_dim,
        "kv_lora_rank": attention.kv_lora_rank or 0,
        "rope_dim": (attention.qk_rope_head_dim or 0) if attention.kv_lora_rank else 0,
        "nope_dim": attention.qk_nope_head_dim or 0,
        "value_dim": attention.v_head_dim or 0,
        "index_heads": attention.index_heads or 0,
        "index_dim": attention.index_head_dim or 0,
        "index_topk": attention.index_topk or 0,
        "linear_layers": linear.layers if linear else 0,
        "state_elements": linear.state_elements + linear.conv_state_elements if linear else 0.0,
        "attention_parameters": parameters.attention,
        "dense_parameters": parameters.dense,
        "expert_parameters": parameters.experts,
        "expert_parameters_active": parameters.experts_active,
        "embedding_parameters": parameters.embedding,
        "head_parameters": parameters.head,
        "tied": parameters.tied,
        "experts": experts.count if experts else 0,
        "experts_per_token": experts.per_token if experts else 0,
        "expert_layers": experts.layers if experts else 0,
        "expert_intermediate": experts.intermediate if experts else 0,
    }


class ColumnFactory:
    """Fills columns for any rows of a space; the small tables behind them are made once."""

    def __init__(self, catalog: Catalog, space: Space) -> None:
        """Keep what the tables are made from; `space` may be replaced by one of the same names."""
        self.catalog, self.space = catalog, space

    @cached_property
    def _models(self) -> ModelColumns:
        return _columns(ModelColumns, [self.catalog.models[name] for name in self.space.models], model_row)

    def _precision(self, space: Space) -> PrecisionColumns:
        rows = [self.catalog.precisions[name] for name in space.precisions]
        weight = np.array([row.bits_per_weight for row in rows]) / 8.0
        attention = np.array([row.attention_bits or row.bits_per_weight for row in rows]) / 8.0
        embedding = np.array([row.embedding_bits for row in rows]) / 8.0
        cache = np.array([self.catalog.kv_precisions[name].bits for name in space.kv_precisions]) / 8.0
        return PrecisionColumns(
            weight_bytes=weight[space.precision],
            attention_bytes=attention[space.precision],
            embedding_bytes=embedding[space.precision],
            kv_bytes=cache[space.kv],
            state_bytes=np.array(STATE_BYTES),
            activation_bytes=np.array(SIXTEEN_BIT_BYTES),
        )

    def _hardware(self, space: Space) -> HardwareColumns:
        devices = [self.catalog.accelerators[machine.accelerator] for machine in space.hardware]
        compute = [self.catalog.precisions[name].compute for name in space.precisions]
        peaks = np.array([[device.peak.get(fmt, np.nan) for fmt in compute] for device in devices]).reshape(len(devices), -1)

        def column(values: Sequence[float]) -> NDArray[np.float64]:
            return np.array(values, dtype=float)[space.machine]

        return HardwareColumns(
            memory=column([device.usable_memory for device in devices]),
            bandwidth=column([device.bandwidth for device in devices]),
            peak=peaks[space.machine, space.precision],
            peak16=column([sixteen_bit_peak(device) for device in devices]),
            devices=column([machine.node for machine in space.hardware]),
            scale_up=column([device.scale_up_domain for device in devices]),
        )

    @cached_property
    def _links(self) -> dict[tuple[int, int], dict[str, float]]:
        return {}

    def _link(self, space: Space) -> LinkColumns:
        """Price the collectives of each (machine, layout) once."""
        keys = space.machine * len(space.shapes) + space.shape
        unique, inverse = np.unique(keys, return_inverse=True)
        rows = []
        for key in unique.tolist():
            machine, shape = divmod(key, len(space.shapes))
            if (machine, shape) not in self._links:
                self._links[machine, shape] = link_row(self.catalog, space.hardware[machine], space.shapes[shape])
            rows.append(self._links[machine, shape])
        return _columns(LinkColumns, rows, lambda row: row).take(inverse)

    @cached_property
    def _coefficients(self) -> dict[tuple[int, int, int, int], dict[str, float]]:
        return {}

    @cached_property
    def _kinds(self) -> tuple[tuple[frozenset[Kind], ...], Index]:
        """The distinct kinds of (model, precision), and [model, precision] which of them each is."""
        table = [
            [kinds_of(self.catalog.models[model], self.catalog.precisions[precision]) for precision in self.space.precisions]
            for model in self.space.models
        ]
        distinct = tuple(dict.fromkeys(kinds for row in table for kinds in row))
        return distinct, np.array([[distinct.index(kinds) for kinds in row] for row in table], dtype=np.intp)

    def _calibration(self, space: Space) -> CoefficientColumns:
        """Look each case up once."""
        kinds, which = self._kinds
        wide = (len(space.hardware), len(space.engines), len(space.precisions), len(kinds))
        keys = np.ravel_multi_index((space.machine, space.engine, space.precision, which[space.model, space.precision]), wide)
        unique, inverse = np.unique(keys, return_inverse=True)
        rows = [
            self._coefficients_of(space, kinds, *place)
            for place in zip(*(part.tolist() for part in np.unravel_index(unique, wide)), strict=True)
        ]
        return _columns(CoefficientColumns, rows, lambda row: row).take(inverse)

    def _coefficients_of(
        self, space: Space, kinds: Sequence[frozenset[Kind]], machine: int, engine: int, precision: int, kind: int
    ) -> dict[str, float]:
        key = (machine, engine, precision, kind)
        if key not in self._coefficients:
            compute = self.catalog.precisions[space.precisions[precision]].compute
            case = Case(space.hardware[machine].accelerator, space.engines[engine], compute, kinds[kind])
            if case not in self._cases:
                self._cases[case] = effective(self.catalog, case)
            self._coefficients[key] = self._cases[case]
        return self._coefficients[key]

    @cached_property
    def _cases(self) -> dict[Case, dict[str, float]]:
        return {}

    @cached_property
    def _pessimism(self) -> dict[tuple[int, int, int, float], tuple[float, float]]:
        return {}

    def pessimism(self, rows: Index, confidence: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how much slower than predicted iterations, and what a call waits outside them, are taken to be, per row [1].

        Parameters
        ----------
        rows : of the space
        confidence : share of comparable measurements that were not slower (`planner.catalog.evidence.pessimism`)
        """
        space = self.space.take(rows)
        wide = (len(space.hardware), len(space.engines), len(space.precisions))
        keys = np.ravel_multi_index((space.machine, space.engine, space.precision), wide)
        unique, inverse = np.unique(keys, return_inverse=True)
        found = []
        for machine, engine, precision in zip(*(part.tolist() for part in np.unravel_index(unique, wide)), strict=True):
            key = (machine, engine, precision, confidence)
            if key not in self._pessimism:
                names = space.hardware[machine].accelerator, space.engines[engine]
                fmt = self.catalog.precisions[space.precisions[precision]].compute
                iteration, waiting = (pessimism(self.catalog, *names, fmt, metric, confidence) for metric in ("tpot", "ttft"))
                self._pessimism[key] = iteration, waiting
            found.append(self._pessimism[key])
        table = np.array(found).reshape(-1, 2)[inverse]
        return table[:, 0], table[:, 1]

    def _engine(self, space: Space) -> EngineColumns:
        rows = [self.catalog.engines[name] for name in space.engines]
        mixture = np.array([self.catalog.models[name].experts is not None for name in space.models])[space.model]
        dense = np.array([row.activation_floor for row in rows])[space.engine]
        moe = np.array([row.activation_floor_moe or row.activation_floor for row in rows])[space.engine]

        def column(values: Sequence[float]) -> NDArray[np.float64]:
            return np.array(values, dtype=float)[space.engine]

        return EngineColumns(
            memory_fraction=column([row.memory_fraction for row in rows]),
            tolerance=column([row.memory_tolerance for row in rows]),
            runtime_reserve=column([row.runtime_reserve for row in rows]),
            activation_floor=np.where(mixture, moe, dense),
            block_tokens=column([row.block_tokens for row in rows]),
            max_sequences=column([row.max_sequences for row in rows]),
            chunk_tokens=column([row.chunk_tokens for row in rows]),
            contiguous=column([row.allocation == "contiguous" for row in rows]),
        )

    def _layout(self, space: Space) -> LayoutColumns:
        def column(name: str) -> NDArray[np.float64]:
            return np.array([float(getattr(shape, name)) for shape in space.shapes])[space.shape]

        return LayoutColumns(tp=column("tp"), pp=column("pp"), dp=column("dp"), ep=column("ep"))

    @cached_property
    def _drafts(self) -> ModelColumns:
        """The draft of each way to draft as a model; where there is none, any model, which is then not used."""
        models, rows = self.catalog.models, []
        for way in self.space.drafts:
            speculator = self.catalog.speculators[way.speculator] if way else None
            draft = speculator.draft if speculator else None
            target = (self.catalog.resolve_model(speculator.target) if speculator else None) or self.space.models[0]
            whole = model_row(models[draft.model]) if draft and draft.model else None
            rows.append(draft_row(draft, model_row(models[target]), whole))
        return _columns(ModelColumns, rows, lambda row: row)

    def _speculation(self, space: Space, precision: PrecisionColumns) -> Speculation | None:
        if not any(space.drafts):
            return None
        return speculation_columns(space.drafts, space.draft, self.catalog, self._drafts, precision)

    def columns(self, rows: Index, coefficients: CoefficientColumns | None = None) -> DeploymentColumns:
        """Return the columns of some rows of the space; `coefficients` where they are known from more than the space says."""
        space = self.space.take(rows)
        precision = self._precision(space)
        return DeploymentColumns(
            model=self._models.take(space.model),
            precision=precision,
            hardware=self._hardware(space),
            link=self._link(space),
            coefficients=self._calibration(space) if coefficients is None else coefficients,
            engine=self._engine(space),
            layout=self._layout(space),
            speculation=self._speculation(space, precision),
        )


def sixteen_bit_peak(device: Accelerator) -> float:
    """Return the peak 16-bit rate of a device, in which attention runs [FLOP/s]."""
    found = device.peak.get("bf16") or device.peak.get("fp16")
    if found is None:
        raise MissingFact(f"accelerator {device.name} has no bf16 or fp16 peak rate; add it under accelerators.*.peak")
    return found


def allreduce_link(fabric: Fabric, device: Accelerator, degree: int) -> collectives.LinkCost:
    """Return latency and bandwidth of an all-reduce over `degree` devices of one link domain."""
    n = np.array(float(degree))
    if fabric.allreduce:
        points = np.array([[point.n, point.alpha, point.beta] for point in fabric.allreduce])
        return collectives.interpolate_points(n, points)
    return collectives.nominal_allreduce(
        n, np.array(_link_rate(fabric, device)), np.array(fabric.efficiency), np.array(fabric.p2p_alpha)
    )


def _link_rate(fabric: Fabric, device: Accelerator) -> float:
    """Return a link's nominal rate: its own, the device's, or the device's host link."""
    rate = (
        fabric.p2p_beta
        or (device.link_bandwidth if fabric.scope == "scale_up" else device.pcie_bandwidth)
        or device.link_bandwidth
    )
    if rate is None:
        raise MissingFact(f"no bandwidth is known for fabric {fabric.scope} of {device.name}; set p2p_beta or link_bandwidth")
    return rate


def link_row(catalog: Catalog, machine: Hardware, shape: Shape) -> dict[str, float]:
    """Return the collectives of a layout on a machine: inside the link domain where it reaches, across the network beyond.

    Parameters
    ----------
    catalog : fabrics and accelerators
    machine : node size, link, network
    shape : layout

    Returns
    -------
    Fields of `LinkColumns`; irrelevant ones (degree 1) hold a neutral value.
    """
    row = dict.fromkeys((f.name for f in fields(LinkColumns)), 1.0)
    if shape.gpus == 1:  # notices no link, so that none needs to be known
        return row
    device = catalog.accelerators[machine.accelerator]
    inner = catalog.fabrics[machine.fabric]
    outer = catalog.fabrics.get(machine.network_fabric, inner)  # within a machine no network is noticed, nor need be known
    reach = link_reach(machine, device)
    if shape.tp > 1:
        cost = _group_allreduce(inner, outer, device, machine, shape.tp, reach)
        row |= {"allreduce_alpha": float(cost.alpha), "allreduce_beta": float(cost.beta)}
    if shape.pp > 1:
        within = shape.gpus <= reach
        link = inner if within else outer
        rate = _link_rate(inner, device) * inner.efficiency if within else machine.network * outer.efficiency / machine.node
        row |= {"p2p_alpha": link.p2p_alpha, "p2p_beta": rate}
    if shape.dp > 1:
        cost = _group_alltoall(inner, outer, device, machine, shape.ep, reach)
        row |= {"alltoall_alpha": float(cost.alpha), "alltoall_beta": float(cost.beta)}
    return row


def _network_link(outer: Fabric, machine: Hardware) -> collectives.LinkCost:
    """Return the network's share of one device."""
    return collectives.LinkCost(alpha=np.array(outer.p2p_alpha), beta=np.array(machine.network * outer.efficiency / machine.node))


def _group_allreduce(
    inner: Fabric, outer: Fabric, device: Accelerator, machine: Hardware, degree: int, reach: int
) -> collectives.LinkCost:
    if degree <= reach:
        return allreduce_link(inner, device, degree)
    if outer.allreduce:
        return collectives.interpolate_points(
            np.array(float(degree)), np.array([[p.n, p.alpha, p.beta] for p in outer.allreduce])
        )
    nodes = degree // machine.node
    return collectives.hierarchical_allreduce(
        allreduce_link(inner, device, machine.node),
        _network_link(outer, machine),
        np.array(float(machine.node)),
        np.array(float(nodes)),
    )


def _group_alltoall(
    inner: Fabric, outer: Fabric, device: Accelerator, machine: Hardware, degree: int, reach: int
) -> collectives.LinkCost:
    inside = collectives.LinkCost(alpha=np.array(inner.p2p_alpha), beta=np.array(_link_rate(inner, device) * inner.efficiency))
    if degree <= reach:
        return inside
    nodes = degree / machine.node
    return collectives.hierarchical_alltoall(
        inside, _network_link(outer, machine), np.array(float(machine.node)), np.array(nodes)
    )
