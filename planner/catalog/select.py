"""What names and patterns in a problem's `choose` mean: the one place that says which catalog names they match."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import get_args

from planner.domain.catalog import Catalog
from planner.domain.hardware import OfferKind
from planner.domain.workload import Choice, Choices

KINDS = tuple(Choices.model_fields)
_MAGIC = frozenset("*?[")


def is_pattern(name: str) -> bool:
    """Say whether `name` is a shell pattern rather than a name."""
    return not _MAGIC.isdisjoint(name)


def names(catalog: Catalog, kind: str) -> tuple[str, ...]:
    """Return every name a `choose` entry of this kind may match."""
    if kind == "sellers":
        return tuple(sorted({instance.seller for instance in catalog.instances.values()}))
    if kind == "regions":
        return regions(catalog)
    if kind == "offers":
        return tuple(get_args(OfferKind))
    return tuple(getattr(catalog, kind))


def regions(catalog: Catalog) -> tuple[str, ...]:
    """Return every region a machine can be had in."""
    priced = {price.region for instance in catalog.instances.values() for price in instance.prices}
    standing = {row.region for row in catalog.owned.values()} | {row.region for row in catalog.fleet.values()}
    return tuple(sorted(priced | standing))


def matching(catalog: Catalog, kind: str, pattern: str) -> frozenset[str]:
    """Return the names that a name, an alias of a model, or a pattern stands for."""
    known = names(catalog, kind)
    if is_pattern(pattern):
        return frozenset(name for name in known if fnmatchcase(name, pattern))
    if kind == "models":
        found = catalog.resolve_model(pattern)
        return frozenset() if found is None else frozenset({found})
    return frozenset({pattern}) & frozenset(known)


def permitted(catalog: Catalog, kind: str, choices: Iterable[Choices]) -> frozenset[str]:
    """Return the names of a kind that every one of `choices` lets through."""
    left = frozenset(names(catalog, kind))
    for choice in choices:
        left &= allowed(catalog, kind, getattr(choice, kind))
    return left


def allowed(catalog: Catalog, kind: str, choice: Choice) -> frozenset[str]:
    """Return the names one choice lets through: all it allows less all it forbids."""
    everything = frozenset(names(catalog, kind))
    let_in = everything if choice.allow is None else _union(catalog, kind, choice.allow)
    return let_in - _union(catalog, kind, choice.forbid)


def _union(catalog: Catalog, kind: str, patterns: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*(matching(catalog, kind, pattern) for pattern in patterns))
