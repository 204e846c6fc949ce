"""The combinations worth evaluating: model × precision × KV precision × engine × hardware × layout.

Pairs that cannot go together are ruled out pair by pair, each with its reason, before the product is formed; what is
left are index columns, one row a deployment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.candidates.rejection import Ledger
from planner.domain.catalog import Catalog
from planner.domain.engine import Engine
from planner.domain.hardware import Accelerator
from planner.domain.llm import KvPrecision, Model, Precision
from planner.supply.cells import Cell, Supply

Index = NDArray[np.intp]

DEGREES = (1, 2, 4, 8, 16)
"""Parallel degrees considered; powers of two, so that replicas pack into machines without loss."""

MAX_GPUS = 32
"""Most accelerators of one replica."""

MAX_STAGES = 4
"""Most pipeline stages of one replica."""


@dataclass(frozen=True)
class Hardware:
    """A machine as far as the speed of a replica is concerned; see `seen_by` for what a replica does not notice."""

    accelerator: str
    """Catalog name."""
    node: int
    """Accelerators in a machine."""
    fabric: str
    """Link inside it."""
    network: float
    """Network rate of the machine to others [B/s]; 0 = none known, so no replica spans machines."""
    network_fabric: str
    """Kind of that network."""

    def seen_by(self, gpus: int) -> Hardware:
        """Return what a replica of `gpus` devices notices of this machine.

        One device notices no link, a replica within the machine neither its size nor its network. Deployments that
        notice the same are evaluated once, wherever they could stand.
        """
        if gpus == 1:
            return Hardware(self.accelerator, 1, "none", 0.0, "none")
        if gpus <= self.node:
            return Hardware(self.accelerator, gpus, self.fabric, 0.0, "none")
        return self


@dataclass(frozen=True)
class Shape:
    """How one replica is spread over devices."""

    tp: int
    """Tensor-parallel degree."""
    pp: int
    """Pipeline stages."""
    dp: int
    """Attention data-parallel ranks."""

    @property
    def gpus(self) -> int:
        """Devices."""
        return self.tp * self.pp * self.dp

    @property
    def ep(self) -> int:
        """Expert-parallel degree: with attention data parallelism experts are spread over tp·dp devices."""
        return self.tp * self.dp if self.dp > 1 else 1

    def __str__(self) -> str:
        """Render as `tp4 pp2`."""
        parts = [f"tp{self.tp}"]
        if self.pp > 1:
            parts.append(f"pp{self.pp}")
        if self.dp > 1:
            parts.append(f"dp{self.dp} ep{self.ep}")
        return " ".join(parts)


_COLUMNS = ("model", "precision", "kv", "engine", "machine", "shape")
_NAMES = ("models", "precisions", "kv_precisions", "engines", "hardware", "shapes")


@dataclass(frozen=True, eq=False)
class Space:
    """Names and the index columns of every combination left."""

    models: tuple[str, ...]
    """Names."""
    precisions: tuple[str, ...]
    """Names."""
    kv_precisions: tuple[str, ...]
    """Names."""
    engines: tuple[str, ...]
    """Names."""
    hardware: tuple[Hardware, ...]
    """Machines."""
    shapes: tuple[Shape, ...]
    """Layouts."""
    model: Index
    """[N] index into `models`."""
    precision: Index
    """[N] index into `precisions`."""
    kv: Index
    """[N] index into `kv_precisions`."""
    engine: Index
    """[N] index into `engines`."""
    machine: Index
    """[N] index into `hardware`."""
    shape: Index
    """[N] index into `shapes`."""

    def __len__(self) -> int:
        """Return the number of combinations."""
        return len(self.model)

    def take(self, index: Index) -> Space:
        """Return the chosen rows."""
        return self.with_rows(np.stack([getattr(self, name)[index] for name in _COLUMNS]))

    def with_rows(self, table: Index) -> Space:
        """Return a space of the same names with other rows, given as [column, row]."""
        names = {n: getattr(self, n) for n in _NAMES}
        return Space(**names, **dict(zip(_COLUMNS, table, strict=True)))

    def joined(self, other: Space) -> Space:
        """Return the rows of both; the names must be the same."""
        return self.with_rows(np.stack([np.concatenate([getattr(self, c), getattr(other, c)]) for c in _COLUMNS]))

    def gpus(self) -> Index:
        """Return the devices of a replica, per row."""
        return np.array([shape.gpus for shape in self.shapes], dtype=np.intp)[self.shape]

    def describe(self, row: int) -> str:
        """Name a row in words: `Qwen/Qwen3-32B fp8 kv-fp8 vllm 8×h100-sxm tp2`."""
        machine = self.hardware[self.machine[row]]
        parts = [
            self.models[self.model[row]],
            self.precisions[self.precision[row]],
            self.kv_precisions[self.kv[row]],
            self.engines[self.engine[row]],
            f"{self.shapes[self.shape[row]].gpus}×{machine.accelerator}",
            str(self.shapes[self.shape[row]]),
        ]
        return " ".join(parts)


def machine_of(cell: Cell, catalog: Catalog) -> Hardware:
    """Return the machine of a cell."""
    shape = catalog.instances[cell.instance]
    return Hardware(cell.accelerator, cell.gpus, shape.fabric, shape.network or 0.0, shape.network_fabric)


@dataclass(frozen=True, eq=False)
class Sites:
    """Where each layout can stand: pairs of a machine as the replica notices it, and the cells that are such machines."""

    hardware: tuple[Hardware, ...]
    """Distinct machines as noticed by replicas."""
    shapes: tuple[Shape, ...]
    """Every layout considered."""
    pairs: tuple[tuple[int, int], ...]
    """(hardware, shape) that go together."""
    hosts: NDArray[np.bool_]
    """[hardware, cell] whether a cell is such a machine for the replicas that notice it so."""


def find_sites(supply: Supply, catalog: Catalog) -> Sites:
    """Return where replicas can stand.

    Parameters
    ----------
    supply : cells
    catalog : machines and accelerators

    Returns
    -------
    Sites
    """
    shapes = all_shapes()
    hardware: dict[Hardware, int] = {}
    pairs: dict[tuple[int, int], None] = {}
    hosted: list[tuple[int, int]] = []
    for index, cell in enumerate(supply.cells):
        machine = machine_of(cell, catalog)
        for s, shape in enumerate(shapes):
            if shape_fits_machine(shape, machine, catalog.accelerators[machine.accelerator]):
                noticed = hardware.setdefault(machine.seen_by(shape.gpus), len(hardware))
                pairs[noticed, s] = None
                hosted.append((noticed, index))
    hosts = np.zeros((len(hardware), len(supply.cells)), dtype=bool)
    for noticed, index in hosted:
        hosts[noticed, index] = True
    return Sites(tuple(hardware), shapes, tuple(pairs), hosts)


def compute_capability(accelerator: Accelerator) -> float | None:
    """Return NVIDIA's compute capability from the architecture text (`9.0 Hopper` → 9.0), None for other vendors."""
    match = re.match(r"^(?:sm_?)?(\d+(?:\.\d+)?)", accelerator.architecture)
    return float(match.group(1)) if match and accelerator.vendor == "nvidia" else None


