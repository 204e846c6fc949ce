"""What rules look at, what they say, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from planner.catalog.problem import LoadedProblem
from planner.catalog.yamlfile import KeyPath
from planner.demand.streams import build_flows
from planner.demand.ways import Flows
from planner.domain.problem import Problem
from planner.domain.stages import Stage
from planner.domain.workload import Workload
from planner.errors import InvalidInput


@dataclass(frozen=True)
class Seen:
    """A problem as a reviewer sees it: as it is written, and as it was read."""

    loaded: LoadedProblem
    """The problem with its catalogs."""

    @cached_property
    def stated(self) -> Problem:
        """The problem as it is written: workloads and stages have the places they have in the file."""
        return Problem.model_validate(self.loaded.document.data)

    @cached_property
    def flows(self) -> Flows:
        """The calls that workloads cause."""
        try:
            return build_flows(self.loaded.problem, self.loaded.base)
        except InvalidInput as error:
            raise self.loaded.located(error) from None

    def workloads(self) -> Iterator[tuple[KeyPath, Workload]]:
        """Yield every workload with its place."""
        for index, workload in enumerate(self.stated.workloads):
            yield ("workloads", index), workload

    def stages(self) -> Iterator[tuple[KeyPath, Workload, Stage]]:
        """Yield every stage with its place."""
        for path, workload in self.workloads():
            for index, stage in enumerate(workload.stages):
                yield (*path, "stages", index), workload, stage

    def says(self, *path: str | int) -> bool:
        """Say whether the file itself holds a value at a path."""
        return self.loaded.document.has(path)


@dataclass(frozen=True)
class Hit:
    """What a rule found in one place."""

    path: KeyPath
    """Where."""
    message: str
    """What, with its figures."""
    remedy: str
    """What to do about it."""


@dataclass(frozen=True)
class Rule:
    """One question of a reviewer."""

    code: str
    """Its name, as in `--ignore` and in comments of the file."""
    what: str
    """What it finds."""
    why: str
    """Why that matters."""
    source: str
    """Where the threshold is from, with its date, or that it is an assumption."""
    find: Callable[[Seen], Iterator[Hit]]
    """Yields what it finds."""


@dataclass(frozen=True)
class Finding:
    """What is told of one place in a file."""

    code: str
    """The rule."""
    line: int
    """Line in the file."""
    path: str
    """Path in the file."""
    message: str
    """What was found."""
    remedy: str
    """What to do about it."""
    why: str
    """Why it matters."""
    source: str
    """Where the threshold is from."""
