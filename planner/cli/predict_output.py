"""One prediction, printed for people or as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from planner.cli import json_output
from planner.points.columns import OUTPUTS

VERSION = "prediction/v1"
"""Version of the JSON."""

Row = Mapping[Any, Any]

_DEGREES = ("tp", "pp", "dp", "ep")
_AUTO = "auto"


def gpus(point: Row) -> int:
    """Return the GPUs that a point's deployment runs on, tp·pp·dp, summed over workers where there are some."""
    if point["mode"] == "agg":
        return int(point["tp"] * point["pp"] * point["dp"])
    roles = ("prefill", "decode")
    return int(sum(point[f"{r}_workers"] * point[f"{r}_tp"] * point[f"{r}_pp"] * point[f"{r}_dp"] for r in roles))


def assumed(point: Row, given: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """Yield what the user left open, and what was taken for it."""
    if given.get("precision", _AUTO).lower() == _AUTO:
        yield "precision", point["precision"]
    starts = ("",) if point["mode"] == "agg" else ("prefill_", "decode_")
    for name in ("kv_precision", "mode", *(f"{start}{degree}" for start in starts for degree in _DEGREES), "length_ratio_min"):
        if name not in given:
            yield name, point[name]


def as_json(point: Row, predicted: Row, given: Mapping[str, str]) -> None:
    """Print a prediction as JSON: the point as understood, what was assumed, and the figures; null = not known, or unbounded."""
    said = {
        "version": VERSION,
        "point": {name: _plain(value) for name, value in point.items() if value != "" and not _is_nan(value)},
        "gpus": gpus(point),
        "assumed": [name for name, _ in assumed(point, given)],
        "prediction": {output.name: _plain(predicted[output.name], yes_no=output.decimals is None) for output in OUTPUTS},
    }
    json_output.echo(said)


def render(point: Row, predicted: Row, given: Mapping[str, str]) -> None:
    """Print a prediction as a table, with what was assumed below it."""
    from planner.report.console import standard
    from planner.report.console_tables import table
    from planner.report.ink import Ink

    console = standard()
    ink = Ink.of(console)
    count = gpus(point)
    console.print(ink(f"{point['model']} on {count} × {point['accelerator']}", "bold"))
    console.print(ink(f"{point['engine']}, weights {point['precision']}, {_load(point)}", "dim"))
    figures = table(ink, "!Figure", ">Value", "!Unit", "Meaning")
    for output in OUTPUTS:
        value = predicted[output.name]
        figures.add_row(
            ink(output.name), ink(_figure(value, yes_no=output.decimals is None)), ink(output.unit), ink(output.meaning, "dim")
        )
    console.print(figures)
    left_open = ", ".join(f"{name} {_short(value)}" for name, value in assumed(point, given))
    if left_open:
        console.print(ink(f"assumed: {left_open}"))


def _load(point: Row) -> str:
    """Say what the deployment has to do."""
    lengths = f"{_short(point['input_tokens'])} → {_short(point['output_tokens'])} tokens"
    if _is_nan(point["concurrency"]):
        return f"{lengths}, {_short(point['request_rate'])} requests/s"
    return f"{lengths}, {_short(point['concurrency'])} clients"


def _figure(value: Any, *, yes_no: bool) -> str:
    from planner.report.format import significant

    if _is_nan(value):
        return "n/a"
    return ("yes" if value else "no") if yes_no else significant(float(value), 4)


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(value: Any, *, yes_no: bool = False) -> Any:
    """Return a value as JSON knows it."""
    if _is_nan(value) or (isinstance(value, float) and math.isinf(value)):
        return None
    if yes_no:
        return bool(value)
    return value if isinstance(value, str) else float(value)


def _is_nan(value: Any) -> bool:
    """Say whether a cell says nothing."""
    return value is None or (isinstance(value, float) and math.isnan(value))
