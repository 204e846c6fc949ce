"""The combinations worth evaluating: model × precision × KV precision × engine × hardware × layout.

Pairs that cannot go together are ruled out pair by pair, each with its reason, before the product is formed; what is
left are index columns, one row a deployment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.candidates.drafts import PLAIN, Drafts, MaybeDrafts, drafting_problem, drafting_shape_problem
from planner.candidates.layouts import ROOM, Hardware, machine_of
from planner.candidates.pairs import checkpoint_problem, cut_problem, engine_problem, format_problem, shape_fits_machine
from planner.domain.catalog import Catalog
from planner.domain.hardware import Accelerator
from planner.domain.layout import Shape, all_shapes
from planner.domain.llm import KvPrecision, Model, Precision
from planner.supply.cells import Supply

Index = NDArray[np.intp]

_COLUMNS = ("model", "precision", "kv", "engine", "machine", "shape", "draft")
_NAMES = ("models", "precisions", "kv_precisions", "engines", "hardware", "shapes", "drafts")


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
    drafts: tuple[MaybeDrafts, ...]
    """Ways to draft tokens, None = not at all."""
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
    draft: Index
    """[N] index into `drafts`."""

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
        way = self.drafts[self.draft[row]]
        return " ".join(parts if way is None else [*parts, str(way)])


@dataclass(frozen=True, eq=False)
class Sites:
    """Where each layout can stand: pairs of a machine as the replica notices it, and the cells that are such machines."""

    hardware: tuple[Hardware, ...]
    """Distinct machines as noticed by replicas."""
    shapes: tuple[Shape, ...]
    """Every layout considered."""
    pairs: tuple[tuple[int, int], ...]
    """(hardware, shape) that go together."""
    spans: tuple[float, ...]
    """Weights that a model must exceed to be placed on a pair [B]; 0 where any model may."""
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
    pairs: dict[tuple[int, int], float] = {}
    hosted: list[tuple[int, int]] = []
    for index, cell in enumerate(supply.cells):
        machine = machine_of(cell, catalog)
        for s, shape in enumerate(shapes):
            device = catalog.accelerators[machine.accelerator]
            fast = fast_inside(machine, catalog)
            if shape_fits_machine(shape, machine, device) and not idle_stages(shape, machine, device, fast=fast):
                noticed = hardware.setdefault(machine.seen_by(shape.gpus), len(hardware))
                pairs[noticed, s] = spanned_weights(shape, machine, device)
                hosted.append((noticed, index))
    hosts = np.zeros((len(hardware), len(supply.cells)), dtype=bool)
    for noticed, index in hosted:
        hosts[noticed, index] = True
    return Sites(tuple(hardware), shapes, tuple(pairs), tuple(pairs.values()), hosts)


def fast_inside(machine: Hardware, catalog: Catalog) -> bool:
    """Whether a fast link joins the devices of a machine."""
    return machine.node > 1 and catalog.fabrics[machine.fabric].scope == "scale_up"


def reach(machine: Hardware, device: Accelerator) -> int:
    """Return how many devices the fast link joins around a machine."""
    return max(machine.node, device.scale_up_domain if device.scale_up_domain > machine.node else 1)


def idle_stages(shape: Shape, machine: Hardware, device: Accelerator, *, fast: bool) -> bool:
    """Whether a layout has pipeline stages where tensor parallelism over a fast link does the same without bubbles."""
    return shape.pp > 1 and fast and shape.gpus <= reach(machine, device)


def spanned_weights(shape: Shape, machine: Hardware, device: Accelerator) -> float:
    """Return the weights a model must exceed for a replica over several machines [B]; 0 for one machine.

    A network between the devices of a replica only costs time, so a replica spans machines where one of them has no
    room for the weights and a working cache (`ROOM`), or to spread experts wide.
    """
    if shape.gpus <= reach(machine, device) or shape.dp > 1:
        return 0.0
    return ROOM * reach(machine, device) * device.usable_memory


@dataclass(frozen=True)
class AllowedNames:
    """Names some stream may use."""

    precisions: tuple[str, ...]
    """Weight precisions."""
    kv_precisions: tuple[str, ...]
    """KV precisions."""
    engines: tuple[str, ...]
    """Engines."""
    drafts: tuple[MaybeDrafts, ...] = PLAIN
    """Ways to draft tokens."""


def empty_space(models: Sequence[str], sites: Sites, allowed: AllowedNames) -> Space:
    """Return a space of these names without rows."""
    none = np.zeros((len(_COLUMNS), 0), dtype=np.intp)
    formats = allowed.precisions, allowed.kv_precisions, allowed.engines
    return Space(tuple(models), *formats, sites.hardware, sites.shapes, allowed.drafts, *none)


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
    least = dict(zip(sites.pairs, sites.spans, strict=True))
    placed: dict[int, list[tuple[int, float]]] = {}
    for machine, shape in pairs:
        placed.setdefault(machine, []).append((shape, least[machine, shape]))
    runs = [run for run in _runtimes(catalog, sites.hardware, allowed) if run[3] in placed]
    rows: list[tuple[int, ...]] = []
    staged = {s for s, shape in enumerate(sites.shapes) if drafting_shape_problem(shape)}
    for index, name in enumerate(models):
        model = catalog.models[name]
        published = {p for p, fmt in enumerate(allowed.precisions) if not checkpoint_problem(model, fmt, catalog.precisions[fmt])}
        cuts = _cuts(model, catalog, allowed.engines, sites.shapes)
        ways = _drafting(name, catalog, allowed)
        weights = [model.parameters.total * catalog.precisions[fmt].bits_per_weight / 8.0 for fmt in allowed.precisions]
        for precision, kv, engine, machine in runs:
            if precision in published:
                here = (s for s, span in placed[machine] if s in cuts[engine] and weights[precision] > span)
                rows.extend((index, precision, kv, engine, machine, s, d) for s in here for d in ways[engine, s in staged])
    table = np.array(rows, dtype=np.intp).reshape(-1, len(_COLUMNS))
    none = empty_space(models, sites, allowed)
    return none.with_rows(np.ascontiguousarray(table.T))


def _cuts(model: Model, catalog: Catalog, engines: Sequence[str], shapes: Sequence[Shape]) -> list[set[int]]:
    """Return, per engine, the layouts a model can be cut into."""
    return [
        {s for s, shape in enumerate(shapes) if cut_problem(shape, model, catalog.engines[engine]) is None} for engine in engines
    ]


def _drafting(model: str, catalog: Catalog, allowed: AllowedNames) -> dict[tuple[int, bool], list[int]]:
    """Return, by engine and whether there are pipeline stages, the ways in which a model's deployments may draft."""
    found: dict[tuple[int, bool], list[int]] = {}
    for e, engine in enumerate(allowed.engines):
        found[e, True] = [d for d, way in enumerate(allowed.drafts) if way is None]
        found[e, False] = [d for d, way in enumerate(allowed.drafts) if way is None or _drafts(model, way, catalog, engine)]
    return found


def _drafts(model: str, way: Drafts, catalog: Catalog, engine: str) -> bool:
    """Whether a way to draft is made for a model and known to an engine."""
    speculator = catalog.speculators[way.speculator]
    return catalog.resolve_model(speculator.target) == model and drafting_problem(speculator, catalog.engines[engine]) is None


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
