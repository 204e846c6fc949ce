"""The last relaxation is kept: a program is often solved again, to a smaller gap, and what bounds it is the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from planner.optimize.bounds import Bounds
from planner.optimize.program import Program
from planner.optimize.relax import Relaxation, relax, tighten


@dataclass
class _Last:
    """The program solved last, and what is known of it."""

    program: Program | None = None
    loose: Relaxation | None = None
    tight: Relaxation | None = None


_last = _Last()


def relaxed(program: Program, bounds: Bounds, progress: Callable[[str], None], *, deadline: float) -> Relaxation:
    """Return `relax`, as before if the program was the last one; what time cut short is not kept."""
    if _last.loose is not None and same(program, _last.program):
        progress(f"relaxation as before: bound {_last.loose.bound:.6g}")
        return _last.loose
    found = relax(program, bounds, progress, deadline=deadline)
    whole = time.monotonic() < deadline
    _last.program, _last.loose, _last.tight = (program, found, None) if whole else (None, None, None)
    return found


def tightened(
    program: Program, bounds: Bounds, progress: Callable[[str], None], relaxation: Relaxation, *, deadline: float
) -> Relaxation:
    """Return `tighten` of what `relaxed` returned, as before if it was asked for before."""
    if _last.tight is not None and _last.loose is relaxation:
        progress(f"cuts as before: bound {_last.tight.bound:.6g}")
        return _last.tight
    found = tighten(program, bounds, progress, relaxation, deadline=deadline)
    if _last.loose is relaxation and time.monotonic() < deadline:
        _last.tight = found
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two records hold the same, arrays element by element; a NaN is never the same."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if is_dataclass(one):
        return all(same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    return bool(one == other)
