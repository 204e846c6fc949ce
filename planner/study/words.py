"""How numbers read in sentences about changes to a problem."""

from __future__ import annotations

from planner.units import HOURS_PER_MONTH


def dollars(value: float) -> str:
    """Write a price per hour, `$12.30/h`; small ones keep three significant digits."""
    if 0 < value < 1e-4:
        return f"${value:.7f}".rstrip("0") + "/h"
    return f"${value:,.2f}/h" if value >= 1 or value == 0 else f"${value:.3g}/h"


def seconds(value: float) -> str:
    """Write a duration in the unit that reads best: `380 ms`, `1.2 s`, `5 min`, `6 h`."""
    for limit, factor, unit in ((1.0, 1e3, "ms"), (120.0, 1.0, "s"), (7200.0, 1 / 60, "min")):
        if value < limit:
            return f"{value * factor:.4g} {unit}"
    return f"{value / 3600:.4g} h"


def watts(value: float) -> str:
    """Write a power, `5.5 kW`."""
    return f"{value / 1e3:.4g} kW"


def carbon(value: float) -> str:
    """Write a rate of carbon by the month, `12 t/month`."""
    return f"{value * HOURS_PER_MONTH / 1000.0:.4g} t/month"


def gpus(value: float) -> str:
    """Write a number of accelerators, `24 GPUs`."""
    return f"{value:,.0f} GPU{'' if value == 1 else 's'}"


def share(value: float) -> str:
    """Write a share of time, `99.9%`."""
    return f"{100.0 * value:.6g}%"


def number(value: float) -> str:
    """Write a plain figure, `68.9`."""
    return f"{value:.4g}" if value < 1e4 else f"{value:,.0f}"


def listed(names: list[str]) -> str:
    """Write names as a list, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
