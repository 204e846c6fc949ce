"""What the readers of benchmark results share: plain JSON in, cells of the table of points out."""

from __future__ import annotations

import math
from typing import Any

Record = dict[str, Any]
"""Cells of one point by column; a column that the file says nothing about is left out. `problem` holds what is wrong."""

_BINDS = 0.95
_SLACK = 0.5


def dig(data: object, *path: str | int) -> Any:
    """Return what stands at a path of keys and indexes, None where the path leads nowhere."""
    for step in path:
        if isinstance(step, str) and isinstance(data, dict):
            data = data.get(step)
        elif isinstance(step, int) and isinstance(data, list) and -len(data) <= step < len(data):
            data = data[step]
        else:
            return None
    return data


def number(value: object) -> float | None:
    """Return a finite number, also one written as text, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if math.isfinite(read) else None


def text(value: object) -> str | None:
    """Return a text that is not blank; of a list, its only entry."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value.strip() if isinstance(value, str) and value.strip() else None


def load(rate: float | None, clients: float | None, in_flight: float | None) -> Record:
    """Return what limited the load: an arrival rate, or a number of clients.

    Parameters
    ----------
    rate : float, optional [1/s]
        Arrivals asked for.
    clients : float, optional [1]
        Most requests allowed at once.
    in_flight : float, optional [1]
        Mean requests at once, N = X·W by Little's law.

    Returns
    -------
    dict
        `concurrency` or `request_rate`. Both where both were asked for and it cannot be told which one counted, so that the
        row is refused: a cap counts from 95 % of it on and does not below half (assumption).
    """
    if rate is not None and clients is not None and in_flight is not None:
        if in_flight >= _BINDS * clients:
            rate = None
        elif in_flight <= _SLACK * clients:
            clients = None
    return {"concurrency": clients, "request_rate": rate}


def in_flight(throughput: float | None, ttft: float | None, tpot: float | None, output: float | None) -> float | None:
    """Return mean requests at once, X·(TTFT + (O − 1)·TPOT), of requests per second, milliseconds and tokens."""
    if throughput is None or ttft is None or tpot is None or output is None:
        return None
    return throughput * (ttft + max(output - 1.0, 0.0) * tpot) / 1e3