def checkpoint_problem(model: Model, name: str, precision: Precision) -> str | None:
    """Return why a model cannot be had in a precision, None if it can."""
    sixteen = ("bf16", "fp16")
    if name == model.native_precision or name in model.precisions:
        return None
    if precision.universal and model.native_precision in sixteen:
        return None
    return f"published in {model.native_precision}; no checkpoint or conversion in {name} is known"


def format_problem(accelerator: Accelerator, name: str, precision: Precision | KvPrecision) -> str | None:
    """Return why an accelerator cannot compute in a precision, None if it can."""
    if precision.vendors and accelerator.vendor not in precision.vendors:
        return f"{name} has kernels for {', '.join(precision.vendors)} only"
    missing = [fmt for fmt in precision.needs if fmt not in accelerator.peak]
    if isinstance(precision, Precision) and precision.compute not in accelerator.peak:
        missing.append(precision.compute)
    return f"its matrix units have no {', '.join(dict.fromkeys(missing))}" if missing else None


def engine_problem(engine: Engine, accelerator: Accelerator) -> str | None:
    """Return why an engine does not run on an accelerator, None if it does."""
    if accelerator.vendor not in engine.vendors:
        return f"{engine.name} runs on {', '.join(engine.vendors)}"
    capability = compute_capability(accelerator)
    if engine.min_compute_capability is not None and capability is not None and capability < engine.min_compute_capability:
        return f"{engine.name} needs compute capability {engine.min_compute_capability:g}, this has {capability:g}"
    return None


def all_shapes() -> tuple[Shape, ...]:
    """Return every layout considered."""
    made = [Shape(tp, pp, dp) for tp in DEGREES for pp in DEGREES if pp <= MAX_STAGES for dp in DEGREES]
    return tuple(shape for shape in made if shape.gpus <= MAX_GPUS)


def shape_fits_machine(shape: Shape, machine: Hardware, accelerator: Accelerator) -> bool:
    """Whether a layout can be placed on machines of this kind, so that replicas pack without loss.

    Within one machine a replica's devices must divide it. A replica over several machines takes them whole: within one
    scale-up domain, or over the network with tensor parallelism inside the machine, or spread over exactly two.
    """
    if shape.gpus <= machine.node:
        return machine.node % shape.gpus == 0
    if shape.gpus % machine.node:
        return False
    if shape.gpus <= accelerator.scale_up_domain and accelerator.scale_up_domain > machine.node:
        return True
    inside = machine.node % shape.tp == 0 or (shape.tp == 2 * machine.node and machine.node >= 4)
    return machine.network > 0 and machine.node > 1 and inside and shape.gpus <= 4 * machine.node


