"""Cross-checks of what may be chosen: names and patterns, contradictions, quality floors, data rules, quotas."""

from __future__ import annotations

from fnmatch import fnmatchcase

from planner.catalog import select
from planner.catalog.findings import Findings, Parts
from planner.catalog.offering import offered, payable
from planner.catalog.suggest import remedy_for
from planner.catalog.yamlfile import KeyPath
from planner.domain.calls import Choice, Choices
from planner.domain.catalog import Catalog
from planner.domain.workload import DataRules, Workload


def check_choices(parts: Parts, findings: Findings) -> None:
    """Check the problem's choices, then each workload's on top of them."""
    check_names(parts.catalog, parts.choose, ("choose",), findings)
    _targets(parts.catalog, parts.choose, ("choose",), findings)
    _limits(parts, findings)
    for index, workload in parts.workloads:
        path: KeyPath = ("workloads", index)
        check_names(parts.catalog, workload.choose, (*path, "choose"), findings)
        _targets(parts.catalog, workload.choose, (*path, "choose"), findings)
        _data(parts.catalog, workload.data, (*path, "data"), findings)
        if not findings.errors:
            _together(parts, workload, path, findings)


def check_names(catalog: Catalog, choices: Choices, path: KeyPath, findings: Findings) -> None:
    """Every name or pattern must match something, and nothing may be both allowed and forbidden."""
    for kind in select.KINDS:
        choice: Choice = getattr(choices, kind)
        known = select.names(catalog, kind)
        for field, patterns in (("allow", choice.allow or ()), ("forbid", choice.forbid)):
            for index, pattern in enumerate(patterns):
                if pattern != "*" and not _known(catalog, kind, pattern):
                    message = f"{pattern!r} matches no {_singular(kind)}"
                    findings.error((*path, kind, field, index), message, remedy_for(pattern, known, _listing(kind)))
        _contradictions(catalog, kind, choice, (*path, kind), findings)


def _known(catalog: Catalog, kind: str, pattern: str) -> bool:
    """Say whether a name or pattern stands for anything; models may also be ones that only an API has."""
    return bool(select.matching(catalog, kind, pattern)) or (kind == "models" and bool(select.sold(catalog, pattern)))


def _contradictions(catalog: Catalog, kind: str, choice: Choice, path: KeyPath, findings: Findings) -> None:
    both = [name for name in choice.allow or () if name in choice.forbid]
    for name in both:
        findings.error(
            (*path, "allow", (choice.allow or ()).index(name)), f"{name!r} is both allowed and forbidden", "remove one"
        )
    matched = choice.allow and any(select.matching(catalog, kind, name) for name in choice.allow)
    if not both and matched and not select.allowed(catalog, kind, choice):
        findings.error(
            path, f"everything allowed among the {_words(kind)} is also forbidden", "narrow `forbid`, or widen `allow`"
        )


def _targets(catalog: Catalog, choices: Choices, path: KeyPath, findings: Findings) -> None:
    """A speculator that is allowed by its name must have its target in the catalog; patterns may reach further."""
    for index, name in enumerate(choices.speculators.allow or ()):
        row = catalog.speculators.get(name)
        if row is not None and catalog.resolve_model(row.target) is None:
            message = f"{name!r} drafts for {row.target!r}, which is not in the catalog's models"
            remedy = remedy_for(row.target, catalog.models, "add the model to a catalog file, or allow another speculator")
            findings.error((*path, "speculators", "allow", index), message, remedy)


def _data(catalog: Catalog, rules: DataRules, path: KeyPath, findings: Findings) -> None:
    """Regions and licences must be known, and regions must lie in the continents allowed."""
    regions = select.regions(catalog)
    for index, region in enumerate(rules.regions or ()):
        if region not in regions:
            findings.error((*path, "regions", index), f"no seller has a region {region!r}", remedy_for(region, regions))
    licences = {model.licence for model in catalog.models.values() if model.licence}
    for index, licence in enumerate(rules.licences or ()):
        if licence not in licences:
            message = f"no model in the catalog has the licence {licence!r}"
            findings.error((*path, "licences", index), message, remedy_for(licence, licences))
    for field in ("regions", "region_groups", "licences"):
        if getattr(rules, field) == ():
            findings.error(
                (*path, field), "an empty list allows nothing", f"list what is allowed, or remove `{field}` to allow all"
            )


