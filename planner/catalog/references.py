"""Checks that every name one catalog row uses is the name of another row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from planner.catalog.suggest import remedy_for
from planner.catalog.yamlfile import KeyPath
from planner.domain.catalog import Catalog


@dataclass(frozen=True)
class Dangling:
    """A name used at `path` that no row of `section` bears."""

    path: KeyPath
    """Section, row, field."""
    name: str
    """The name used."""
    section: str
    """Where it should be defined."""
    remedy: str
    """The nearest name, or the list."""

    @property
    def message(self) -> str:
        """The mistake in words."""
        return f"{self.name!r} is not in the catalog's {self.section}"


def dangling(catalog: Catalog) -> list[Dangling]:
    """Return every reference of a catalog that leads nowhere."""
    found = []
    for path, name, section, extra in _references(catalog):
        known: Mapping[str, Any] = getattr(catalog, section)
        if name not in known and name not in extra:
            remedy = remedy_for(name, known, f"`planner catalog list {section}`")
            found.append(Dangling(path, name, section, remedy))
    return found


_Reference = tuple[KeyPath, str, str, frozenset[str]]
_NONE: frozenset[str] = frozenset()
_ANY = frozenset({"*"})


def _references(catalog: Catalog) -> Iterator[_Reference]:
    """Yield path, name, section and the words allowed besides names."""
    yield from _hardware(catalog)
    yield from _models(catalog)
    yield from _engines(catalog)
    yield from _offers(catalog)
    yield from _lever_facts(catalog)


def _hardware(catalog: Catalog) -> Iterator[_Reference]:
    none = frozenset({"none"})
    for name, accelerator in catalog.accelerators.items():
        yield ("accelerators", name, "fabric"), accelerator.fabric, "fabrics", none
    for name, instance in catalog.instances.items():
        yield ("instances", name, "accelerator"), instance.accelerator, "accelerators", _NONE
        yield ("instances", name, "fabric"), instance.fabric, "fabrics", none if instance.count == 1 else _NONE
        if instance.network is not None or "network_fabric" in instance.model_fields_set:
            yield ("instances", name, "network_fabric"), instance.network_fabric, "fabrics", none


def _models(catalog: Catalog) -> Iterator[_Reference]:
    for name, model in catalog.models.items():
        yield ("models", name, "native_precision"), model.native_precision, "precisions", _NONE
        yield from _each(("models", name, "precisions"), model.precisions, "precisions")
        for index, score in enumerate(model.scores):
            yield ("models", name, "scores", index, "benchmark"), score.benchmark, "benchmarks", _NONE


def _engines(catalog: Catalog) -> Iterator[_Reference]:
    for name, engine in catalog.engines.items():
        yield from _each(("engines", name, "precisions"), engine.precisions, "precisions")
        yield from _each(("engines", name, "kv_precisions"), engine.kv_precisions, "kv_precisions")
    for name, row in catalog.coefficients.items():
        yield ("coefficients", name, "accelerator"), row.accelerator, "accelerators", _ANY
        yield ("coefficients", name, "engine"), row.engine, "engines", _ANY
    for name, factor in catalog.factors.items():
        yield ("factors", name, "accelerator"), factor.accelerator, "accelerators", _ANY
        yield ("factors", name, "engine"), factor.engine, "engines", _ANY
    for name, seen in catalog.evidence.items():
        yield ("evidence", name, "accelerator"), seen.accelerator, "accelerators", _ANY
        yield ("evidence", name, "engine"), seen.engine, "engines", _ANY
        yield from _each(("evidence", name, "models"), seen.models, "models")


def _offers(catalog: Catalog) -> Iterator[_Reference]:
    for name, api in catalog.apis.items():
        if api.open_model is not None:
            yield ("apis", name, "open_model"), api.open_model, "models", _NONE
        for index, score in enumerate(api.scores):
            yield ("apis", name, "scores", index, "benchmark"), score.benchmark, "benchmarks", _NONE
    for name, offer in catalog.owned.items():
        yield ("owned", name, "instance"), offer.instance, "instances", _NONE
    for name, machines in catalog.fleet.items():
        yield ("fleet", name, "instance"), machines.instance, "instances", _NONE


def _lever_facts(catalog: Catalog) -> Iterator[_Reference]:
    """Models may be named as published; benchmarks and accelerators are ours."""
    for name, router in catalog.routers.items():
        if router.benchmark is not None:
            yield ("routers", name, "benchmark"), router.benchmark, "benchmarks", _NONE
    for name, speculator in catalog.speculators.items():
        if speculator.draft is not None and speculator.draft.model is not None:
            yield ("speculators", name, "draft", "model"), speculator.draft.model, "models", _NONE
    for name, training in catalog.finetunes.items():
        if training.accelerator is not None:
            yield ("finetunes", name, "accelerator"), training.accelerator, "accelerators", _NONE


def _each(path: KeyPath, names: Iterable[str], section: str) -> Iterator[_Reference]:
    for index, name in enumerate(names):
        yield (*path, index), name, section, _NONE
