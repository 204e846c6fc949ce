"""Failover: groups of regions, any one of which may be down while a workload keeps its promises."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from planner.domain.base import Strict

MOST_GROUPS = 8
"""Groups looked at; each is another copy of the workload's calls, and the capacity held falls with 1/(m − 1) only."""


def _listed(value: object) -> object:
    """Say in one sentence how groups are written."""
    if not isinstance(value, list | tuple) or not all(isinstance(group, list | tuple) for group in value):
        raise ValueError("must be a list of groups, each a list of regions, such as [[eu-west-*], [eu-central-*, eu-north-*]]")
    return value


Regions = Annotated[str, Field(min_length=1, max_length=120)]
Groups = tuple[Annotated[tuple[Regions, ...], Field(min_length=1, max_length=100)], ...]


class Failover(Strict):
    """Keep every promise while any one of some groups of regions is down (docs/failures.md)."""

    regions: Annotated[Groups, BeforeValidator(_listed, json_schema_input_type=Groups)]
    """Two groups or more, each of names of regions or patterns; groups have no region in common. The workload runs in these
    regions alone, and each group can take 1/(groups − 1) of its calls."""

    @model_validator(mode="after")
    def _enough(self) -> Failover:
        if not 2 <= len(self.regions) <= MOST_GROUPS:
            raise ValueError(
                f"regions names {len(self.regions)} groups; name 2 to {MOST_GROUPS}, so that others serve if one is down"
            )
        return self

    @property
    def capacity(self) -> float:
        """Share of all calls that each group can take, 1/(m − 1) [1]."""
        return 1.0 / (len(self.regions) - 1)

    @property
    def called(self) -> float:
        """Share of that capacity that is called for while no group is down, (m − 1)/m [1]."""
        return 1.0 - 1.0 / len(self.regions)
