"""What cross-checks look at and where they write what they find."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from planner.catalog.yamlfile import Document, KeyPath, dotted
from planner.domain.calls import Choices
from planner.domain.catalog import Catalog
from planner.domain.horizon import Horizon, Scenario
from planner.domain.problem import Finance, Limits, Operations, Period
from planner.domain.stores import Store
from planner.domain.workload import Workload
from planner.errors import Issue


@dataclass
class Findings:
    """Errors and warnings about one document."""

    document: Document
    """The problem file."""
    errors: list[Issue] = field(default_factory=list)
    """What must be corrected."""
    warnings: list[Issue] = field(default_factory=list)
    """What is allowed but seldom meant."""

    def error(self, path: KeyPath, message: str, remedy: str) -> None:
        """Note a mistake."""
        self.errors.append(self._issue(path, message, remedy))

    def warn(self, path: KeyPath, message: str, remedy: str) -> None:
        """Note something a reader should know."""
        self.warnings.append(self._issue(path, message, remedy))

    def _issue(self, path: KeyPath, message: str, remedy: str) -> Issue:
        return Issue(self.document.file, self.document.line(path), dotted(path), message, remedy)


@dataclass(frozen=True)
class Parts:
    """The parts of a problem that are valid by themselves; a wrong part is left out so that the rest is still checked."""

    workloads: tuple[tuple[int, Workload], ...]
    """Valid workloads with their place in the file."""
    periods: tuple[Period, ...] | None
    """Periods, None where they are wrong, or yet to be laid out over a horizon."""
    choose: Choices
    """Choices for all workloads; no restriction where they are wrong."""
    limits: Limits
    """Limits; none where they are wrong."""
    base: Path
    """Folder that files are relative to."""
    catalog: Catalog
    """The facts."""
    stores: tuple[tuple[int, Store], ...] = ()
    """Valid vector stores with their place in the file."""
    horizon: Horizon | None = None
    """Months to plan for, None where there is none or it is wrong."""
    scenarios: tuple[tuple[int, Scenario], ...] = ()
    """Valid scenarios with their place in the file."""
    operations: Operations | None = None
    """How pools are run, None where it is wrong."""
    finance: Finance | None = None
    """What money costs and what is minimized, None where it is wrong."""
