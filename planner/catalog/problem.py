"""Loads a problem file with the catalogs it asks for, and reports every mistake in it at once."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from planner.catalog import validate
from planner.catalog.check_choices import check_choices
from planner.catalog.check_demand import check_demand
from planner.catalog.check_energy import check_energy
from planner.catalog.check_failover import check_failover
from planner.catalog.check_horizon import check_horizon, check_size
from planner.catalog.check_levers import check_levers
from planner.catalog.check_quality import check_quality
from planner.catalog.check_reach import check_reach
from planner.catalog.check_scaling import check_scaling
from planner.catalog.check_scenarios import check_scenarios
from planner.catalog.check_sites import check_sites
from planner.catalog.check_stages import check_stages
from planner.catalog.check_stores import check_stores
from planner.catalog.check_supply import check_supply
from planner.catalog.check_variants import check_variants
from planner.catalog.check_worst import check_worst
from planner.catalog.findings import Findings, Parts
from planner.catalog.lever_sources import check_sources, with_sources
from planner.catalog.load import load_catalog
from planner.catalog.select import without_aliases
from planner.catalog.store_sources import index_workloads, with_nodes
from planner.catalog.variants import with_variants
from planner.catalog.yamlfile import Document, KeyPath, read
from planner.domain.catalog import Catalog
from planner.domain.horizon import Horizon, Scenario
from planner.domain.plan import Plan
from planner.domain.problem import CatalogUse, Finance, Limits, Operations, Period, Problem, ProblemChoices, Solver
from planner.domain.stores import Store
from planner.domain.workload import Workload
from planner.errors import InvalidInput, Issue
from planner.horizon.following import followed
from planner.horizon.layout import lay_out
from planner.horizon.scenarios import branched

_T = TypeVar("_T")


@dataclass(frozen=True)
class LoadedProblem:
    """A valid problem, the facts it is solved with, and where each value stands in the file."""

    problem: Problem
    """What is to be served."""
    catalog: Catalog
    """Facts, merged and checked."""
    base: Path
    """Folder that trace files are relative to."""
    document: Document
    """The file itself."""
    digest: str
    """SHA-256 of the file's text, written into every plan."""
    warnings: tuple[Issue, ...] = ()
    """What is allowed but seldom meant."""
    today: Plan | None = None
    """What runs today, if the plan is to be made from it."""

    def with_solver(self, **settings: Any) -> LoadedProblem:
        """Return the same problem with some solver settings replaced; None leaves one as it is."""
        given = {name: value for name, value in settings.items() if value is not None}
        try:
            asked = Solver.model_validate(given)
        except ValidationError as error:
            raise InvalidInput(validate.issues(error, Solver, given, _option)) from None
        solver = self.problem.solver.model_copy(update={name: getattr(asked, name) for name in given})
        return replace(self, problem=self.problem.model_copy(update={"solver": solver}))

    def located(self, error: InvalidInput) -> InvalidInput:
        """Add this file and the lines to issues that later rooms found by YAML path alone."""
        return InvalidInput([self._located(issue) for issue in error.issues])

    def _located(self, issue: Issue) -> Issue:
        if issue.file:
            return issue
        return replace(issue, file=self.document.file, line=self.document.line(undotted(issue.path)))


def load_problem(path: Path | str) -> LoadedProblem:
    """Read, validate and cross-check a problem file.

    Parameters
    ----------
    path : Path or str
        The problem file.

    Returns
    -------
    LoadedProblem
        With warnings about what is allowed but seldom meant.

    Raises
    ------
    InvalidInput
        With every mistake in the file, its catalogs and its traces. A part that is wrong in itself is left out of the
        cross-checks, so one mistake does not hide the others nor breed new ones.
    """
    return load_document(read(path), Path(path).parent)


def load_document(document: Document, base: Path) -> LoadedProblem:
    """Validate and cross-check a problem that was read already, or changed since; `base` is the folder of its files."""
    errors: list[Issue] = []
    problem = _attempt(errors, Problem, document)
    catalog = _catalog(errors, document, base)
    findings = Findings(document)
    if catalog is not None:
        _cross_check(_parts(document, base, catalog), findings)
    errors += findings.errors
    if errors or problem is None or catalog is None:
        raise InvalidInput(errors)
    problem = branched(followed(lay_out(problem, base)))
    check_size(problem, findings)
    warnings = tuple(sorted(set(findings.warnings)))
    catalog = with_variants(catalog, problem.choose)
    return LoadedProblem(_by_catalog_name(problem, catalog, base), catalog, base, document, document.digest, warnings)


