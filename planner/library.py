"""The planner as a library: load a problem, make a plan, look at it. What stands here is stable; the rooms below may move.

Heavy modules are imported inside functions, so that `import planner` costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from planner.catalog.problem import LoadedProblem
from planner.domain import plan as domain
from planner.errors import Infeasible, InvalidInput, Issue, NoPlanInTime, PlannerError, PlanRejected

if TYPE_CHECKING:
    import pandas as pd

    from planner.lint.run import Linted
    from planner.report.frames import Table
    from planner.study.explore import Part

__all__ = [
    "Infeasible",
    "InvalidInput",
    "Issue",
    "LoadedProblem",
    "NoPlanInTime",
    "Plan",
    "PlanRejected",
    "PlannerError",
    "explore",
    "lint_problem",
    "load_problem",
    "make_plan",
    "read_plan",
]


class Plan(domain.Plan):
    """A plan that shows itself: as tables, in notebooks, as the files that `planner solve -o` writes.

    Its fields are those of plan.json (docs/schema/plan.json). It is frozen.
    """

    @classmethod
    def of(cls, plan: domain.Plan) -> Plan:
        """Return a plan with what this class adds."""
        return plan if isinstance(plan, cls) else cls.model_construct(plan.model_fields_set, **dict(plan))

    def to_frame(self, what: Table = "pools") -> pd.DataFrame:
        """Return one of its tables.

        Parameters
        ----------
        what : `pools`, `purchases`, `promises`, `latencies`, `shares` or `workloads`

        Returns
        -------
        pandas.DataFrame
            Units stand in the names of columns; costs are in dollars.
        """
        from planner.report.frames import frame

        return frame(self, what)

    def to_json(self) -> str:
        """Return it as plan.json."""
        from planner.report import jsonout

        return jsonout.dumps(self)

    def to_markdown(self) -> str:
        """Return it as report.md."""
        from planner.report import markdown

        return markdown.render(self)

    def write(self, folder: Path | str) -> list[Path]:
        """Write plan.json and report.md into a folder, both or none, and return their paths."""
        from planner.atomic import check_folder, write_all

        target, texts = Path(folder), {"plan.json": self.to_json(), "report.md": self.to_markdown()}
        check_folder(target, tuple(texts))
        return write_all(target, dict(texts))

    def _repr_html_(self) -> str:
        """Show the glance in a notebook."""
        from planner.report.notebook import html

        return html(self)

    def _repr_markdown_(self) -> str:
        """Show the whole report where a notebook takes Markdown."""
        return self.to_markdown()


def load_problem(path: Path | str) -> LoadedProblem:
    """Read a problem file with the catalogs it names.

    Parameters
    ----------
    path : the YAML file

    Returns
    -------
    LoadedProblem
        `problem` is what was read, `warnings` what is allowed but seldom meant.

    Raises
    ------
    InvalidInput
        With every mistake in it: `issues` have file, line, path, message and remedy.
    """
    from planner.catalog.problem import load_problem as load

    return load(path)


def make_plan(
    problem: LoadedProblem | Path | str,
    *,
    today: domain.Plan | None = None,
    simulated: bool = False,
    gap: float | str | None = None,
    time_limit: float | str | None = None,
    progress: Callable[[str], None] | None = None,
) -> Plan:
    """Return the least-cost plan of a problem, checked by code that did not make it.

    Parameters
    ----------
    problem : what `load_problem` returned, or a file
    today : what runs today, if the plan is to start from it
    simulated : whether its pools must keep their promises in a simulation of single calls too
    gap : share of the best at which to stop, such as 0.01 or `1%`; absent = as the problem says
    time_limit : when to stop [s], such as 60 or `60s`; absent = as the problem says
    progress : told what is being done

    Returns
    -------
    Plan

    Raises
    ------
    InvalidInput, Infeasible, NoPlanInTime, PlanRejected
        As `planner solve` exits: see `planner.errors`.
    """
    from dataclasses import replace

    from planner.pipeline import plan_problem

    loaded = problem if isinstance(problem, LoadedProblem) else load_problem(problem)
    limit = f"{time_limit:g}s" if isinstance(time_limit, int | float) else time_limit
    loaded = replace(loaded.with_solver(gap=gap, time_limit=limit), today=today or loaded.today)
    return Plan.of(plan_problem(loaded, progress=progress or (lambda _: None), simulated=simulated))


def explore(
    plan: domain.Plan,
    problem: LoadedProblem | Path | str,
    *,
    parts: Sequence[Part] = ("alternatives", "frontiers", "sensitivity"),
    most: int = 80,
    workers: int = 1,
    progress: Callable[[str], None] | None = None,
) -> Plan:
    """Return a plan with what was found by solving around it, as `planner explore` writes it.

    Parameters
    ----------
    plan : of the problem as it is
    problem : what `load_problem` returned, or a file
    parts : `alternatives`, `frontiers`, `sensitivity`
    most : solves at most
    workers : processes
    progress : told what is being done

    Returns
    -------
    Plan
        The same, with `alternatives`, `frontiers`, `sensitivities` and `explored` in place of what it held of them.

    Raises
    ------
    InvalidInput
        If the plan was made from what runs today.
    PlanRejected
        If the plan is not one of this problem, or what was found contradicts it.
    """
    from planner.pipeline import quietly
    from planner.plan.verify import verify
    from planner.study.clusters import executor
    from planner.study.explore import bare
    from planner.study.explore import explore as solve_around
    from planner.study.sweep import Course

    loaded = problem if isinstance(problem, LoadedProblem) else load_problem(problem)
    failures = verify(bare(plan), loaded)
    if failures:
        raise PlanRejected(failures)
    course = Course(quietly, executor(workers, None), progress=progress or (lambda _: None))
    return Plan.of(solve_around(plan, loaded, course, parts, most))


def read_plan(path: Path | str) -> Plan:
    """Read a plan.json.

    Raises
    ------
    InvalidInput
        If it cannot be read, or is no plan of this version.
    """
    from planner.report import jsonout

    return Plan.of(jsonout.read(Path(path)))


def lint_problem(problem: LoadedProblem | Path | str, ignore: tuple[str, ...] = ()) -> Linted:
    """Return what a reviewer would ask about a problem, as `planner lint` does; `ignore` leaves rules out by their codes."""
    from planner.lint.run import lint

    return lint(problem if isinstance(problem, LoadedProblem) else load_problem(problem), ignore)
