"""Prints what docs/simulation-effects.md shows: the essays' effects as tables, from the scenes of tests/simulate.

python benchmarks/effects.py
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "simulate"))

import scenes

TARGETS = (2.4, 1.9, 1.4, 1.3, 1.2, 1.1, 1.0, 0.9, 0.8, 0.7)
TAILS = ((2.0, 0.1), (1.0, 0.05), (0.5, 0.04), (0.5, 0.03), (0.3, 0.02))


def show(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    print(f"**{title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n")


def cost() -> None:
    """Print replicas against p95."""
    rows = scenes.cost_curve(TARGETS)
    base = next(row.replicas for row in rows if row.target == 1.4)
    show(
        "Replicas for 200 brief calls/s against the p95 of a whole call",
        ("p95", "replicas", "against 1.4 s"),
        [(f"{row.target:.1f} s", f"{row.replicas}", f"{row.replicas / base - 1:+.0%}") for row in rows],
    )


def tails() -> None:
    """Print the rate carried within tails."""
    full, *rows = scenes.tail_curve(TAILS)
    show(
        "Conversations a replica carries within tails",
        ("TTFT p99", "TPOT p99", "calls/s", "lost"),
        [
            ("–", "–", f"{full.rate:.1f}", "–"),
            *(
                (f"{row.ttft:.1f} s", f"{row.tpot * 1e3:.0f} ms", f"{row.rate:.1f}", f"{1 - row.rate / full.rate:.0%}")
                for row in rows
            ),
        ],
    )


def batching() -> None:
    """Print what batching and memory allocation do."""
    show(
        "Batching and memory, conversations within a context of 4,096 tokens",
        ("engine", "calls/s at full load", "calls/s with E2E p95 ≤ 20 s", "calls that fit in memory"),
        [(row.name, f"{row.full:.1f}", f"{row.within:.1f}", f"{row.running:.0f}") for row in scenes.batching()],
    )
    show(
        "Calls/s at full load as outputs of 200 tokens on average differ more",
        ("standard deviation / mean", "static", "continuous"),
        [(f"{row.cv:g}", f"{row.static:.1f}", f"{row.continuous:.1f}") for row in scenes.spread_curve((0.0, 0.5, 1.0, 1.5))],
    )


def retries() -> None:
    """Print goodput against offered load, and what a burst leaves behind."""
    show(
        "Calls/s answered within 4 s against calls/s offered",
        ("offered", "one try", "one try, server not told", "four tries"),
        [
            (f"{row.offered:g}", f"{row.once:.1f}", f"{row.unheard:.1f}", f"{row.again:.1f}")
            for row in scenes.storm_curve((20.0, 28.0, 30.0, 32.0, 35.0, 40.0))
        ],
    )
    times = (3, 4, 5, 6, 8, 12, 23)
    show(
        "Share answered in ten seconds from, with 300 more calls from 40 to 50 s",
        ("calls/s", "tries", *(f"{10 * time} s" for time in times)),
        [
            (f"{steady:g}", f"{tries}", *(f"{share:.0%}" for share in scenes.after_burst(tries, steady)[list(times)]))
            for steady in (10.0, 14.0, 18.0)
            for tries in (1, scenes.TRIES)
        ],
    )


def mixing() -> None:
    """Print first tokens of chats and documents in one pool and in two."""
    show(
        "60 chats/s of 200 tokens and 1.8 documents/s of 30,000 on six replicas",
        ("", "replicas", "TTFT p95 of chats", "TTFT p95 of documents"),
        [(row.name, row.replicas, f"{row.chat * 1e3:,.0f} ms", f"{row.documents * 1e3:,.0f} ms") for row in scenes.mixing()],
    )


if __name__ == "__main__":
    for part in (cost, tails, batching, retries, mixing):
        part()