def _option(path: KeyPath) -> tuple[str, int, str]:
    """Place a mistake in the command-line option of a solver setting."""
    return "command line", 0, f"--{path[0]}".replace("_", "-")


def undotted(path: str) -> KeyPath:
    """Read a path as people write it back into its parts; the inverse of `dotted`."""
    parts = re.findall(r"""\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.\[\]]+)""", path)
    return tuple(int(index) if index else json.loads(quoted) if quoted else name for index, quoted, name in parts)


def _by_catalog_name(problem: Problem, catalog: Catalog, base: Path) -> Problem:
    """Replace aliases of models by their catalog names, and what stages and levers name by what it is."""
    workloads = tuple(
        with_sources(w.model_copy(update={"choose": without_aliases(catalog, w.choose)}), catalog, base)
        for w in problem.workloads
    )
    stores = tuple(with_nodes(store, workloads, catalog) for store in problem.stores)
    everyone = (*workloads, *index_workloads(stores, workloads))
    update = {"choose": without_aliases(catalog, problem.choose), "workloads": everyone, "stores": stores}
    return problem.model_copy(update=update)


def _attempt(errors: list[Issue], root: type[Problem], document: Document) -> Problem | None:
    """Return the problem, or None after noting what is wrong with it."""
    try:
        return validate.validate(root, document)
    except InvalidInput as error:
        errors.extend(error.issues)
        return None


def _catalog(errors: list[Issue], document: Document, base: Path) -> Catalog | None:
    """Return the catalogs the file asks for, as far as that can be told."""
    use = _valid(CatalogUse, _section(document, "catalogs", {}))
    if use is None:
        return None
    try:
        return load_catalog(use, base, document)
    except InvalidInput as error:
        errors.extend(error.issues)
        return None


def _cross_check(parts: Parts, findings: Findings) -> None:
    check_demand(parts, findings)
    check_horizon(parts, findings)
    check_scenarios(parts, findings)
    check_scaling(parts, findings)
    check_quality(parts, findings)
    check_choices(parts, findings)
    check_stages(parts, findings)
    check_levers(parts, findings)
    check_reach(parts, findings)
    check_sources(parts, findings)
    check_stores(parts, findings)
    check_supply(parts, findings)
    check_sites(parts, findings)
    check_energy(parts, findings)
    check_variants(parts, findings)
    check_failover(parts, findings)
    check_worst(parts, findings)


def _parts(document: Document, base: Path, catalog: Catalog) -> Parts:
    """Keep the parts of a file that are valid by themselves."""
    default_periods = [{"name": "always", "hours": 730.0}]
    horizon = _section(document, "horizon", None)
    return Parts(
        workloads=_rows(Workload, _section(document, "workloads", [])),
        periods=_valid(tuple[Period, ...], _section(document, "periods", default_periods if horizon is None else None)),
        choose=_valid(ProblemChoices, _section(document, "choose", {})) or ProblemChoices(),
        limits=_valid(Limits, _section(document, "limits", {})) or Limits(),
        base=base,
        catalog=catalog,
        stores=_rows(Store, _section(document, "stores", [])),
        horizon=_valid(Horizon, horizon),
        scenarios=_rows(Scenario, _section(document, "scenarios", [])),
        operations=_valid(Operations, _section(document, "operations", {})),
        finance=_valid(Finance, _section(document, "finance", {})),
    )


def _rows(kind: type[_T], rows: Any) -> tuple[tuple[int, _T], ...]:
    """Return the valid rows of a list with their places."""
    found = ((index, _valid(kind, row)) for index, row in enumerate(rows if isinstance(rows, list) else []))
    return tuple((index, row) for index, row in found if row is not None)


def _section(document: Document, name: str, default: Any) -> Any:
    return document.data.get(name, default) if isinstance(document.data, dict) else default


def _valid(kind: type[_T], data: Any) -> _T | None:
    """Make a `kind` of the data, None if it is wrong; what is wrong was noted when the whole was validated."""
    try:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind.model_validate(data)
        return TypeAdapter(kind).validate_python(data)
    except ValidationError:
        return None