def _limits(parts: Parts, findings: Findings) -> None:
    """Limits must leave something to plan with, and quotas must be about things that exist."""
    limits, catalog = parts.limits, parts.catalog
    if limits.budget == 0 and not catalog.fleet:
        findings.error(("limits", "budget"), "a budget of nothing buys nothing", "raise it, or remove it to see what is needed")
    private = [workload.name for _, workload in parts.workloads if not workload.data.external_api]
    if limits.max_gpus == 0 and private:
        message = f"no GPU may be held, yet {private[0]!r} may not use an external API"
        findings.error(("limits", "max_gpus"), message, "raise max_gpus, or allow external_api")
    for index, quota in enumerate(limits.quotas):
        known = {"accelerator": select.names(catalog, "accelerators"), "region": select.regions(catalog)}
        known["seller"] = select.names(catalog, "sellers")
        for field, names in known.items():
            pattern: str = getattr(quota, field)
            if pattern != "*" and not any(fnmatchcase(name, pattern) for name in names):
                message = f"{pattern!r} matches no {field} in the catalog"
                findings.error(("limits", "quotas", index, field), message, remedy_for(pattern, names, _listing(f"{field}s")))


def _together(parts: Parts, workload: Workload, path: KeyPath, findings: Findings) -> None:
    """What problem and workload allow together must leave a way to serve the workload."""
    choices = (parts.choose, workload.choose)
    catalog = parts.catalog
    by_api = workload.data.external_api and bool(select.usable_apis(catalog, choices))
    if by_api:
        return
    if not select.usable_models(catalog, choices, workload.data.licences):
        message = "choices and licences together leave no model that generates text"
        findings.error((*path, "choose", "models"), message, f"{_WIDEN}, or accept more licences")
        return
    for kind in ("precisions", "kv_precisions", "engines", "layouts"):
        if not select.permitted(catalog, kind, choices):
            _nothing_left(kind, path, findings)
            return
    places = offered(catalog, choices)
    allowed = [price for price in places if _may_go(workload.data, price.region, price.region_group)]
    if not places:
        findings.error((*path, "choose"), "no machine is left to choose from", _WIDEN)
    elif not allowed:
        findings.error((*path, "data"), "no machine stands where this data may go", "widen regions or region_groups")
    elif not any(payable(price, catalog, choices, interruptible=workload.interruptible is True) for price in allowed):
        message = "no machine left can be paid for in an allowed way: the catalog has no such price for it"
        remedy = "allow more `offers` or machines" + (
            "" if workload.interruptible else "; spot machines need `interruptible: true`"
        )
        findings.error((*path, "choose", "offers"), message, remedy)


_WIDEN = "widen `choose` here or at the top of the file"


def _nothing_left(kind: str, path: KeyPath, findings: Findings) -> None:
    findings.error((*path, "choose", kind), f"the choices of problem and workload together leave no {_singular(kind)}", _WIDEN)


def _may_go(rules: DataRules, region: str, group: str) -> bool:
    """Say whether data may be processed in a region."""
    in_region = rules.regions is None or region in rules.regions
    return in_region and (rules.region_groups is None or group in rules.region_groups)


def _words(kind: str) -> str:
    return kind.replace("kv_", "KV cache ").replace("apis", "API offers").replace("offers", "ways to pay", int(kind == "offers"))


def _singular(kind: str) -> str:
    words = _words(kind)
    return "way to pay" if words == "ways to pay" else words.removesuffix("s")


def _listing(kind: str) -> str:
    """Return the command that lists names of a kind."""
    section = {"sellers": "instances", "regions": "instances"}.get(kind, kind)
    return "" if kind in ("offers", "layouts") else f"`planner catalog list {section}`"
