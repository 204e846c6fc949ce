"""What stands where on the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from planner.domain.plan import Fact, Plan
from planner.domain.plan_choices import Alternative
from planner.report import format as fmt
from planner.report import gather
from planner.report.figures import FIGURES, SLIM, WIDE
from planner.report.figures.svg import inline
from planner.report.page.pieces import Piece
from planner.report.words import promise_verdict, proof, simulated, size, sizing, split

WEAK = ("assumed", "fitted")
"""Standings of what nobody measured on the reader's own machines: worth a measurement before a signature."""

STANDINGS = {
    "assumed": "nobody measured it",
    "fitted": "a regression over measurements says so",
    "published": "a vendor or a paper says so",
    "measured": "somebody measured it",
    "stated": "the problem file says so",
}
"""How a fact is known → what that means."""


@dataclass(frozen=True)
class Part:
    """A part of the page."""

    name: str
    """Of its anchor."""
    title: str
    lead: str
    """What it answers."""
    figures: tuple[str, ...]
    titles: tuple[str, ...]
    """Sections of the Markdown report in it, by the beginning of their titles."""


PARTS = (
    Part(
        "fleet",
        "Fleet and routing",
        "What runs, where, and who is answered by it.",
        ("routes",),
        (
            "Pools",
            "Who is served where",
            "How requests are served",
            "Purchases",
            "APIs",
            "Units bought at APIs",
            "Vector stores",
            "Availability",
        ),
    ),
    Part(
        "cost",
        "Cost",
        "Where the money goes, and what a token comes to.",
        ("cost", "tokens", "payments"),
        ("Statement of costs", "Cost by workload", "APIs against own", "Cost by", "Payments"),
    ),
    Part(
        "latency",
        "Latency",
        "What was promised, what is predicted, and how sure that is.",
        ("latency",),
        ("Promises", "Every promise", "Predicted latencies"),
    ),
    Part("memory", "Memory", "What fills a GPU.", ("memory",), ("Memory of one GPU",)),
    Part("load", "Load and capacity", "How far machines follow demand.", ("load",), ("Pools in every period",)),
    Part("choices", "Alternatives", "What else could be done, and what each gives up.", ("frontier",), ("Scenarios",)),
    Part("energy", "Energy and carbon", "What machines draw and emit.", (), ("Energy and carbon",)),
)
"""Parts that hold sections of the report, in order; sections that none names come last, so that nothing is ever lost."""

OWN = ("Warnings", "Why this plan", "What it rests on", "How it was found")
"""Sections that the page lays out itself."""


@dataclass(frozen=True)
class Drawing:
    """A figure on the page."""

    name: str
    title: str
    note: str
    wide: str
    """SVG for a desk."""
    slim: str
    """SVG for a telephone."""


@dataclass(frozen=True)
class Filled:
    """A part with what is in it."""

    part: Part
    drawings: tuple[Drawing, ...]
    read: tuple[Piece, ...]
    looked_up: tuple[Piece, ...]


def drawings_of(plan: Plan) -> dict[str, Drawing]:
    """Return every figure that the plan has something to draw for."""
    made = {}
    for figure in FIGURES:
        wide, slim = figure.draw(plan, WIDE), figure.draw(plan, SLIM)
        if wide is not None and slim is not None:
            said = figure.describe(plan)
            both = (inline(scene, figure.title, said, f"{figure.name}-{kind}") for scene, kind in ((wide, "w"), (slim, "s")))
            made[figure.name] = Drawing(figure.name, figure.title, figure.note(plan), *both)
    return made


def fill(plan: Plan, pieces: Sequence[Piece]) -> list[Filled]:
    """Return the parts that have something in them, and last what no part asked for."""
    drawings = drawings_of(plan)
    left = [piece for piece in pieces if not piece.title.startswith(OWN)]
    made = []
    for part in PARTS:
        own = sorted((piece for piece in left if piece.title.startswith(part.titles)), key=lambda p: _order(part, p))
        left = [piece for piece in left if piece not in own]
        shown = tuple(drawings[name] for name in part.figures if name in drawings)
        if own or shown or (part.name == "choices" and plan.alternatives):
            made.append(_filled(part, shown, own))
    if left:
        made.append(_filled(Part("more", "Details", "What else the plan holds.", (), ()), (), left))
    return made


