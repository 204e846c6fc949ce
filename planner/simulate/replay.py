"""Replaying a recorded trace: a window of it, louder or softer, for as long as wanted; nothing dropped without being counted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import NDArray

from planner.demand.issues import mistake
from planner.demand.statistics import busiest_window
from planner.demand.trace import Trace
from planner.simulate.requests import NO_GROUP, Counts, Floats, Requests

BLOCK_TOKENS = 512
"""Prompt tokens that one of Mooncake's hash_ids stands for [token] (README of its trace release, FAST'25)."""

_ROUNDING = 1e-12
"""Share by which sums of times may exceed what they should be equal to."""

Scaling = Literal["copies", "clock"]
"""How a rate is changed: more or fewer of the same independent users, or the same ones in another tempo."""


@dataclass(frozen=True)
class Skipped:
    """What became of the rows of a replay: `offered` = calls made + `thinned` + `too_long`."""

    offered: int
    """Rows within the replayed time, of all copies."""
    thinned: int
    """Left out by chance, to lower the rate."""
    too_long: int
    """Left out because their prompt leaves no room for an output token within the context limit."""
    shortened: int
    """Served with fewer output tokens than recorded, to stay within the context limit."""
    lifted: int
    """Served with one output token where the trace records none: the prompt's computation yields it anyway."""
    remarks: tuple[str, ...]
    """The same in words for the report, those of the trace included."""


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of a trace to be replayed, before any is left out."""

    time: Floats
    """When each comes [s]."""
    row: NDArray[np.intp]
    """Which row of the trace it is."""
    copy: Counts
    """Which copy of the trace it belongs to; copies share no prefix."""

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> _Rows:
        """Return some of them."""
        return _Rows(self.time[chosen], self.row[chosen], self.copy[chosen])


def replay(
    trace: Trace,
    *,
    start: float = 0.0,
    span: float | None = None,
    rate_scale: float = 1.0,
    scaling: Scaling = "copies",
    duration: float | None = None,
    context_limit: int | None = None,
    stream: int = 0,
    seed: int = 0,
) -> tuple[Requests, Skipped]:
    """Return the calls of a trace, prompts and outputs together as recorded.

    copies: ⌈s⌉ copies, each kept with probability s / ⌈s⌉;   clock: t → t / s

    Parameters
    ----------
    trace : Trace
        As read.
    start, span : float [s]
        Window of it, [start, start + span) after its first request; no span = to its end. `busiest` finds the window that
        a plan rests on.
    rate_scale : float [1]
        s, by which the mean rate is multiplied.
    scaling : {"copies", "clock"}
        How.
    duration : float, optional [s]
        Time to fill, by repeating the window or cutting it; absent = the window once.
    context_limit : int, optional [token]
        Most tokens of prompt and output together.
    stream : int
        Number of the stream in `Requests.stream`.
    seed : int
        Chance of thinning and of the copies' shifts.

    Returns
    -------
    Requests
        In order of arrival, time from the window's start.
    Skipped
        What was left out or changed.

    Raises
    ------
    InvalidInput
        No request in the window, a window beyond the trace's end, every prompt too long, a scale or time that is not positive.

    Notes
    -----
    Copies stand for independent users of the same habits: each keeps its bursts, but they fall at different times, so peaks grow
    less than the mean. Below 1 that is thinning of the one copy; above 1, copies 2 … ⌈s⌉ are turned round the window by random
    shifts. Averaged over seeds, whole copies keep the dispersion of counts; one seed may lay slow swings on or off each other
    (Azure's conversation trace doubled, minutes: 5 to 32 around 16), so several should be tried.
    The clock stands for the same crowd in a hurry: peaks grow with the mean, which is the harder case.
    The window repeats after its span; a whole trace after its span plus one mean gap, so that its mean rate stays. Copies and
    repetitions share no prefix with each other (assumption: other conversations), which leaves hits out rather than inventing
    them.
    """
    for field, value in (("rate_scale", rate_scale), ("duration", duration), ("span", span)):
        if value is not None and not (0 < value < math.inf):
            raise mistake(field, f"{field} is {value:g}", "give a positive one")
    rows, cycle = _window(trace, start, span)
    speed = rate_scale if scaling == "clock" else 1.0
    copies = 1 if scaling == "clock" else math.ceil(rate_scale)
    rng = Generator(PCG64(seed))
    offered = _laid_out(rows, (trace.arrivals[rows] - start) / speed, cycle / speed, copies, duration, rng)
    kept = offered.take(rng.uniform(size=len(offered.row)) < (1.0 if scaling == "clock" else rate_scale / copies))
    short = kept if context_limit is None else kept.take(trace.input_tokens[kept.row] < context_limit)
    _check_any(trace, offered, kept, short, context_limit)
    made, shortened, lifted = _requests(trace, short.take(np.argsort(short.time, kind="stable")), context_limit, stream)
    thinned, too_long = len(offered.row) - len(kept.row), len(kept.row) - len(short.row)
    told = _told(trace, thinned, too_long, shortened, lifted, context_limit)
    return made, Skipped(len(offered.row), thinned, too_long, shortened, lifted, told)


def busiest(trace: Trace, window: float) -> tuple[float, float]:
    """Return start and span of the busiest window, as `replay` takes them [s].

    Parameters
    ----------
    trace : Trace
        As read.
    window : float [s]
        Its length; of a shorter trace, the whole.

    Returns
    -------
    float, float [s]

    Notes
    -----
    That of `busiest_window`, moved back where it would end after the trace: it keeps the same requests and gains those before.
    """
    whole = trace.whole
    span = min(window, whole)
    return min(busiest_window(trace.arrivals, window).start, whole - span), span


def _window(trace: Trace, start: float, span: float | None) -> tuple[NDArray[np.intp], float]:
    """Return the rows of a window and the time after which it repeats [s]."""
    whole = trace.whole
    covers = f"trace {trace.name} covers 0 to {trace.span:.0f} s"
    if span is not None and start + span > whole * (1 + _ROUNDING):
        what = f"the window from {start:.6g} s to {start + span:.6g} s runs beyond the trace: {covers}"
        raise mistake("span", what, "give a shorter span, and a duration to repeat it")
    end = whole if span is None else start + span
    rows = np.flatnonzero((trace.arrivals >= start) & (trace.arrivals < end))
    if len(rows) == 0 or start < 0:
        what = f"the window from {start:.6g} s to {end:.6g} s holds no requests: {covers}"
        raise mistake("start", what, "begin at the start of its busiest window, or give a longer span")
    return rows, end - start


def _laid_out(rows: NDArray[np.intp], times: Floats, cycle: float, copies: int, duration: float | None, rng: Generator) -> _Rows:
    """Lay copies of a window over each other, turned round by random shifts, and repeat them; order does not matter yet."""
    lasts = cycle if duration is None else duration
    tiles = math.ceil(lasts / cycle)
    shifts = np.concatenate(([0.0], rng.uniform(0, cycle, copies - 1)))
    turned = (times + shifts[:, None]) % cycle
    laid = np.arange(tiles)[:, None, None] * cycle + turned
    number = np.broadcast_to(np.arange(tiles * copies).reshape(tiles, copies, 1), laid.shape)
    every = _Rows(laid.ravel(), np.broadcast_to(rows, laid.shape).ravel(), number.ravel().astype(np.int64))
    return every.take(every.time < lasts)


def _check_any(trace: Trace, offered: _Rows, kept: _Rows, short: _Rows, limit: int | None) -> None:
    """Refuse a replay of nothing."""
    if len(kept.row) == 0:
        what = f"none of the {len(offered.row)} requests of trace {trace.name} within the replayed time is left"
        raise mistake("rate_scale", what, "raise the scale, or give a longer span or duration")
    if len(short.row) == 0:
        least = int(trace.input_tokens[kept.row].min())
        what = f"all {len(kept.row)} prompts of trace {trace.name} reach the context limit of {limit} tokens"
        raise mistake("context_limit", what, f"the shortest has {least} tokens: give a model or limit with more")


def _requests(trace: Trace, rows: _Rows, limit: int | None, stream: int) -> tuple[Requests, int, int]:
    """Return the calls, how many of them were shortened, and how many had no output."""
    prompt = _counts(trace.input_tokens[rows.row])
    recorded = np.rint(trace.output_tokens[rows.row]).astype(np.int64)
    wanted = np.maximum(recorded, 1)
    output = wanted if limit is None else np.minimum(wanted, limit - prompt)
    group, shared = _prefixes(trace, rows, prompt)
    none = np.zeros(len(prompt), dtype=np.int64)
    made = Requests(rows.time, prompt, output, none + stream, none, group, shared)
    return made, int((output < wanted).sum()), int((recorded < 1).sum())


def _counts(tokens: Floats) -> Counts:
    """Return whole tokens; a prompt below the limit stays below it."""
    return np.maximum(np.floor(tokens), 1).astype(np.int64)


def _prefixes(trace: Trace, rows: _Rows, prompt: Counts) -> tuple[Counts, Counts]:
    """Return each call's group and the tokens it shares."""
    if trace.blocks is None:
        none = np.zeros(len(prompt), dtype=np.int64)
        return none + NO_GROUP, none
    keyed = zip(rows.copy.tolist(), rows.row.tolist(), strict=True)
    group, depth = prefix_groups([(copy, trace.blocks[row]) for copy, row in keyed])
    return group, np.minimum(depth * BLOCK_TOKENS, prompt)


def prefix_groups(prompts: Sequence[tuple[int, tuple[int, ...]]]) -> tuple[Counts, Counts]:
    """Return with which calls each begins alike, and for how many blocks.

    group = the deepest node on the prompt's path through the tree of block ids that another prompt passes too

    Parameters
    ----------
    prompts : sequence of (int, tuple of int)
        Copy and block ids of each prompt; copies have trees of their own.

    Returns
    -------
    array of int
        Number of the node; `NO_GROUP` where not even the first block is another's.
    array of int
        Its depth [block].

    Notes
    -----
    A call has one group, while a cache may hold its beginning at several depths: of a talk of many turns, each turn's group is
    its full length shared with the next, so turn three finds no entry that turn one left. Hits are thus a lower bound: 24 % of
    the prompt tokens of Mooncake's conversation trace where an endless block cache has 37 %. Sharing with earlier prompts
    alone would leave 8 %, because the first call to hold a beginning would not be in its group.
    """
    nodes: dict[tuple[int, int], int] = {}
    paths = [_path(nodes, -1 - copy, ids) for copy, ids in prompts]
    passed = Counter(node for path in paths for node in path)
    depth = [sum(passed[node] > 1 for node in path) for path in paths]
    group = [path[blocks - 1] if blocks else NO_GROUP for path, blocks in zip(paths, depth, strict=True)]
    return np.array(group, dtype=np.int64), np.array(depth, dtype=np.int64)


def _path(nodes: dict[tuple[int, int], int], root: int, ids: tuple[int, ...]) -> list[int]:
    """Return the tree's nodes along a prompt, adding those it lacks; roots are negative and nodes count from 0."""
    path, here = [], root
    for block in ids:
        here = nodes.setdefault((here, block), len(nodes))
        path.append(here)
    return path


def _told(trace: Trace, thinned: int, too_long: int, shortened: int, lifted: int, limit: int | None) -> tuple[str, ...]:
    """Say in words what was left out or changed."""
    figures = (
        (thinned, "requests left out by chance to lower the rate"),
        (too_long, f"requests skipped: their prompts reach the context limit of {limit} tokens"),
        (shortened, f"outputs cut short at the context limit of {limit} tokens"),
        (lifted, "requests without output served with one token"),
    )
    return (*trace.remarks, *(f"trace {trace.name}: {count} {what}" for count, what in figures if count))
