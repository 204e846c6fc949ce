"""Deployments through the formulas, drafting included where there is some."""

from __future__ import annotations

from planner.candidates.columns import DeploymentColumns
from planner.perf.compile import compile_step
from planner.perf.memory import KvCoefficients, MemoryBudget, kv_held, kv_read, memory_budget
from planner.perf.speculative import compile_speculative, draft_memory, held_with_draft, read_with_draft
from planner.perf.step import StepModel


def step_of(columns: DeploymentColumns) -> StepModel:
    """Return the coefficients of τ."""
    what = columns.model, columns.precision, columns.hardware, columns.link, columns.coefficients, columns.layout
    return compile_step(*what) if columns.speculation is None else compile_speculative(*what, columns.speculation)


def budget_of(columns: DeploymentColumns) -> MemoryBudget:
    """Return where the memory of the fullest device goes; a draft counts as weights."""
    what = columns.model, columns.precision, columns.hardware, columns.engine, columns.layout
    if columns.speculation is None:
        return memory_budget(*what)
    return memory_budget(*what, draft_memory(columns.model, columns.engine, columns.layout, columns.speculation))


def held_of(columns: DeploymentColumns) -> KvCoefficients:
    """Return the bytes a sequence's cache takes in memory, that of the draft included."""
    if columns.speculation is None:
        return kv_held(columns.model, columns.precision)
    return held_with_draft(columns.model, columns.precision, columns.layout, columns.speculation)


def read_of(columns: DeploymentColumns) -> KvCoefficients:
    """Return the bytes of a sequence's cache that an iteration moves, that of the draft in bytes of the target's."""
    if columns.speculation is None:
        return kv_read(columns.model, columns.precision)
    what = columns.model, columns.precision, columns.hardware, columns.coefficients, columns.layout
    return read_with_draft(*what, columns.speculation)
