"""Rules of a problem that could be widened: data rules, and lists of what may be chosen.

A rule is first dropped; what the plan then uses that the rule had excluded is the change proposed, and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from planner.catalog.select import KINDS
from planner.domain.catalog import Catalog
from planner.domain.plan import Plan
from planner.domain.problem import Problem
from planner.domain.workload import Choice, DataRules, Workload
from planner.study import edit
from planner.study.words import listed
from planner.supply.choice import allowed, matches

_SINGULAR = {"kv_precisions": "KV precision", "apis": "API", "offers": "way to pay"}


@dataclass(frozen=True)
class Step:
    """A change to a problem, in words."""

    words: str
    """What to change, as an instruction."""
    apply: Callable[[Problem], Problem]
    """Changes it."""
    size: float = 1.0
    """How large the change is, relative to what it changes; a rule that is widened counts as one."""


@dataclass(frozen=True)
class Switch:
    """A rule that could be widened."""

    group: str
    """`data` or `choices`."""
    workload: str
    """Whom it concerns; empty = all."""
    name: str
    """What it is, in the user's words."""
    freed: Callable[[Problem], Problem]
    """Drops the rule."""
    narrowed: Callable[[Plan], Step | None]
    """The least widening that lets a plan pass; None if the rule did not stand in its way."""


def switches(problem: Problem, catalog: Catalog) -> list[Switch]:
    """Return every rule of a problem that could be widened."""
    found: list[Switch] = []
    for workload in problem.workloads:
        found += _data(workload, catalog)
    for name in ("", *(workload.name for workload in problem.workloads)):
        for kind in KINDS:
            choice: Choice = getattr(edit.choices_of(problem, name), kind)
            if choice.allow is not None:
                found.append(_allow(name, kind, choice))
            if choice.forbid:
                found.append(_forbid(name, kind, choice))
    return found


def _data(workload: Workload, catalog: Catalog) -> Iterator[Switch]:
    rules, name = workload.data, workload.name
    if not rules.external_api:
        yield _rule(name, "external_api", {"external_api": True}, partial(_with_api, name))
    if rules.region_groups is not None:
        yield _rule(name, "region_groups", {"region_groups": None}, partial(_with_groups, name, rules, catalog))
    if rules.regions is not None:
        yield _rule(name, "regions", {"regions": None}, partial(_with_regions, name, rules))
    if rules.regions is not None and rules.region_groups is not None:
        anywhere = {"regions": None, "region_groups": None}
        yield _rule(name, "regions and region_groups", anywhere, partial(_with_anywhere, name, rules))
    if rules.licences is not None:
        yield _rule(name, "licences", {"licences": None}, partial(_with_licences, name, rules, catalog))


def _rule(name: str, rule: str, dropped: dict[str, Any], narrowed: Callable[[Plan], Step | None]) -> Switch:
    return Switch("data", name, f"{name} {rule}", lambda problem: edit.with_data(problem, name, **dropped), narrowed)


def _changed(name: str, text: str, **fields: Any) -> Step:
    return Step(text, lambda problem: edit.with_data(problem, name, **fields))


def _with_api(name: str, plan: Plan) -> Step | None:
    used = [route.api for route in plan.apis if any(share.stream == name for share in route.shares)]
    return _changed(name, f"let {name} use an external API (here {listed(used)})", external_api=True) if used else None


def _with_groups(name: str, rules: DataRules, catalog: Catalog, plan: Plan) -> Step | None:
    place = {(i.seller, price.region): price.region_group for i in catalog.instances.values() for price in i.prices}
    groups = {place[buy.seller, buy.region] for buy in plan.purchases if (buy.seller, buy.region) in place}
    groups |= {group for route in plan.apis for group in catalog.apis[route.api].region_groups}
    more = sorted(groups - set(rules.region_groups or ()))
    where = listed(sorted({f"{buy.seller} {buy.region}" for buy in plan.purchases if place.get((buy.seller, buy.region)) in more}))
    text = f"allow {name} data in region group {listed(more)}" + (f" (here {where})" if where else "")
    return _changed(name, text, region_groups=(*(rules.region_groups or ()), *more)) if more else None


