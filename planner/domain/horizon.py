"""Demand over time: a horizon of months, the shape of a week, growth, events."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from planner.domain.base import Identifier, NonNegativeFloat, Strict
from planner.domain.calls import TraceFile
from planner.units import Fraction

HOURS_PER_WEEK = 168
LONGEST = 36
"""Longest horizon [month]: the longest commitment on offer, three years."""
MONTHS_OF = {"month": 1, "quarter": 3, "year": 12}
"""Months of a step, and of the time a growth is stated for."""

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_GROWTH = re.compile(r"\s*([+-]?\s*\d+(?:\.\d*)?)\s*%\s*/\s*(\w+)\s*")
_PERCENT = re.compile(r"\s*([+-]?\s*\d+(?:\.\d*)?)\s*%\s*")
_STEEPEST = 10.0
"""Largest growth accepted, elevenfold each time: above it stands a slip of the pen (assumption)."""

NamedShape = Literal["always", "office_hours", "business_week", "evenings", "nights", "weekends"]


def _month(value: object) -> object:
    """Require a month as text."""
    if not isinstance(value, str) or not _MONTH.fullmatch(value):
        raise ValueError(f"{value!r} is no month; write it as 2027-04")
    return value


def _day(value: object) -> object:
    """Require a day of the calendar."""
    if type(value) is date:
        return value
    try:
        return datetime.strptime(str(value), "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        raise ValueError(f"{value!r} is no day of the calendar; write it as 2027-03-10") from None


def _growth(value: object) -> object:
    """Read `8%/month` as its two parts."""
    if not isinstance(value, str):
        return value
    match = _GROWTH.fullmatch(value)
    if match is None or match.group(2) not in MONTHS_OF:
        raise ValueError(f"{value!r} is no growth; write it as 8%/month, 20%/quarter or -10%/year")
    return {"rate": f"{match.group(1)}%", "per": match.group(2)}


def _share(value: object) -> object:
    """Read a signed percentage, and refuse a decline to less than nothing."""
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match is None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError(f"{value!r} is no rate of growth; write it as 8%, 0.08 or -5%")
    rate = float(match.group(1).replace(" ", "")) / 100 if match else value
    if not -1 <= float(rate) <= _STEEPEST:  # type: ignore[arg-type] # a number by now
        raise ValueError(f"growth of {value} is out of range; give between -100 %, which leaves nothing, and {_STEEPEST:.0%}")
    return rate


def _week(values: tuple[float, ...]) -> tuple[float, ...]:
    """Require one multiplier for each hour of a week, not all zero."""
    if len(values) != HOURS_PER_WEEK:
        raise ValueError(
            f"{len(values)} multipliers, a week has {HOURS_PER_WEEK} hours; give one for each, from Monday 0:00 to Sunday 23:00"
        )
    if not any(values):
        raise ValueError("the shape is zero at every hour; give a shape with a busy hour, or remove the workload")
    return values


_TEXT = {"type": "string"}
Month = Annotated[str, BeforeValidator(_month), WithJsonSchema({**_TEXT, "pattern": f"^{_MONTH.pattern}$"})]
"""A month of the calendar, `2027-04`."""
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({**_TEXT, "format": "date"})]
"""A day of the calendar, `2027-03-10`."""
Week = Annotated[tuple[NonNegativeFloat, ...], AfterValidator(_week)]
"""168 multipliers, from Monday 0:00 to Sunday 23:00."""


class Horizon(Strict):
    """The months to plan for. Demand over them is laid out in periods: some typical hours for each step."""

    start: Month
    """First month, such as `2027-01`."""
    months: Annotated[int, Field(ge=1, le=LONGEST)]
    """How many; a multiple of the step."""
    step: Literal["month", "quarter", "year"] = "month"
    """How often growth is looked at. Demand of a step is that of its highest month, for each workload by itself."""
    typical_hours: Annotated[int, Field(ge=1, le=HOURS_PER_WEEK)] = 4
    """How many typical hours stand for all hours of a step; 168 = every hour of the week by itself. Fewer are used where
    fewer say the same."""

    @model_validator(mode="after")
    def _whole_steps(self) -> Horizon:
        size = MONTHS_OF[self.step]
        if self.months % size:
            raise ValueError(
                f"{self.months} months are no whole number of {self.step}s; give a multiple of {size}, or a shorter step"
            )
        return self


class Growth(Strict):
    """Growth that compounds from month to month: after k months (1 + rate)^(k / months of `per`)."""

    rate: Annotated[
        float, BeforeValidator(_share), WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"%\s*$"}]})
    ]
    """Such as `8%`; negative = decline."""
    per: Literal["month", "quarter", "year"] = "month"
    """Time in which it grows by this rate."""


class Event(Strict):
    """Days on which more, or fewer, requests arrive."""

    model_config = ConfigDict(populate_by_name=True)

    name: Identifier
    """What happens."""
    first: Day = Field(alias="from")
    """First day, from 0:00 of the workload's `timezone`."""
    last: Day = Field(alias="to")
    """Last day, it included."""
    times: NonNegativeFloat
    """Factor on the rate; 0 = nothing arrives. Where events overlap, factors multiply."""

    @model_validator(mode="after")
    def _runs_forward(self) -> Event:
        if self.last < self.first:
            raise ValueError(f"the event ends on {self.last} before it starts on {self.first}; check the two days")
        return self


class ShapeFile(Strict):
    """A week's shape in a file: exactly one of `file`, `trace`."""

    file: str | None = None
    """CSV of 168 rows from Monday 0:00 on, relative to the problem file; a row's last number counts; a header may stand first."""
    trace: TraceFile | None = None
    """A recorded trace of at least one whole week with dates: its requests are counted by hour of the week, in UTC."""

    @model_validator(mode="after")
    def _one_source(self) -> ShapeFile:
        if (self.file is None) == (self.trace is None):
            raise ValueError("give exactly one of file, trace")
        return self


Shape = ShapeFile | Week | NamedShape
"""The shape of a week, as a problem file states it."""
GrowthRate = Annotated[Growth, BeforeValidator(_growth, json_schema_input_type=str | Growth)]
"""Growth as a problem file states it: `8%/month`, or its two parts."""


class Scenario(Strict):
    """One way in which demand may turn out."""

    name: Identifier
    """Name used in the plan."""
    probability: Fraction
    """How likely it is; those of all scenarios add up to 1."""
    demand: NonNegativeFloat | dict[Identifier, NonNegativeFloat] = 1.0
    """Factor on the demand of all workloads, or of those named; of a workload that is not named it is 1."""
    growth: GrowthRate | None = None
    """Growth on top of that of the workloads; with a horizon, or periods that have months."""
