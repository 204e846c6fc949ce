"""Humane figures, shared by every renderer: the same stored number always reads the same.

Every function takes SI units, as the plan stores them, and returns text short enough for a table cell. Three significant
digits are kept where a reader compares, whole dollars where a reader budgets.
"""

from __future__ import annotations

import math

_LADDER = ((0.1, 1e3, "ms"), (1.0, 1e3, "ms"), (120.0, 1.0, "s"), (7200.0, 1 / 60, "min"), (172800.0, 1 / 3600, "h"))
_RATES = ((0.1, 1.0, "/s"), (0.1 / 60, 60.0, "/min"), (0.1 / 3600, 3600.0, "/h"), (0.0, 86400.0, "/day"))


def significant(value: float, digits: int = 3) -> str:
    """Write a number with `digits` significant digits, thousands separated, without an exponent.

    Parameters
    ----------
    value : float
    digits : int
        Significant digits kept; digits left of the point are never dropped.

    Returns
    -------
    str

    Examples
    --------
    >>> significant(1234.5), significant(12.345), significant(0.012345), significant(0.0), significant(8.0)
    ('1,234', '12.3', '0.0123', '0', '8')
    """
    if not math.isfinite(value):
        return "n/a" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")


def money(value: float) -> str:
    """Write dollars: whole from $1,000, cents from $1, below that three significant digits and at least cents.

    Parameters
    ----------
    value : float [$]

    Returns
    -------
    str

    Examples
    --------
    >>> money(57254.4), money(78.4), money(0.4), money(0.075), money(0.0031416), money(0), money(-3.5)
    ('$57,254', '$78.40', '$0.40', '$0.075', '$0.00314', '$0', '−$3.50')
    """
    size = abs(value)
    if not math.isfinite(value):
        return f"${significant(value)}"
    if size == 0:
        text = "0"
    elif size < 0.9995:  # from there on three digits would round to a dollar
        text = significant(size).ljust(4, "0")
    else:
        text = f"{size:,.0f}" if size >= 999.995 else f"{size:.2f}"
    return f"{'−' if value < 0 else ''}${text}"


def hourly(value: float) -> str:
    """Write a price per hour, `$0.42/h`.

    Parameters
    ----------
    value : float [$/h]

    Returns
    -------
    str

    Examples
    --------
    >>> hourly(0.42)
    '$0.42/h'
    """
    return f"{money(value)}/h"


def monthly(value: float) -> str:
    """Write a price per month, `$1,234/mo`.

    Parameters
    ----------
    value : float [$/month]

    Returns
    -------
    str

    Examples
    --------
    >>> monthly(1234.2)
    '$1,234/mo'
    """
    return f"{money(value)}/mo"


def duration(seconds: float) -> str:
    """Write a duration in the unit that reads best: ms below a second, then s, min, h, days.

    Parameters
    ----------
    seconds : float [s]

    Returns
    -------
    str

    Examples
    --------
    >>> duration(0.0081), duration(0.35), duration(1.24), duration(300), duration(86400), duration(864000)
    ('8.1 ms', '350 ms', '1.24 s', '5 min', '24 h', '10 days')
    """
    for limit, factor, unit in _LADDER:
        if abs(seconds) < limit:
            return f"{significant(seconds * factor)} {unit}"
    return f"{significant(seconds / 86400)} days"


def rate(per_second: float) -> str:
    """Write calls over the unit of time that gives a readable figure.

    Parameters
    ----------
    per_second : float [1/s]

    Returns
    -------
    str

    Examples
    --------
    >>> rate(12.44), rate(0.05), rate(0.0005), rate(0.00001), rate(0)
    ('12.4/s', '3/min', '1.8/h', '0.864/day', '0/s')
    """
    if per_second == 0:
        return "0/s"
    for least, factor, unit in _RATES:
        if per_second >= least:
            return f"{significant(per_second * factor)}{unit}"
    return f"{significant(per_second)}/s"


def token_rate(per_second: float) -> str:
    """Write tokens per second.

    Parameters
    ----------
    per_second : float [token/s]

    Returns
    -------
    str

    Examples
    --------
    >>> token_rate(5432.1)
    '5,432 tok/s'
    """
    return f"{significant(per_second)} tok/s"


