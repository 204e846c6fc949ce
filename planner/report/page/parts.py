"""What stands where on the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from planner.domain.plan import Fact, Plan
from planner.report import choices, gather
from planner.report import format as fmt
from planner.report.figures import FIGURES, SLIM, WIDE
from planner.report.figures.svg import inline
from planner.report.page.pieces import Piece
from planner.report.words import promise_verdict, proof, simulated, sizing, split

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
    """Sections of the Markdown report in it, by title; `x*` = all whose title begins so."""


PARTS = (
    Part(
        "fleet",
        "Fleet and routing",
        "What runs, where, and who is answered by it.",
        ("routes",),
        (
            "Changes from today",
            "Pools",
            "Who is served where",
            "How requests are served",
            "Purchases",
            "Committed spend",
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
        ("Statement of costs*", "Cost by workload", "APIs against own*", "Cost by*", "Payments", "What one more is worth"),
    ),
    Part(
        "latency",
        "Latency",
        "What was promised, what is predicted, and how sure that is.",
        ("latency",),
        ("Promises", "Every promise in every period", "Predicted latencies"),
    ),
    Part("memory", "Memory", "What fills a GPU.", ("memory",), ("Memory of one GPU",)),
    Part(
        "load", "Load and capacity", "How far machines follow demand.", ("load",), ("Following demand", "Pools in every period")
    ),
    Part(
        "choices",
        "Alternatives",
        "What else could be done, what each gives up, and what the cost hangs on.",
        ("others", "frontier", "tornado"),
        ("Scenarios", "Cost at other levels", "What the cost hangs on", "How these were found"),
    ),
    Part("energy", "Energy and carbon", "What machines draw and emit.", (), ("Energy and carbon",)),
)
"""Parts that hold sections of the report, in order; sections that none names come last, so that nothing is ever lost."""

NAMED = 4
"""Workloads that the opening names; more are counted."""

FIRST = 4
"""Reasons that are read; the others are looked up."""

OWN = ("Warnings", "Why this plan", "Other plans", "What it rests on*", "How it was found")
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
    left = [piece for piece in pieces if _place(OWN, piece) is None]
    made = []
    for part in PARTS:
        placed = [(at, piece) for piece in left if (at := _place(part.titles, piece)) is not None]
        own = [piece for _, piece in sorted(placed, key=lambda pair: pair[0])]
        left = [piece for piece in left if piece not in own]
        shown = tuple(drawings[name] for name in part.figures if name in drawings)
        if own or shown or (part.name == "choices" and plan.alternatives):
            made.append(_filled(part, shown, own))
    if left:
        made.append(_filled(Part("more", "Details", "What else the plan holds.", (), ()), (), left))
    return made


def _filled(part: Part, shown: tuple[Drawing, ...], own: Sequence[Piece]) -> Filled:
    """Sort what is read from what is looked up: a table that only repeats the figure above it is."""
    drawn = {drawing.title for drawing in shown}
    looked_up = tuple(piece for piece in own if piece.folded or piece.title in drawn)
    return Filled(part, shown, tuple(piece for piece in own if piece not in looked_up), looked_up)


def _place(titles: Sequence[str], piece: Piece) -> int | None:
    """Return which of the titles a section has; None if none."""
    for place, title in enumerate(titles):
        if piece.title == title or (title.endswith("*") and piece.title.startswith(title[:-1])):
            return place
    return None


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
    sure = f"no plan{'' if found.complete else ' of those evaluated'} is below {fmt.hourly(found.bound)}"
    kinds = [(kind, number) for kind, number in plan.accelerators.items() if number]
    pools = f"{fmt.plural(len(plan.pools), 'pool')} · {fmt.plural(len({route.api for route in plan.external}), 'API')}"
    worst = max((row.worst.predicted / row.worst.target for row in gather.kept(plan)), default=None)
    room = f"tightest at {fmt.percent(worst)} of its target" if worst is not None else ""
    return [
        Tile("Cost", fmt.monthly(plan.cost.per_month), f"{fmt.hourly(plan.cost.total)} on average"),
        Tile("Gap to the proven least", fmt.percent(found.gap), sure, "good" if found.termination == "optimal" else "warn"),
        Tile("Accelerators", " + ".join(f"{number:,} × {kind}" for kind, number in kinds) or "none", pools),
        Tile("Promises", verdict, room, "good" if holds else "bad"),
    ]


def opening(plan: Plan) -> str:
    """Say in a few sentences what is proposed, what it costs, and how sure that is."""
    workloads = [row.workload for row in plan.cost.by_workload]
    whom = f"{', '.join(workloads[:-1])} and {workloads[-1]}" if 1 < len(workloads) <= NAMED else f"{len(workloads):,} workloads"
    whom = workloads[0] if len(workloads) == 1 else whom
    kinds = [f"{number:,} × {kind}" for kind, number in plan.accelerators.items() if number]
    apis = len({route.api for route in plan.external})
    on = [f"{' and '.join(kinds)} in {fmt.plural(len(plan.pools), 'pool')}"] if kinds else []
    on += [fmt.plural(apis, "API")] if apis else []
    verdict, weak = promise_verdict(plan)[0], sum(fact.standing in WEAK for fact in plan.facts)
    rests = f" It rests on {fmt.plural(weak, 'assumption')} that nobody measured on your machines, listed below." if weak else ""
    return (
        f"Serving {whom} costs {fmt.monthly(plan.cost.per_month)}, {fmt.hourly(plan.cost.total)}, on {' and '.join(on)}. "
        f"{verdict}.{rests}"
    )


def summary(plan: Plan) -> list[tuple[str, str]]:
    """Return the sentences below the first glance."""
    rows = [("Made of", split(plan))]
    if plan.sizing:
        rows.append(("Sizing", sizing(plan)))
    if plan.simulation:
        rows.append(("Simulation", simulated(plan)))
    return rows


_CHECKED = (
    "cost, rules, limits and every promise were derived anew from the plan, the problem and the catalogs, by code that did not "
    "make the plan; one that fails is never written"
)


def checks(plan: Plan) -> list[tuple[str, str, str]]:
    """Return what was verified, how it came out, and in what colour."""
    found = plan.proof
    repaired = f" after {fmt.plural(found.repairs, 'repair')}" if found.repairs else ""
    simulation = ("not done; planner solve --verify simulates every pool call by call", "soft")
    if plan.simulation:
        broken = any(one.broken for one in plan.simulation.promises)
        simulation = (simulated(plan), "bad" if broken else "good")
    return [
        ("Least cost", proof(plan), "good" if found.termination == "optimal" else "warn"),
        (
            "Independent check",
            f"passed{repaired}: {_CHECKED}",
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


@dataclass(frozen=True)
class Other:
    """Another plan, as the page shows it."""

    names: tuple[str, ...]
    cost: str
    more: str
    """How that compares."""
    differs: tuple[str, ...]
    gives_up: tuple[str, ...]
    gains: tuple[str, ...]


def alternatives(plan: Plan) -> list[Other]:
    """Return the other plans, the cheapest first."""
    found = ((choices.called(other), other.answer) for other in choices.ranked(plan))
    return [
        Other(names, choices.cost(one), choices.against(plan, one), choices.differs(one), one.gives_up, one.gains)
        for names, one in found
    ]
