"""How long the calls of a stage are: what enters its prompt, what it generates, what of it is cached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

from planner.demand import lengths, sums
from planner.demand.graph import round_weights
from planner.demand.issues import under
from planner.demand.settings import Changed, View, end
from planner.demand.stream import Lengths
from planner.domain import calls
from planner.domain.problem import Operations
from planner.domain.stages import Loop, Stage

ONE_TOKEN = 1.0
"""What a model that does not generate is taken to put out: one vector or score for each prompt [token]."""


@dataclass(frozen=True)
class Parts:
    """A stage's lengths as the problem gives them, before any lever."""

    own: Lengths | None
    """Instructions and template [token]."""
    chunk: Lengths | None
    """One passage [token]."""
    history: Lengths | None
    """Earlier turns [token]."""
    output: Lengths
    """Generated tokens [token]."""


@dataclass(frozen=True)
class Shape:
    """How long the calls of a stage are, levers pulled."""

    prompt: Lengths
    """Prompt tokens, cached ones included [token]."""
    output: Lengths
    """Generated tokens [token]."""
    prefix_tokens: float
    """Cached beginning [token]."""
    prefix_hit: float
    """Share of calls that find it cached [1]."""


def parts_of(stage: Stage, answer: calls.Lengths, base: Path) -> Parts:
    """Return a stage's lengths from what the problem says.

    Parameters
    ----------
    stage : of a workload, calling a model
    answer : the workload's output tokens, for a generating stage that gives none
    base : folder that relative paths start from

    Raises
    ------
    InvalidInput
        With paths relative to the stage.
    """

    def made(spec: calls.Lengths | None, path: str, column: lengths.Column = "input") -> Lengths | None:
        return None if spec is None else under(path, lambda: lengths.from_spec(spec, base, column=column))

    output = made(stage.output_tokens or answer, "output_tokens", "output") if stage.role == "generate" else None
    return Parts(
        own=made(stage.input_tokens, "input_tokens"),
        chunk=made(stage.chunks.tokens if stage.chunks else None, "chunks.tokens"),
        history=made(stage.history, "history"),
        output=output or sums.constant(ONE_TOKEN, "one result for each prompt"),
    )


def shape_of(
    here: Changed, parts: Parts, request: Lengths, outputs: Mapping[str, Lengths], operations: Operations, view: View
) -> Shape:
    """Return how long a stage's calls are.

    prompt = own + request + Σ share·output of the stages it takes + k·passage + history, × factor, cut; grown by its rounds

    Parameters
    ----------
    here : the stage as the levers leave it
    parts : its lengths
    request : tokens of the request itself
    outputs : stage → output, of the stages before
    operations : the balancer, which decides how often a cached beginning is found
    view : end of ranges to plan with

    Returns
    -------
    Shape

    Notes
    -----
    Parts are taken as independent of each other. A stage that nothing changes and that takes the request alone has exactly
    the request's distribution.
    """
    stage = here.stage
    terms = [request] if stage.request else []
    terms += [parts.own] if parts.own else []
    terms += [sums.times(outputs[name], share, f"{share:g} × {name}") for name, share in stage.takes.items() if name in outputs]
    count = here.chunks if here.chunks is not None else (stage.chunks.count if stage.chunks else 0)
    terms += [sums.repeated(parts.chunk, count)] if parts.chunk and count else []
    terms += [_history(here, parts.history)] if parts.history else []
    prompt = reduce(sums.plus, terms) if terms else sums.constant(ONE_TOKEN, "an empty prompt")
    prompt = sums.times(prompt, here.inputs) if here.inputs != 1.0 else prompt
    loop = loop_of(here)
    prompt = _grown(prompt, loop) if loop is not None and loop.grows_by else prompt
    prompt = sums.cut(prompt, here.input_most) if here.input_most is not None else prompt
    output = sums.times(parts.output, here.outputs) if here.outputs != 1.0 else parts.output
    output = sums.cut(output, here.output_most) if here.output_most is not None else output
    return Shape(sums.at_least_one(prompt), sums.at_least_one(output), *_prefix(here, operations, view, prompt))


def loop_of(here: Changed) -> Loop | None:
    """Return a stage's loop with the budget that the levers leave it."""
    loop = here.stage.loop
    if loop is None or here.rounds is None or here.rounds >= loop.at_most:
        return loop
    return loop.model_copy(update={"at_most": here.rounds})


def _history(here: Changed, history: Lengths) -> Lengths:
    """Earlier turns as they are, or as many tokens as a summary leaves in the mean."""
    if here.history is None or history.mean <= 0:
        return history
    return sums.times(history, min(here.history / history.mean, 1.0), f"history of {here.history:g} tokens in the mean")


def _grown(prompt: Lengths, loop: Loop) -> Lengths:
    """Prompts of all rounds together, each longer than the one before by what the loop adds."""
    weights = round_weights(loop)
    rounds = [(weight, replace(prompt, values=prompt.values + k * loop.grows_by)) for k, weight in enumerate(weights)]
    return sums.mixture(rounds, f"{prompt.origin}, growing by {loop.grows_by:g} a round") if len(rounds) > 1 else prompt


def _prefix(here: Changed, operations: Operations, view: View, prompt: Lengths) -> tuple[float, float]:
    """Return the tokens of the cached beginning and how often it is found."""
    effect, stated = here.prefix, here.stage.shared_prefix
    if effect is not None:
        looked_for = operations.balancer == "prefix_aware" or effect.blind_hit_rate is None
        rate = effect.hit_rate if looked_for else effect.blind_hit_rate
        return min(effect.tokens, prompt.mean), end(rate or effect.hit_rate, "low", view)
    return (min(stated.tokens, prompt.mean), stated.hit_rate) if stated else (0.0, 0.0)
