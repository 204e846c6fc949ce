"""The combinations worth evaluating: model × precision × KV precision × engine × hardware × layout.

Pairs that cannot go together are ruled out pair by pair, each with its reason, before the product is formed; what is
left are index columns, one row a deployment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.candidates.rejection import Ledger
from planner.domain.catalog import Catalog
from planner.domain.engine import Engine
from planner.domain.hardware import Accelerator
from planner.domain.llm import KvPrecision, Model, Precision
from planner.supply.cells import Supply

Index = NDArray[np.intp]

DEGREES = (1, 2, 4, 8, 16)
"""Parallel degrees considered; powers of two, so that replicas pack into machines without loss."""

MAX_GPUS = 32
"""Most accelerators of one replica."""

MAX_STAGES = 4
"""Most pipeline stages of one replica."""


@dataclass(frozen=True)
class Hardware:
    """A machine as far as speed is concerned; cells that differ only in seller, place or price share one."""

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
        columns = {name: getattr(self, name)[index] for name in ("model", "precision", "kv", "engine", "machine", "shape")}
        names = {n: getattr(self, n) for n in ("models", "precisions", "kv_precisions", "engines", "hardware", "shapes")}
        return Space(**names, **columns)

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
            f"{machine.node}×{machine.accelerator}",
            str(self.shapes[self.shape[row]]),
        ]
        return " ".join(parts)


def hardware_of(supply: Supply, catalog: Catalog) -> tuple[tuple[Hardware, ...], tuple[int, ...]]:
    """Return the distinct machines of a supply, and the machine of each cell."""
    found: dict[Hardware, int] = {}
    of_cell = []
    for cell in supply.cells:
        shape = catalog.instances[cell.instance]
        machine = Hardware(cell.accelerator, cell.gpus, shape.fabric, shape.network or 0.0, shape.network_fabric)
        of_cell.append(found.setdefault(machine, len(found)))
    return tuple(found), tuple(of_cell)


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


def build_space(catalog: Catalog, models: Sequence[str], supply: Supply, allowed: AllowedNames, ledger: Ledger) -> Space:
    """Return every combination that is possible at all, with the reason for each pair that is not.

    Parameters
    ----------
    catalog : facts
    models : models some stream may use
    supply : machines some stream may use
    allowed : precisions, KV precisions and engines some stream may use
    ledger : takes the rejections

    Returns
    -------
    Space
    """
    machines, _ = hardware_of(supply, catalog)
    shapes = all_shapes()
    runs = list(_runtimes(catalog, machines, allowed, ledger))
    placed = {m: [s for s, shape in enumerate(shapes) if _fits(shape, machines[m], catalog)] for m in range(len(machines))}
    rows: list[Index] = []
    for model_index, model_name in enumerate(models):
        model = catalog.models[model_name]
        published = _published(model_name, model, catalog, allowed.precisions, ledger)
        cuts = _cuts(model, catalog, allowed.engines, shapes)
        for precision, kv, engine, machine in runs:
            if precision not in published:
                continue
            chosen = [s for s in placed[machine] if s in cuts[engine]]
            if chosen:
                head = np.array([model_index, precision, kv, engine, machine], dtype=np.intp)
                rows.append(np.column_stack([np.tile(head, (len(chosen), 1)), np.array(chosen, dtype=np.intp)]))
    table = np.concatenate(rows) if rows else np.zeros((0, 6), dtype=np.intp)
    return Space(
        tuple(models), allowed.precisions, allowed.kv_precisions, allowed.engines, machines, shapes, *np.ascontiguousarray(table.T)
    )


@dataclass(frozen=True)
class AllowedNames:
    """Names some stream may use."""

    precisions: tuple[str, ...]
    """Weight precisions."""
    kv_precisions: tuple[str, ...]
    """KV precisions."""
    engines: tuple[str, ...]
    """Engines."""


def _fits(shape: Shape, machine: Hardware, catalog: Catalog) -> bool:
    return shape_fits_machine(shape, machine, catalog.accelerators[machine.accelerator])


def _published(name: str, model: Model, catalog: Catalog, precisions: Sequence[str], ledger: Ledger) -> set[int]:
    """Return the precisions a model can be had in."""
    good = set()
    for index, precision in enumerate(precisions):
        problem = checkpoint_problem(model, precision, catalog.precisions[precision])
        if problem is None:
            good.add(index)
        else:
            ledger.add("checkpoint", f"{name} {precision}", problem)
    return good


def _cuts(model: Model, catalog: Catalog, engines: Sequence[str], shapes: Sequence[Shape]) -> list[set[int]]:
    """Return, per engine, the layouts a model can be cut into."""
    return [{s for s, shape in enumerate(shapes) if shape_fits_model(shape, model, catalog.engines[engine])} for engine in engines]


def _runtimes(
    catalog: Catalog, machines: Sequence[Hardware], allowed: AllowedNames, ledger: Ledger
) -> Iterator[tuple[int, int, int, int]]:
    """Yield (precision, kv, engine, machine) that go together; note the reason of those that do not."""
    noted: set[tuple[str, str]] = set()

    def note(code: str, subject: str, problem: str) -> None:
        if (subject, problem) not in noted:
            noted.add((subject, problem))
            ledger.add(code, subject, problem)

    for m, machine in enumerate(machines):
        accelerator = catalog.accelerators[machine.accelerator]
        for e, engine_name in enumerate(allowed.engines):
            engine = catalog.engines[engine_name]
            problem = engine_problem(engine, accelerator)
            if problem:
                note("engine", f"{engine_name} {machine.accelerator}", problem)
                continue
            weights = list(_kernels(engine.precisions, catalog.precisions, allowed.precisions, engine_name, machine, accelerator, note))
            caches = list(
                _kernels(engine.kv_precisions, catalog.kv_precisions, allowed.kv_precisions, engine_name, machine, accelerator, note)
            )
            for p in weights:
                for k in caches:
                    yield p, k, e, m


def _kernels(supported, rows, names, engine_name, machine, accelerator, note):  # type: ignore[no-untyped-def]
    """Yield the indices of the formats that engine and accelerator both know."""
    for index, name in enumerate(names):
        if name not in supported:
            note("engine", f"{name} {engine_name}", "no kernels for this format")
            continue
        problem = format_problem(accelerator, name, rows[name])
        if problem:
            note("format", f"{name} {machine.accelerator}", problem)
        else:
            yield index