def tokens(value: float) -> str:
    """Write a token count: exact below 10,000, then in thousands, then in millions.

    Parameters
    ----------
    value : float [token]

    Returns
    -------
    str

    Examples
    --------
    >>> tokens(4096), tokens(131072), tokens(1.25e6)
    ('4,096', '131k', '1.25M')
    """
    if value < 9999.5:
        return f"{value:,.0f}"
    return f"{significant(value / 1e3)}k" if value < 999500 else f"{significant(value / 1e6)}M"


def gigabytes(size: float) -> str:
    """Write bytes in decimal gigabytes, as datasheets do; less than 0.1 GB in megabytes.

    Parameters
    ----------
    size : float [B]

    Returns
    -------
    str

    Examples
    --------
    >>> gigabytes(70.55e9), gigabytes(35e6), gigabytes(1.5e12)
    ('70.5 GB', '35 MB', '1,500 GB')
    """
    if size < 0.1e9:
        return f"{significant(size / 1e6)} MB"
    return f"{size / 1e9:,.1f} GB" if size < 999.95e9 else f"{size / 1e9:,.0f} GB"


def percent(share: float) -> str:
    """Write a share as a percentage that never rounds into a false 0% or 100%.

    Parameters
    ----------
    share : float [1]

    Returns
    -------
    str

    Examples
    --------
    >>> percent(0.744), percent(0.0083), percent(0.99971), percent(1.0), percent(0.0), percent(0.00002)
    ('74%', '0.83%', '>99.9%', '100%', '0%', '<0.01%')
    """
    value = 100.0 * share
    if 0 < abs(value) < 0.01:
        return "<0.01%" if value > 0 else "−<0.01%"
    if 99.5 <= value < 100:
        return ">99.9%" if value >= 99.95 else f"{value:.1f}%"
    return f"{significant(value, 2 if abs(value) < 10 else 1)}%" if abs(value) < 10 else f"{value:,.0f}%".replace("-", "−")


def uptime(share: float) -> str:
    """Write a share of time by its nines, rounded down so that it never reads better than it is.

    Parameters
    ----------
    share : float [1]

    Returns
    -------
    str

    Examples
    --------
    >>> uptime(0.9992103), uptime(0.99999937), uptime(0.5), uptime(1.0), uptime(1 - 1e-12)
    ('99.92%', '99.99993%', '50%', '100%', '>99.999999%')
    """
    missing = 1.0 - share
    if missing <= 0.0:
        return "100%"
    if missing < 1e-8:
        return ">99.999999%"
    digits = max(math.ceil(-math.log10(missing)) - 2, 0)
    shown = f"{math.floor(100.0 * share * 10**digits + 1e-6) / 10**digits:.{digits}f}"
    return f"{shown.rstrip('0').rstrip('.') if digits else shown}%"


def margin(share: float) -> str:
    """Write how far a prediction stays under its target, with its sign.

    Parameters
    ----------
    share : float [1]
        (target − predicted)/target.

    Returns
    -------
    str

    Examples
    --------
    >>> margin(0.18), margin(-0.04), margin(0.0)
    ('+18%', '−4%', '0%')
    """
    return f"+{percent(share)}" if share > 0 else percent(share)


def percentile(value: float) -> str:
    """Write a percentile, `p95`.

    Parameters
    ----------
    value : float [%]

    Returns
    -------
    str

    Examples
    --------
    >>> percentile(95.0), percentile(99.9)
    ('p95', 'p99.9')
    """
    return f"p{value:g}"


def count(value: int) -> str:
    """Write a whole number with thousands separated.

    Parameters
    ----------
    value : int

    Returns
    -------
    str

    Examples
    --------
    >>> count(12345)
    '12,345'
    """
    return f"{value:,}"


def plural(value: int, one: str, many: str = "") -> str:
    """Write a number with its noun.

    Parameters
    ----------
    value : int
    one, many : str
        Singular, and plural where it is not the singular with an s.

    Returns
    -------
    str

    Examples
    --------
    >>> plural(1, "pool"), plural(3, "pool"), plural(2, "entry", "entries")
    ('1 pool', '3 pools', '2 entries')
    """
    return f"{value:,} {one if value == 1 else many or one + 's'}"
