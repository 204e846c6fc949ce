"""plan.json: the same plan gives the same bytes on every machine, and reads back as the same plan."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from planner.domain.plan import Plan
from planner.errors import InvalidInput, Issue
from planner.report.schema import plan_schema

__all__ = ["dumps", "loads", "plan_schema", "read"]

DIGITS = 12
"""Significant digits written; the last bits of a float differ between processors and math libraries."""

_UNORDERED_KEYS = ("rejected", "utilization")
_LEFT_OUT = ("stores", "searches", "committed_spend", "failover")
"""Keys that are written only where there is something in them."""

_SIGNS = {"problem", "proof", "cost"}
"""Keys without which a file was never a plan; one that has them and is wrong is told field by field."""

_NO_PLAN = "give the plan.json that `planner solve -o` wrote, or write the plan again with it"
_NAMED = 4
"""Keys of such a file that are named."""

_UNORDERED_ROWS = {
    "shares": ("stream", "period"),
    "promises": ("stream", "period", "route", "metric", "percentile"),
    "latencies": ("stream", "period", "route", "metric"),
}


def dumps(plan: Plan) -> str:
    """Write a plan as JSON.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    str
        Indented JSON with a final newline. Floats carry 12 significant digits; entries whose order has no meaning are
        sorted, those whose order says something (pools, reasons, facts) are kept.

    Raises
    ------
    ValueError
        If the plan holds a number that is not finite, which no JSON reader would take.
    """
    periods = list(plan.periods)
    body = _canonical(_without_absent(plan.model_dump(mode="python")), periods)
    return json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _without_absent(body: dict[str, Any]) -> dict[str, Any]:
    """Leave out what most plans never have, so that they read as they always have.

    Drafts, spares where no availability is asked for, and all that a horizon brings.
    """
    _drop_absent(
        body, "sizing", "futures", "start", "cash", "energy", "changes", "scaling", "serving", "doubt", "worth", "explored"
    )
    _drop_nothing(body, "frontiers", "alternatives", "sensitivities")
    _drop_absent(body["cost"], "ramps")
    if body["proof"]["worst"] is None:
        del body["proof"]["minimized"], body["proof"]["worst"]
    for row in (body["cost"], *body["purchases"]):
        _drop_nothing(row, "carbon", "carbon_cost")
    for buy in body["purchases"]:
        _drop_absent(buy, "ordered", "live", "scenario", "boards_per_machine", "upfront", "capital", "spend")
        _drop_false(buy, "already")
    for pool in body["pools"]:
        _drop_absent(pool, "fallback")
        _drop_absent(pool["deployment"], "speculation")
        for load in pool["loads"]:
            _drop_absent(load, "spares", "availability")
    _drop_absent(body["cost"], "committed")
    months = body["cash"]["months"] if "cash" in body else []
    if not any(month["committed"] for month in months):
        for month in months:
            del month["committed"]
    if body["cost"]["statement"] is not None:
        _drop_absent(body["cost"]["statement"], "spares", "lost_work")
    return body


def _drop_nothing(row: dict[str, Any], *names: str) -> None:
    """Drop figures that are 0, and lists that are empty."""
    for name in names:
        if not row.get(name, 1.0):
            del row[name]


def _drop_absent(row: dict[str, Any], *names: str) -> None:
    """Drop entries that hold nothing."""
    for name in names:
        if row[name] is None:
            del row[name]


def _drop_false(row: dict[str, Any], name: str) -> None:
    """Drop a mark that is not set."""
    if not row[name]:
        del row[name]


def loads(text: str, file: str = "plan.json") -> Plan:
    """Read a plan back.

    Parameters
    ----------
    text : str
        What `dumps` wrote.
    file : str
        Name used in messages.

    Returns
    -------
    Plan

    Raises
    ------
    InvalidInput
        With every field that is missing, unknown or of the wrong type.
    """
    try:
        body = json.loads(text)
        if not (isinstance(body, dict) and _SIGNS.issubset(body)):
            raise InvalidInput.at(file, f"JSON, but no plan: {_held(body)}", _NO_PLAN)
        return Plan.model_validate(body)
    except json.JSONDecodeError as error:
        remedy = "write the plan again with `planner solve`"
        raise InvalidInput.at(file, f"not JSON: {error.msg}", remedy, line=error.lineno) from None
    except RecursionError:
        raise InvalidInput.at(file, "nested too deeply to be a plan", "give the plan.json that `planner solve` wrote") from None
    except ValidationError as error:
        raise InvalidInput(_issues(error, file)) from None


def read(path: Path) -> Plan:
    """Read a plan from a file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Plan

    Raises
    ------
    InvalidInput
        If it cannot be read, or is no plan.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = getattr(error, "strerror", None) or "not text in UTF-8"
        raise InvalidInput.at(str(path), f"cannot be read: {what}", "give the plan.json that `planner solve -o` wrote") from None
    return loads(text, str(path))


def _held(body: Any) -> str:
    """Say what a file holds that is no plan."""
    if not isinstance(body, dict):
        return f"it is a {'list' if isinstance(body, list) else 'single value'}"
    return f"it holds {', '.join(list(body)[:_NAMED])}" if body else "it holds nothing"


def _issues(error: ValidationError, file: str) -> list[Issue]:
    """Turn every validation error into an issue with its path."""
    remedy = "write the plan again with this version of `planner solve`"
    return [Issue(file, 0, _path(entry["loc"]), entry["msg"], remedy) for entry in error.errors(include_url=False)]


def _path(location: Iterable[int | str]) -> str:
    """Write a location as `pools[0].name`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def _canonical(node: Any, periods: Sequence[str], key: str = "") -> Any:
    """Return a node with rounded floats and sorted where order has no meaning."""
    if isinstance(node, float):
        return _rounded(node)
    if isinstance(node, dict):
        keys = sorted(node) if key in _UNORDERED_KEYS else list(node)
        return {name: _canonical(node[name], periods, name) for name in keys if node[name] or name not in _LEFT_OUT}
    if isinstance(node, list | tuple):
        return [_canonical(item, periods) for item in _sorted_rows(node, periods, key)]
    return node


def _sorted_rows(rows: Sequence[Any], periods: Sequence[str], key: str) -> Sequence[Any]:
    """Sort rows by their identity, periods in the order of the plan."""
    if key not in _UNORDERED_ROWS:
        return rows
    order = {name: position for position, name in enumerate(periods)}
    fields = _UNORDERED_ROWS[key]
    return sorted(rows, key=lambda row: [order.get(row[f], len(order)) if f == "period" else row[f] for f in fields])


def _rounded(value: float) -> float:
    """Round to the digits written, and give zero one sign."""
    return float(f"{value:.{DIGITS}g}") + 0.0
