"""What names and patterns in a problem's `choose` mean: the one place that says which catalog names they match."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import get_args

from planner.domain.calls import Choice, Choices
from planner.domain.catalog import Catalog
from planner.domain.hardware import OfferKind, paid_as
from planner.domain.layout import all_shapes
from planner.domain.llm import Role
from planner.domain.problem import Quota

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
        return tuple(kind for kind in get_args(OfferKind) if paid_as(kind) == (kind,))
    if kind == "layouts":
        return tuple(str(shape) for shape in all_shapes())
    return tuple(getattr(catalog, kind))


def regions(catalog: Catalog) -> tuple[str, ...]:
    """Return every region a machine can be had in."""
    priced = {price.region for instance in catalog.instances.values() for price in instance.prices}
    standing = {row.region for row in catalog.owned.values()} | {row.region for row in catalog.fleet.values()}
    return tuple(sorted(priced | standing))


def matches(name: str, pattern: str) -> bool:
    """Say whether a shell pattern (`h100-*`) or plain name fits `name`, letter case aside."""
    return fnmatchcase(name.lower(), pattern.lower())


def counts(quota: Quota, accelerator: str, region: str, seller: str, offer: str) -> bool:
    """Say whether a quota counts machines: all four of its patterns must fit."""
    names, patterns = (accelerator, region, seller, offer), (quota.accelerator, quota.region, quota.seller, quota.offer)
    return all(matches(name, pattern) for name, pattern in zip(names, patterns, strict=True))


def matching(catalog: Catalog, kind: str, pattern: str) -> frozenset[str]:
    """Return the names that a name, an alias of a model, or a shell pattern stands for, letter case aside."""
    found = frozenset(name for name in names(catalog, kind) if matches(name, pattern))
    if not found and kind == "models" and not is_pattern(pattern):
        behind = catalog.resolve_model(pattern)
        return frozenset() if behind is None else frozenset({behind})
    return found


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


def lets(choice: Choice, names: Iterable[str]) -> bool:
    """Say whether a choice lets something of several names through: none forbidden and, where it allows by name, one allowed."""
    known = tuple(names)
    allow = choice.allow is None or any(matches(name, pattern) for name in known for pattern in choice.allow)
    return allow and not any(matches(name, pattern) for name in known for pattern in choice.forbid)


def sold(catalog: Catalog, pattern: str) -> frozenset[str]:
    """Return the API offers of models that are not in the catalog which a name or pattern of models stands for."""
    unknown = ((name, offer) for name, offer in catalog.apis.items() if offer.open_model is None)
    return frozenset(name for name, offer in unknown if matches(name, pattern) or matches(offer.model, pattern))


def usable_apis(catalog: Catalog, choices: Iterable[Choices]) -> list[str]:
    """Return the API offers that choices of APIs and of models let through.

    An open model behind an API must be allowed as on machines of one's own. Of any other model only names are known, the offer's
    and the seller's: a choice of models must let these through.
    """
    given = tuple(choices)
    models = permitted(catalog, "models", given)

    def serves(name: str) -> bool:
        offer = catalog.apis[name]
        if offer.open_model is not None:
            return offer.open_model in models
        return all(lets(choice.models, (name, offer.model)) for choice in given)

    return sorted(name for name in permitted(catalog, "apis", given) if serves(name))


def usable_models(
    catalog: Catalog, choices: Iterable[Choices], licences: Iterable[str] | None, role: Role = "generate"
) -> list[str]:
    """Return the models of a role that choices and a licence rule let through; an unknown licence passes no rule."""
    rule = None if licences is None else frozenset(licences)
    let_in = sorted(permitted(catalog, "models", choices))
    models = ((name, catalog.models[name]) for name in let_in)
    return [name for name, model in models if model.role == role and (rule is None or model.licence in rule)]


def without_aliases(catalog: Catalog, choices: Choices) -> Choices:
    """Return the choices with every alias of a model replaced by its catalog name, so that later rooms need not know aliases."""
    models = choices.models
    allow = None if models.allow is None else tuple(plain(catalog, name) for name in models.allow)
    named = Choice(allow=allow, forbid=tuple(plain(catalog, name) for name in models.forbid))
    return choices if named == models else choices.model_copy(update={"models": named})


def plain(catalog: Catalog, name: str) -> str:
    """Return the catalog name behind a name or an alias; patterns and unknown names as they are."""
    return name if is_pattern(name) else catalog.resolve_model(name) or name


def _union(catalog: Catalog, kind: str, patterns: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*(matching(catalog, kind, pattern) for pattern in patterns))
