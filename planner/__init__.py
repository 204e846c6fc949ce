"""Inference Planner: the least-cost way to serve a workload mix within its promises, with the proof."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from planner.library import (
        Infeasible,
        InvalidInput,
        Issue,
        LoadedProblem,
        NoPlanInTime,
        Plan,
        PlannerError,
        PlanRejected,
        explore,
        lint_problem,
        load_problem,
        make_plan,
        read_plan,
    )

__version__ = "0.1.0"

__all__ = [
    "Infeasible",
    "InvalidInput",
    "Issue",
    "LoadedProblem",
    "NoPlanInTime",
    "Plan",
    "PlanRejected",
    "PlannerError",
    "__version__",
    "explore",
    "lint_problem",
    "load_problem",
    "make_plan",
    "read_plan",
]


def __getattr__(name: str) -> Any:
    """Bring in the library when something of it is first asked for, so that the command line need not wait for it."""
    if name in __all__:
        return getattr(import_module("planner.library"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List what is public."""
    return sorted(__all__)
