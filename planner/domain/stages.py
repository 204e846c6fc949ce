"""Call graphs: the stages a request passes through, what enters their prompts, how often they repeat and what callers retry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field, model_validator

from planner.domain.base import Identifier, NonNegativeFloat, PositiveInt, Strict
from planner.domain.calls import Choices, Lengths, Objective, QualityFloor, SharedPrefix
from planner.domain.lever_facts import Component
from planner.domain.llm import Role
from planner.units import Fraction, Seconds, Tokens

LARGEST_TIMED_OUT = 0.5
"""A timeout that more calls than this exceed is not one: it is the usual case."""


class Loop(Strict):
    """Rounds of a stage that may call itself again, such as a planner with tools.

    After each round another follows with the same probability, q = 1 − 1/mean, up to the budget:
    E[rounds] = (1 − q^at_most) / (1 − q).
    """

    mean: Annotated[float, Field(ge=1, le=1000)]
    """Mean rounds if nothing stopped them."""
    at_most: PositiveInt
    """Hard budget: rounds after which it is stopped."""
    grows_by: Tokens = 0
    """Tokens that each round adds to the prompt of the next: its own output and what tools return."""


class Retries(Strict):
    """What callers do when a call fails or takes too long. Calls per call wanted: (1 − f^attempts)/(1 − f), f = failing share."""

    attempts: Annotated[int, Field(ge=1, le=20)]
    """Tries in all, the first included."""
    errors: Fraction = 0.0
    """Share of tries that fail for other reasons than time."""
    timeout: Seconds | None = None
    """Time after which a try is given up and sent again; absent = callers wait."""
    timed_out: Annotated[float, Field(ge=0.001, le=LARGEST_TIMED_OUT)] = 0.01
    """Share of tries that may take longer than the timeout: planned with, and kept as a promise."""
    backoff: Seconds = 0.0
    """Pause before the second try, doubled before each further one; adds to the end-to-end time of calls that fail."""

    @model_validator(mode="after")
    def _some_succeed(self) -> Retries:
        if self.failing >= 1:
            raise ValueError(f"{self.failing:.0%} of tries fail, so retries never end; check errors and timed_out")
        return self

    @property
    def failing(self) -> float:
        """Share of tries that fail."""
        return 1.0 - (1.0 - self.errors) * (1.0 - (self.timed_out if self.timeout is not None else 0.0))


class Chunks(Strict):
    """Retrieved passages that enter a prompt."""

    count: Annotated[int, Field(ge=0, le=1000)]
    """How many (top k)."""
    tokens: Lengths
    """Tokens of one."""


class Stage(Strict):
    """One step of a request: a call of a model, or of a component. How often it is called, and with what."""

    name: Identifier
    """Unique within the workload."""
    description: str = ""
    """What it is for."""
    after: tuple[Identifier, ...] | None = None
    """Stages that must have ended before; absent = the one before it in the list; `[]` = none, it starts with the request."""
    probability: Fraction = 1.0
    """Share of requests that reach it."""
    loop: Loop | None = None
    """Rounds, where it may repeat."""
    retries: Retries | None = None
    """What happens when a call fails."""
    optional: bool = False
    """Whether it is there only if a lever turns it on."""
    component: Component | None = None
    """What it calls if that is no model; then nothing below applies."""
    uses: Identifier | None = None
    """The same by its name among the catalog's components."""
    store: Identifier | None = None
    """The vector store it searches, one of the problem's `stores`, which the planner then sizes; then nothing below but
    `retrieves` applies."""
    retrieves: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Passages that a search returns (top k); an effect with `chunks` on this stage stands in its place."""
    role: Role = "generate"
    """What kind of model it calls."""
    input_tokens: Lengths | None = None
    """The stage's own part of its prompt: instructions, template, examples."""
    request: bool = True
    """Whether the request's own tokens are part of its prompt."""
    takes: dict[Identifier, NonNegativeFloat] = Field(default_factory=dict)
    """Outputs of other stages that are part of its prompt: stage → share of its tokens."""
    chunks: Chunks | None = None
    """Retrieved passages in its prompt."""
    history: Lengths | None = None
    """Earlier turns resent in its prompt."""
    output_tokens: Lengths | None = None
    """Generated tokens; the answering stage may leave them to the workload, and models that do not generate have none."""
    shared_prefix: SharedPrefix | None = None
    """Beginning of its prompts that many calls have in common."""
    objectives: tuple[Objective, ...] = ()
    """Promises of its own, beside its part of the workload's."""
    quality: tuple[QualityFloor, ...] = ()
    """Quality floors of its own."""
    choose: Choices = Choices()
    """What may serve it; a part given here stands in place of the workload's."""

    @model_validator(mode="after")
    def _one_kind(self) -> Stage:
        if self.component is not None and self.uses is not None:
            raise ValueError("component and uses say the same; give one of them")
        if self.store is not None and (self.component is not None or self.uses is not None):
            raise ValueError("a stage searches a store or calls a component; give one of store, component, uses")
        if not self.calls_model:
            fields = ("input_tokens", "chunks", "history", "output_tokens", "shared_prefix")
            given = [name for name in fields if getattr(self, name) is not None]
            if given or self.takes or self.objectives or self.quality:
                raise ValueError("a component or a store calls no model: remove what describes its prompt and its promises")
        return self

    @property
    def calls_model(self) -> bool:
        """Whether it calls a model rather than a component or a store."""
        return self.component is None and self.uses is None and self.store is None


def answering(stages: Sequence[Stage]) -> Stage | None:
    """Return the stage that answers while no lever is pulled: the last that calls a generating model and is not optional."""
    return next((s for s in reversed(stages) if s.calls_model and s.role == "generate" and not s.optional), None)


def before(stages: Sequence[Stage]) -> dict[str, tuple[str, ...]]:
    """Return which stages each one waits for: those it names, or the one before it in the list.

    Stages that are left out are passed through: who waits for one of them waits for what it waits for.
    """
    return {
        stage.name: stage.after if stage.after is not None else ((stages[index - 1].name,) if index else ())
        for index, stage in enumerate(stages)
    }


def cycle(order: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return stages that wait for each other in a circle, first and last the same; empty if there is none."""
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> tuple[str, ...]:
        if name in path:
            return (*path[path.index(name) :], name)
        if name in done:
            return ()
        found = next(filter(None, (walk(one, (*path, name)) for one in order.get(name, ()))), ())
        done.add(name)
        return found

    return next(filter(None, (walk(name, ()) for name in order)), ())


def ancestors(order: Mapping[str, tuple[str, ...]], name: str) -> set[str]:
    """Return every stage that must have ended before one begins."""
    found: set[str] = set()
    left = list(order[name])
    while left:
        one = left.pop()
        if one not in found:
            found.add(one)
            left += order[one]
    return found
