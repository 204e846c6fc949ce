"""Rules of a problem that could be widened: data rules, and lists of what may be chosen.

A rule is first dropped; what the plan then uses that the rule had excluded is the change proposed, and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from planner.catalog.select import KINDS, matches
from planner.domain.calls import Choice
from planner.domain.catalog import Catalog
from planner.domain.hardware import paid_as
from planner.domain.plan import Plan
from planner.domain.plan_pools import Pool
from planner.domain.problem import Problem, ProblemChoices
from planner.domain.workload import DataRules, Workload
from planner.study import edit
from planner.study.streams import is_of
from planner.study.words import listed
from planner.supply.choice import allowed

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
    value: float | None = None
    """What a number is changed to; None for rules."""


@dataclass(frozen=True)
class Switch:
    """A rule that could be widened."""

    group: str
    """`data`, `choices` or `limits`."""
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
    found += _failures(problem)
    for who in (_EVERYONE, *_whose(problem)):
        for kind in KINDS:
            choice: Choice = getattr(edit.choices_of(problem, *who), kind)
            if choice.allow is not None and choice != ProblemChoices().speculators:  # not offered is no rule of the user's
                found.append(_allow(who, kind, choice, catalog))
            if choice.forbid:
                found.append(_forbid(who, kind, choice, catalog))
    return found


def _failures(problem: Problem) -> Iterator[Switch]:
    """Yield what is kept in spite of zones or regions being down: it is dropped as a whole."""
    if problem.operations.zones is not None:
        text = f"no longer keep promises while one of {problem.operations.zones} zones is down"
        yield _dropped("limits", "", "zones", text, lambda changed: edit.with_operations(changed, zones=None))
    for name in (workload.name for workload in problem.workloads if workload.failover is not None):
        text = f"no longer keep {name}'s promises while a group of regions is down"
        yield _dropped("data", name, f"{name} failover", text, partial(edit.with_workload, name=name, failover=None))


def _dropped(group: str, workload: str, name: str, text: str, freed: Callable[[Problem], Problem]) -> Switch:
    return Switch(group, workload, name, freed, lambda _: Step(text, freed))


Who = tuple[str, str]
"""A workload and one of its stages; of the whole workload, or of the problem, with empty names."""

_EVERYONE: Who = ("", "")


def _whose(problem: Problem) -> Iterator[Who]:
    """Yield all who have choices of their own."""
    for workload in problem.workloads:
        yield workload.name, ""
        yield from ((workload.name, stage.name) for stage in workload.stages)


def _data(workload: Workload, catalog: Catalog) -> Iterator[Switch]:
    rules, name = workload.data, workload.name
    if not rules.external_api:
        yield _rule(name, "external_api", {"external_api": True}, partial(_with_api, name))
    for rule in ("zero_retention", "no_training"):
        if getattr(rules, rule):
            yield _rule(name, rule, {rule: False}, partial(_with_terms, name, rule))
    if rules.region_groups is not None:
        yield _rule(name, "region_groups", {"region_groups": None}, partial(_with_groups, name, rules, catalog))
    if rules.regions is not None:
        yield _rule(name, "regions", {"regions": None}, partial(_with_regions, name, rules))
    if rules.regions is not None and rules.region_groups is not None:
        anywhere = {"regions": None, "region_groups": None}
        yield _rule(name, "regions and region_groups", anywhere, partial(_with_anywhere, name))
    if rules.licences is not None:
        yield _rule(name, "licences", {"licences": None}, partial(_with_licences, name, rules, catalog))


def _rule(name: str, rule: str, dropped: dict[str, Any], narrowed: Callable[[Plan], Step | None]) -> Switch:
    return Switch("data", name, f"{name} {rule}", lambda problem: edit.with_data(problem, name, **dropped), narrowed)


def _changed(name: str, text: str, **fields: Any) -> Step:
    return Step(text, lambda problem: edit.with_data(problem, name, **fields))


def _with_api(name: str, plan: Plan) -> Step | None:
    used = [route.api for route in plan.external if any(is_of(share.stream, name) for share in route.shares)]
    return _changed(name, f"let {name} use an external API (here {listed(used)})", external_api=True) if used else None


def _with_terms(name: str, rule: str, plan: Plan) -> Step | None:
    used = [route.api for route in plan.external if any(is_of(share.stream, name) for share in route.shares)]
    return _changed(name, f"drop {name} data.{rule} (here for {listed(used)})", **{rule: False}) if used else None


def _with_groups(name: str, rules: DataRules, catalog: Catalog, plan: Plan) -> Step | None:
    known = rules.region_groups or ()
    places = {
        (pool.region_group, f"{pool.seller} {pool.region}") for pool in _serving(plan, name) if pool.region_group not in known
    }
    far = {(group, route.api) for route in plan.external for group in catalog.apis[route.api].region_groups if group not in known}
    more = sorted({group for group, _ in places | far})
    where = listed(sorted({place for _, place in places | far}))
    return _changed(name, f"allow {name} data in {listed(more)} (here {where})", region_groups=(*known, *more)) if more else None


def _with_regions(name: str, rules: DataRules, plan: Plan) -> Step | None:
    if plan.external:
        return _changed(name, f"drop {name} data.regions, which no API can promise", regions=None)
    known = {region.lower() for region in rules.regions or ()}
    more = sorted({pool.region for pool in _serving(plan, name) if pool.region.lower() not in known})
    return _changed(name, f"allow {name} data in {listed(more)}", regions=(*(rules.regions or ()), *more)) if more else None


def _with_anywhere(name: str, plan: Plan) -> Step | None:
    where = listed(sorted({f"{pool.seller} {pool.region}" for pool in _serving(plan, name)}))
    text = f"drop {name} data.regions and data.region_groups" + (f" (here {where})" if where else "")
    return _changed(name, text, regions=None, region_groups=None)


def _with_licences(name: str, rules: DataRules, catalog: Catalog, plan: Plan) -> Step | None:
    models = {pool.deployment.model for pool in _serving(plan, name)}
    excluded = sorted(model for model in models if catalog.models[model].licence not in (rules.licences or ()))
    licences = sorted({catalog.models[model].licence or "" for model in excluded})
    if "" in licences:
        return _changed(name, f"drop {name} data.licences (for {listed(excluded)}, whose licence is not known)", licences=None)
    text = f"accept licence {listed(licences)} for {name} ({listed(excluded)})"
    return _changed(name, text, licences=(*(rules.licences or ()), *licences)) if excluded else None


def _serving(plan: Plan, name: str, stage: str = "") -> list[Pool]:
    """Return the pools that serve a workload or one of its stages, all of them for an empty name."""
    return [pool for pool in plan.pools if not name or any(is_of(share.stream, name, stage) for share in pool.shares)]


def used_names(plan: Plan, kind: str, who: Who, catalog: Catalog) -> set[str]:
    """Return the names of a kind of choice that a plan uses for a workload or stage, for all of them if its name is empty."""
    name = who[0]
    apis = {r.api for r in plan.external if not name or any(is_of(share.stream, *who) for share in r.shares)}
    if kind == "apis":
        return apis
    if kind == "offers":  # what is bought is not tied to pools; naming one way to pay too many widens no other rule
        return {str(paid) for buy in plan.purchases for paid in paid_as(buy.kind)}
    pools = _serving(plan, *who)
    if kind in ("instances", "sellers", "regions"):
        return {getattr(pool, kind.removesuffix("s")) for pool in pools}
    if kind == "speculators":
        return {how.speculator for pool in pools if (how := pool.deployment.speculation) is not None}
    if kind == "layouts":
        return {pool.deployment.layout.name for pool in pools}
    served = {getattr(pool.deployment, kind.removesuffix("s")) for pool in pools}
    return served | {catalog.apis[api].open_model or api for api in apis} if kind == "models" else served


def _allow(who: Who, kind: str, choice: Choice, catalog: Catalog) -> Switch:
    wide = choice.model_copy(update={"allow": None})

    def narrowed(plan: Plan) -> Step | None:
        more = sorted(used for used in used_names(plan, kind, who, catalog) if not allowed(used, choice))
        longer = choice.model_copy(update={"allow": (*(choice.allow or ()), *more)})
        return Step(_phrase("also allow", kind, more, who), partial(_set, who, kind, longer)) if more else None

    return Switch("choices", who[0], _path(who, kind, "allow"), partial(_set, who, kind, wide), narrowed)


def _forbid(who: Who, kind: str, choice: Choice, catalog: Catalog) -> Switch:
    wide = choice.model_copy(update={"forbid": ()})

    def narrowed(plan: Plan) -> Step | None:
        more = sorted(used for used in used_names(plan, kind, who, catalog) if not allowed(used, choice))
        rest = tuple(pattern for pattern in choice.forbid if not any(matches(used, pattern) for used in more))
        shorter = choice.model_copy(update={"forbid": rest})
        return Step(_phrase("no longer forbid", kind, more, who), partial(_set, who, kind, shorter)) if more else None

    return Switch("choices", who[0], _path(who, kind, "forbid"), partial(_set, who, kind, wide), narrowed)


def _set(who: Who, kind: str, choice: Choice, problem: Problem) -> Problem:
    return edit.with_choice(problem, who[0], kind, choice, who[1])


def _path(who: Who, kind: str, field: str) -> str:
    return f"{'/'.join(filter(None, who))} choose.{kind}.{field}".strip()


def _phrase(verb: str, kind: str, names: Sequence[str], who: Who) -> str:
    """Write `also allow accelerator h200-sxm for chat`."""
    what = _SINGULAR.get(kind, kind.removesuffix("s"))
    return f"{verb} {what} {listed(list(names))}" + (f" for {'/'.join(filter(None, who))}" if who[0] else "")