def _with_regions(name: str, rules: DataRules, plan: Plan) -> Step | None:
    known = {region.lower() for region in rules.regions or ()}
    more = sorted({buy.region for buy in plan.purchases if buy.region.lower() not in known})
    if not more and not plan.apis:
        return None
    if plan.apis:
        return _changed(name, f"drop {name} data.regions, which no API can promise", regions=None)
    return _changed(name, f"allow {name} data in {listed(more)}", regions=(*(rules.regions or ()), *more))


def _with_anywhere(name: str, rules: DataRules, plan: Plan) -> Step | None:
    if _with_regions(name, rules, plan) is None:
        return None
    where = listed(sorted({f"{buy.seller} {buy.region}" for buy in plan.purchases}))
    return _changed(name, f"drop {name} data.regions and data.region_groups (here {where})", regions=None, region_groups=None)


def _with_licences(name: str, rules: DataRules, catalog: Catalog, plan: Plan) -> Step | None:
    models = {pool.deployment.model for pool in plan.pools if any(share.stream == name for share in pool.shares)}
    excluded = sorted(model for model in models if catalog.models[model].licence not in (rules.licences or ()))
    if not excluded:
        return None
    licences = sorted({catalog.models[model].licence or "" for model in excluded})
    if "" in licences:
        return _changed(name, f"drop {name} data.licences (for {listed(excluded)}, whose licence is not known)", licences=None)
    text = f"accept licence {listed(licences)} for {name} ({listed(excluded)})"
    return _changed(name, text, licences=(*(rules.licences or ()), *licences))


def used_names(plan: Plan, kind: str) -> set[str]:
    """Return the names of a kind of choice that a plan uses."""
    if kind == "apis":
        return {route.api for route in plan.apis}
    if kind in ("models", "precisions", "kv_precisions", "engines"):
        return {getattr(pool.deployment, kind.removesuffix("s")) for pool in plan.pools}
    attribute = {"instances": "instance", "sellers": "seller", "regions": "region", "offers": "kind"}
    return {getattr(buy, attribute.get(kind, "accelerator")) for buy in plan.purchases}


def _allow(name: str, kind: str, choice: Choice) -> Switch:
    wide = choice.model_copy(update={"allow": None})

    def narrowed(plan: Plan) -> Step | None:
        more = sorted(used for used in used_names(plan, kind) if not allowed(used, choice))
        longer = choice.model_copy(update={"allow": (*(choice.allow or ()), *more)})
        return Step(_phrase("also allow", kind, more, name), partial(_set, name, kind, longer)) if more else None

    return Switch("choices", name, _path(name, kind, "allow"), partial(_set, name, kind, wide), narrowed)


def _forbid(name: str, kind: str, choice: Choice) -> Switch:
    wide = choice.model_copy(update={"forbid": ()})

    def narrowed(plan: Plan) -> Step | None:
        more = sorted(used for used in used_names(plan, kind) if not allowed(used, choice))
        rest = tuple(pattern for pattern in choice.forbid if not any(matches(used, pattern) for used in more))
        shorter = choice.model_copy(update={"forbid": rest})
        return Step(_phrase("no longer forbid", kind, more, name), partial(_set, name, kind, shorter)) if more else None

    return Switch("choices", name, _path(name, kind, "forbid"), partial(_set, name, kind, wide), narrowed)


def _set(name: str, kind: str, choice: Choice, problem: Problem) -> Problem:
    return edit.with_choice(problem, name, kind, choice)


def _path(name: str, kind: str, field: str) -> str:
    return f"{name + ' ' if name else ''}choose.{kind}.{field}"


def _phrase(verb: str, kind: str, names: Sequence[str], workload: str) -> str:
    """Write `also allow accelerator h200-sxm for chat`."""
    what = _SINGULAR.get(kind, kind.removesuffix("s"))
    return f"{verb} {what} {listed(list(names))}" + (f" for {workload}" if workload else "")
