"""What an organization demands of a plan before it goes on: the rules that `planner check` holds plans against."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints, WithJsonSchema, field_validator, model_validator

from planner.domain.base import Identifier, NonNegativeInt, Strict
from planner.units import Dollars, DollarsPerHour, Fraction, Seconds

Pattern = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Patterns = Annotated[tuple[Pattern, ...], Field(min_length=1, max_length=1000)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

_COMMITMENT = {"type": "string", "examples": ["30%", "$20/h"], "description": "A share of the plan's cost, or a price per hour."}

PARTNERS = ("against",)
"""Fields that are no rules themselves: they say what another one compares with."""


class Commitment(Strict):
    """How much may be committed to: a share of the plan's cost (`30%`), or money (`$20/h`)."""

    share: Fraction | None = None
    """Of the plan's average cost."""
    hourly: DollarsPerHour | None = None
    """Average cost [$/h]."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"share" if value.rstrip().endswith("%") else "hourly": value}
        if isinstance(value, int | float):
            raise ValueError(f"expected a share such as '30%' or a price per hour such as '$20/h', got {value!r}")
        return value

    @model_validator(mode="after")
    def _one(self) -> Commitment:
        if (self.share is None) == (self.hourly is None):
            raise ValueError("says both or neither of share and hourly; give one of them, such as '30%' or '$20/h'")
        return self


class Policy(Strict):
    """Rules a plan must keep; only those that are given are checked (docs/gates.md)."""

    budget: DollarsPerHour | None = None
    """Most the plan may cost on average, such as `$40k/month`."""
    max_cost_per_1m: Dollars | None = None
    """Most a million tokens of calls of models may cost, in and out, everything the plan pays counted."""
    max_workload_cost_per_1m: Annotated[dict[Identifier, Dollars], Field(min_length=1)] | None = None
    """The same of single workloads: workload → most a million of its tokens may cost."""
    max_increase: Fraction | None = None
    """Most the plan may cost above the plan named by `against`."""
    against: Annotated[str, StringConstraints(min_length=1, max_length=4000)] | None = None
    """The plan.json that `max_increase` compares with; in a policy file, seen from that file."""
    max_commitment: Annotated[Commitment, WithJsonSchema(_COMMITMENT)] | None = None
    """Most that may be committed to: reservations, machines bought, units at APIs by the month or year."""
    min_headroom: Fraction | None = None
    """Least share of its capacity that every pool keeps unused in its busiest period."""
    min_margin: Fraction | None = None
    """Least distance of every hard latency promise to its target, relative to the target."""
    simulated: bool | None = None
    """Whether the plan must carry a simulation that kept every hard promise of its pools."""
    max_gap: Fraction | None = None
    """Most the plan may cost above what is proved to be the least, relative to its cost."""
    require_complete: bool | None = None
    """Whether the proof must have reached its gap and speak of every deployment and way."""
    catalog_digest: Digest | None = None
    """SHA-256 of the catalogs the plan must have been made with."""
    max_age: Seconds | None = None
    """Most time since the day of the oldest price, such as `90 days`."""
    max_gpus: NonNegativeInt | None = None
    """Most accelerators held at once."""
    max_pools: NonNegativeInt | None = None
    """Most pools."""
    allow_seller: Patterns | None = None
    """Names or patterns (`aws*`) of sellers; anything of another one is forbidden."""
    allow_region: Patterns | None = None
    """Names or patterns (`eu-*`) of regions; anything elsewhere is forbidden."""

    @field_validator("*", mode="before")
    @classmethod
    def _given(cls, value: Any) -> Any:
        """Refuse a rule without a value, which would silently check nothing."""
        if value is None:
            raise ValueError("has no value, so nothing would be checked; give one, or remove the line")
        return value

    @property
    def asked(self) -> tuple[str, ...]:
        """Names of the rules that are to be checked, in order."""
        return tuple(name for name in RULES if getattr(self, name) is not None and getattr(self, name) is not False)

    def overridden(self, other: Policy) -> Policy:
        """Return this policy with everything that another one says in its place; limits of single workloads are joined."""
        update = {name: getattr(other, name) for name in other.model_fields_set}
        joined = {**(self.max_workload_cost_per_1m or {}), **(other.max_workload_cost_per_1m or {})}
        return self.model_copy(update={**update, "max_workload_cost_per_1m": joined or None})


def option_of(rule: str) -> str:
    """Name the option that gives a rule on the command line; that of single workloads is the one of the whole plan.

    Examples
    --------
    >>> option_of("max_gpus"), option_of("max_workload_cost_per_1m")
    ('--max-gpus', '--max-cost-per-1m')
    """
    return f"--{rule.replace('_workload_', '_').replace('_', '-')}"


RULES = tuple(name for name in Policy.model_fields if name not in PARTNERS)
"""Every rule, in the order in which they are checked and told."""
