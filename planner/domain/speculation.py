"""What speculative decoding rests on: how many tokens an iteration emits by how many are drafted, and what the draft costs."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from planner.domain.base import Identifier, NonNegativeFloat, PositiveFloat, PositiveInt, Strict
from planner.domain.lever_facts import LeverFact

SpeculationMethod = Literal["mtp", "eagle", "eagle3", "p_eagle", "dspark", "dflash", "medusa", "draft_model", "ngram"]
DraftTokens = Annotated[int, Field(ge=1, le=32)]

SEPARATOR = "@"
"""Stands between a speculator and its draft length in the name of a choice, `mtp/deepseek-v4@3`."""


class AcceptancePoint(Strict):
    """Tokens per iteration at one draft length."""

    draft_tokens: DraftTokens
    """γ: tokens drafted for each sequence and iteration."""
    emitted_low: Annotated[float, Field(ge=1, allow_inf_nan=False)]
    """E: tokens an iteration emits on average, the target's own included, on the traffic where it is least."""
    emitted_high: Annotated[float, Field(ge=1, allow_inf_nan=False)]
    """The same where it is most."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.emitted_low > self.emitted_high:
            raise ValueError(
                f"emitted_low {self.emitted_low:g} is above emitted_high {self.emitted_high:g}; check which is which"
            )
        if self.emitted_high >= self.draft_tokens + 1:
            raise ValueError(
                f"{self.draft_tokens} drafted tokens cannot give {self.emitted_high:g} an iteration; give the mean number of "
                f"tokens an iteration emits, its own included, below {self.draft_tokens + 1}"
            )
        return self


class ConstantAcceptance(Strict):
    """The alternative to a measured table: every drafted token is accepted with the same probability; see docs/speculation.md."""

    low: Annotated[float, Field(ge=0, lt=1)]
    """α on the traffic where it is least."""
    high: Annotated[float, Field(ge=0, lt=1)]
    """α where it is most."""
    draft_tokens: tuple[DraftTokens, ...] = Field(min_length=1, max_length=32)
    """Draft lengths to be considered, ascending."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}; check which is which")
        _check_ascending(self.draft_tokens)
        return self

    def points(self) -> tuple[AcceptancePoint, ...]:
        """Return E = 1 + α + … + α^γ at each length."""
        return tuple(
            AcceptancePoint(draft_tokens=n, emitted_low=_emitted(self.low, n), emitted_high=_emitted(self.high, n))
            for n in self.draft_tokens
        )


class Draft(Strict):
    """What proposes tokens, as far as it costs time and memory: layers like the target's, or a model of the catalog."""

    model: Identifier | None = None
    """A model of the catalog; absent = layers of the target's shape."""
    layers: PositiveInt = 1
    """Layers of the target's attention, with a cache of their own."""
    parameters: PositiveFloat | None = None
    """Parameters of those layers, in units; absent = as many as layers of the target have on average."""
    experts: bool = False
    """Whether they have routed experts as the target's layers have (MTP of a mixture of experts)."""
    kv_heads: PositiveInt | None = None
    """Key/value heads of those layers; absent = a cache like the target's."""
    head_dim: PositiveInt | None = None
    """Dimension of those heads."""
    head_parameters: NonNegativeFloat | None = None
    """Parameters of its own output projection; absent = it multiplies with the target's."""
    bits: PositiveFloat = 16.0
    """Bits per stored weight."""
    parallel: bool = False
    """Whether all tokens are drafted in one run, rather than one after the other."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        shape = {"layers", "parameters", "experts", "kv_heads", "head_dim", "head_parameters"} & self.model_fields_set
        if self.model is not None and shape:
            raise ValueError(f"model names a whole draft; remove {', '.join(sorted(shape))}, which describe layers of the target")
        if (self.kv_heads is None) != (self.head_dim is None):
            raise ValueError("kv_heads and head_dim belong together; give both or none")
        return self


class Speculator(LeverFact):
    """A way to draft tokens for one target model, with the tokens per iteration measured."""

    target: Identifier
    """The model it drafts for, a catalog name or as published."""
    method: SpeculationMethod
    """How tokens are drafted; an engine must know it."""
    draft: Draft | None = None
    """What is run to draft; absent for n-grams of the text so far, which cost nothing here."""
    points: tuple[AcceptancePoint, ...] = Field(default=(), max_length=32)
    """Measured tokens per iteration, ascending in draft_tokens; lengths between are not interpolated."""
    constant: ConstantAcceptance | None = None
    """In place of `points`, where no table was measured."""
    traffic: str = ""
    """What the requests were."""
    checkpoint: Identifier | None = None
    """Hugging Face id of the draft's weights, for exports; absent = not known, or part of the target's weights."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if bool(self.points) == (self.constant is not None):
            raise ValueError("give either measured `points`, or `constant` acceptance where nothing was measured")
        if (self.draft is None) != (self.method == "ngram"):
            raise ValueError("n-grams need no draft, every other method does; give `draft: {}` for one layer of the target")
        _check_ascending([point.draft_tokens for point in self.points])
        return self

    def table(self) -> tuple[AcceptancePoint, ...]:
        """Return tokens per iteration by draft length, measured or by constant acceptance."""
        return self.constant.points() if self.constant is not None else self.points

    def at(self, draft_tokens: int) -> AcceptancePoint | None:
        """Return the point at a draft length; None where there is none."""
        return next((point for point in self.table() if point.draft_tokens == draft_tokens), None)


def _emitted(acceptance: float, draft_tokens: int) -> float:
    return sum(acceptance**power for power in range(draft_tokens + 1))


def _check_ascending(lengths: tuple[int, ...] | list[int]) -> None:
    if any(after <= before for before, after in pairwise(lengths)):
        raise ValueError(f"draft_tokens must ascend, but they are {', '.join(map(str, lengths))}; check their order")