def shape_fits_model(shape: Shape, model: Model, engine: Engine) -> bool:
    """Whether a model can be cut this way by this engine."""
    if model.attention.heads % shape.tp or shape.pp > model.layers:
        return False
    if shape.pp > 1 and not engine.pipeline_parallel:
        return False
    return shape.dp == 1 or (model.experts is not None and engine.expert_parallel and model.experts.count >= shape.ep)


@dataclass(frozen=True)
class AllowedNames:
    """Names some stream may use."""

    precisions: tuple[str, ...]
    """Weight precisions."""
    kv_precisions: tuple[str, ...]
    """KV precisions."""
    engines: tuple[str, ...]
    """Engines."""


def empty_space(models: Sequence[str], sites: Sites, allowed: AllowedNames) -> Space:
    """Return a space of these names without rows."""
    none = np.zeros((6, 0), dtype=np.intp)
    return Space(
        tuple(models), allowed.precisions, allowed.kv_precisions, allowed.engines, sites.hardware, sites.shapes, *none
    )  # fmt: skip


def build_space(
    catalog: Catalog, models: Sequence[str], sites: Sites, pairs: Sequence[tuple[int, int]], allowed: AllowedNames
) -> Space:
    """Return every combination of models, formats, engines and some sites that is possible at all.

    Parameters
    ----------
    catalog : facts
    models : models some stream may use
    sites : where replicas can stand
    pairs : the (hardware, shape) pairs of `sites` to enumerate
    allowed : precisions, KV precisions and engines some stream may use

    Returns
    -------
    Space
    """
    placed: dict[int, list[int]] = {}
    for machine, shape in pairs:
        placed.setdefault(machine, []).append(shape)
    runs = [run for run in _runtimes(catalog, sites.hardware, allowed) if run[3] in placed]
    rows: list[tuple[int, ...]] = []
    for index, name in enumerate(models):
        model = catalog.models[name]
        published = {p for p, fmt in enumerate(allowed.precisions) if not checkpoint_problem(model, fmt, catalog.precisions[fmt])}
        cuts = _cuts(model, catalog, allowed.engines, sites.shapes)
        for precision, kv, engine, machine in runs:
            if precision in published:
                rows.extend((index, precision, kv, engine, machine, s) for s in placed[machine] if s in cuts[engine])
    table = np.array(rows, dtype=np.intp).reshape(-1, 6)
    none = empty_space(models, sites, allowed)
    return none.with_rows(np.ascontiguousarray(table.T))


def note_pairs(catalog: Catalog, models: Sequence[str], sites: Sites, allowed: AllowedNames, ledger: Ledger) -> None:
    """Note every pair that cannot go together, with its reason, each once.

    Parameters
    ----------
    catalog, models, sites, allowed : as for `build_space`
    ledger : takes the reasons
    """
    for name in models:
        for fmt in allowed.precisions:
            problem = checkpoint_problem(catalog.models[name], fmt, catalog.precisions[fmt])
            if problem:
                ledger.add("checkpoint", f"{name} {fmt}", problem)
    for accelerator in dict.fromkeys(machine.accelerator for machine in sites.hardware):
        device = catalog.accelerators[accelerator]
        for engine in allowed.engines:
            problem = engine_problem(catalog.engines[engine], device)
            if problem:
                ledger.add("engine", f"{engine} {accelerator}", problem)
        formats = [(name, catalog.precisions[name]) for name in allowed.precisions]
        for name, fmt in [*formats, *((name, catalog.kv_precisions[name]) for name in allowed.kv_precisions)]:
            problem = format_problem(device, name, fmt)
            if problem:
                ledger.add("format", f"{name} {accelerator}", problem)


def _cuts(model: Model, catalog: Catalog, engines: Sequence[str], shapes: Sequence[Shape]) -> list[set[int]]:
    """Return, per engine, the layouts a model can be cut into."""
    return [{s for s, shape in enumerate(shapes) if shape_fits_model(shape, model, catalog.engines[engine])} for engine in engines]


def _runtimes(catalog: Catalog, machines: Sequence[Hardware], allowed: AllowedNames) -> Iterator[tuple[int, int, int, int]]:
    """Yield (precision, kv, engine, machine) that go together."""
    for m, machine in enumerate(machines):
        device = catalog.accelerators[machine.accelerator]
        for e, name in enumerate(allowed.engines):
            engine = catalog.engines[name]
            if engine_problem(engine, device):
                continue
            weights = _kernels(engine.precisions, catalog.precisions, allowed.precisions, device)
            caches = _kernels(engine.kv_precisions, catalog.kv_precisions, allowed.kv_precisions, device)
            for p in weights:
                for k in caches:
                    yield p, k, e, m


def _kernels(
    supported: Sequence[str],
    rows: Mapping[str, Precision] | Mapping[str, KvPrecision],
    names: Sequence[str],
    device: Accelerator,
) -> list[int]:
    """Return the indices of the formats that engine and accelerator both know."""
    return [index for index, name in enumerate(names) if name in supported and format_problem(device, name, rows[name]) is None]
