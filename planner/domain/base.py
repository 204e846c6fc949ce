"""The one base of everything that is read from or written to a file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._/:+@()-]*$")]
Text = Annotated[str, StringConstraints(max_length=4000)]
AsOf = Annotated[str, StringConstraints(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")]
PositiveInt = Annotated[int, Field(ge=1, le=10_000_000)]
NonNegativeInt = Annotated[int, Field(ge=0, le=10_000_000)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Strict(BaseModel):
    """Frozen, closed to unknown fields, documented by its attribute docstrings."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, protected_namespaces=(), defer_build=True
    )


class Sourced(Strict):
    """A catalog row: no number without where it came from and when."""

    source: Text
    """Where the numbers were read: datasheet, paper and section, price page, or file."""
    as_of: AsOf
    """The day, month or year the source was current."""
    note: Text = ""
    """Conflicts between sources, assumptions, anything a reader should know before trusting the row."""
    unverified: tuple[str, ...] = ()
    """Fields that rest on an assumption or a scaling rule rather than on a source."""