def _filled(part: Part, shown: tuple[Drawing, ...], own: Sequence[Piece]) -> Filled:
    read = tuple(piece for piece in own if not piece.folded)
    return Filled(part, shown, read, tuple(piece for piece in own if piece.folded))


def _order(part: Part, piece: Piece) -> int:
    return next(place for place, title in enumerate(part.titles) if piece.title.startswith(title))


@dataclass(frozen=True)
class Tile:
    """A figure of the first glance."""

    label: str
    value: str
    below: str
    tone: str = ""


def tiles(plan: Plan) -> list[Tile]:
    """Return what is read first: cost, proof, fleet, promises."""
    verdict, holds = promise_verdict(plan)
    found = plan.proof
    sure = f"at least {fmt.hourly(found.bound)}" if found.complete else "of the deployments evaluated"
    kinds = [(kind, number) for kind, number in plan.accelerators.items() if number]
    pools = f"{fmt.plural(len(plan.pools), 'pool')} · {fmt.plural(len({route.api for route in plan.external}), 'API')}"
    worst = max((row.worst.predicted / row.worst.target for row in gather.kept(plan)), default=None)
    room = f"tightest at {fmt.percent(worst)} of its target" if worst is not None else ""
    return [
        Tile("Cost", fmt.monthly(plan.cost.per_month), f"{fmt.hourly(plan.cost.total)} on average"),
        Tile("Above the proven least", f"{fmt.percent(found.gap)} at most", sure, "good" if found.termination == "optimal" else "warn"),
        Tile("Accelerators", " + ".join(f"{number:,} × {kind}" for kind, number in kinds) or "none", pools),
        Tile("Promises", verdict, room, "good" if holds else "bad"),
    ]


def summary(plan: Plan) -> list[tuple[str, str]]:
    """Return the sentences below the first glance."""
    rows = [("Proof", proof(plan)), ("Made of", split(plan)), ("Size", size(plan))]
    if plan.sizing:
        rows.append(("Sizing", sizing(plan)))
    if plan.simulation:
        rows.append(("Simulation", simulated(plan)))
    return rows


def checks(plan: Plan) -> list[tuple[str, str, str]]:
    """Return what was verified, how it came out, and in what colour."""
    found = plan.proof
    repaired = f" after {fmt.plural(found.repairs, 'repair')}" if found.repairs else ""
    simulation = ("not done; `planner solve --verify` simulates every pool call by call", "soft")
    if plan.simulation:
        broken = any(one.broken for one in plan.simulation.promises)
        simulation = (simulated(plan), "bad" if broken else "good")
    return [
        ("Least cost", proof(plan), "good" if found.termination == "optimal" else "warn"),
        (
            "Independent check",
            f"passed{repaired}: cost, rules, limits and every promise were derived anew from the plan, the problem and the "
            "catalogs, by code that did not make the plan; one that fails is never written",
            "good",
        ),
        ("Latency promises", promise_verdict(plan)[0], "good" if promise_verdict(plan)[1] else "bad"),
        ("Simulation", *simulation),
    ]


def facts(plan: Plan) -> tuple[list[Fact], list[Fact], list[tuple[str, int, str]]]:
    """Return the weak facts, the others, and how many there are of each standing."""
    ranked = gather.weakest(plan.facts)
    counts = Counter(fact.standing for fact in ranked)
    told = [(name, counts[name], STANDINGS[name]) for name in gather.STANDINGS if counts[name]]  # type: ignore[index]
    return [f for f in ranked if f.standing in WEAK], [f for f in ranked if f.standing not in WEAK], told


def alternatives(plan: Plan) -> list[tuple[Alternative, str, str]]:
    """Return each alternative with its cost, and how that compares."""
    made = []
    for one in plan.alternatives:
        cost = "no plan" if one.cost is None else fmt.hourly(one.cost)
        more = "" if one.cost is None or not plan.cost.total else fmt.margin(one.cost / plan.cost.total - 1.0)
        made.append((one, cost, more))
    return made
