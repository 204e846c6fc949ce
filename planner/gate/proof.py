"""Rules about trust: how close to the least cost, of how much the bound speaks, which catalogs, how old the prices are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from planner.domain.plan import Plan
from planner.gate.finding import DAYS, SHARE, Evidence, Finding, Unknown, Words, at_most
from planner.report import format as fmt

DAY = 86400.0
"""Seconds."""

_DATED = re.compile(r"\((\d{4})(?:-(\d{2}))?(?:-(\d{2}))?\)\s*$")
"""The date that ends a source."""


def gap(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """Check the proven gap.

    (objective − bound)/objective ≤ max_gap
    """
    found = evidence.plan.proof
    change = _tightened(evidence.plan) or f"solve with --gap {fmt.significant(100.0 * limit)}% and a longer --time-limit"
    words = Words("proven gap", f"proof.gap; no plan costs less than {fmt.hourly(found.bound)}", f"{change}, or raise the limit")
    yield at_most("max_gap", SHARE, found.gap, limit, words)


def complete(evidence: Evidence, _: bool) -> Iterator[Finding | Unknown]:
    """Check that the proof is whole: the asked gap was reached, and the bound leaves out no deployment and no way.

    termination = optimal, complete, and no way to serve a workload set aside by an estimate (ways_loss)
    """
    rule, proof = "require_complete", evidence.plan.proof
    if "complete" not in proof.model_fields_set:
        message = "the plan does not say whether its bound covers every deployment (proof.complete)"
        yield Unknown(rule, message, "make the plan again with this version: planner solve PROBLEM.yaml -o plan")
        return
    lacks = []
    if proof.termination != "optimal":
        lacks.append(("not proved to the gap asked for", _tightened(evidence.plan) or "give it a longer --time-limit"))
    if not proof.complete:
        lacks.append(("the bound leaves out deployments that were screened by an estimate", "narrow what may be chosen (choose)"))
    if proof.ways_loss is not None:
        said = f"the bound leaves out {fmt.plural(proof.ways_left_out, 'way')} to serve"
        lacks.append((said, "offer fewer levers or settings"))
    said, note = (
        ("; ".join(texts) for texts in zip(*lacks, strict=True))
        if lacks
        else ("proven optimal, the bound covers every deployment", "proof.termination, proof.complete")
    )
    yield Finding(rule, not lacks, not lacks, limit=True, unit="", said=said, note=note)


def _tightened(plan: Plan) -> str:
    """Say where a simulation asked for more room than the bound knows of; empty where none did."""
    asked = plan.simulation is not None and plan.simulation.tightened
    return "the simulation asked for more room after the proof: solve without --verify for a plan as proved" if asked else ""


def digest(evidence: Evidence, limit: str) -> Iterator[Finding]:
    """Check that the plan was made with exactly these catalogs: SHA-256 of all of them, merged, overrides included."""
    found, asked = evidence.plan.catalog_digest, limit
    kept = found == asked
    said = f"made with catalogs {found}" + ("" if kept else f", not {asked}")
    note = "catalog_digest" if kept else "make the plan again with those catalogs, or approve these: set catalog_digest"
    yield Finding("catalog_digest", kept, found, asked, "", said, note)


def age(evidence: Evidence, limit: float) -> Iterator[Finding | Unknown]:
    """Check how old the oldest price is.

    today − min over prices of date ≤ max_age    [day]

    of machines, as their purchases say, and of vector stores, as the facts say. A month stands for its first day, a year for its
    first of January, so that no price is taken for younger than it is.
    """
    rule = "max_age"
    dated = [(name, source, _date(source)) for name, source in _prices(evidence.plan)]
    undated = {name: source for name, source, day in dated if day is None}
    known = [(day, name) for name, _, day in dated if day is not None]
    later = [f"{name} ({day})" for day, name in known if day > evidence.today]
    if undated:
        first = next(iter(undated.values())) or "nothing"
        message = f"no day stands with the price of {', '.join(undated)}: {first}"
        yield Unknown(rule, message, "leave max_age out for plans with such prices, or forbid what sells at them (choose)")
    elif later:
        yield Unknown(
            rule, f"priced after today, {evidence.today}: {', '.join(later)}", "check the clock, and as_of in the catalog"
        )
    elif not known:
        yield Unknown(rule, "the plan pays for nothing that has a price", "leave this rule out")
    else:
        day, name = min(known)
        change = f"renew the prices of {name} in the catalogs and make the plan again, or raise the limit"
        words = Words(f"age of the oldest price, {name}, {day}", f"price_source of {fmt.plural(len(known), 'price')}", change)
        yield at_most(rule, DAYS, float((evidence.today - day).days), limit / DAY, words)


def _prices(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield what is paid for and where its price comes from."""
    for buy in plan.purchases:
        if any(buy.machines.values()):
            yield f"{buy.instance} in {buy.region}, {buy.kind.replace('_', ' ')}", buy.price_source
    for route in plan.external:
        yield getattr(route, "name", route.api), route.price_source
    for part in plan.stores:
        name = f"{part.store} on {part.offer}"
        told = [fact.source for fact in plan.facts if name in fact.subject.split(", ")]
        yield name, next(filter(_date, told), "")


def _date(source: str) -> date | None:
    """Return the day that ends a source, the first it may mean; None where there is none."""
    found = _DATED.search(source)
    if found is None:
        return None
    year, month, day = (int(part or 1) for part in found.groups())
    try:
        return date(year, month, day)
    except ValueError:
        return None
