"""Plain Markdown in short lines: wrapped prose, tables, and figures written one way."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from planner.calibrate.bars import Verdict

WIDTH = 130
"""Columns that no line of prose passes."""

MOST_REASONS = 15
"""Reasons for rows left out that are spelt out; the rest are counted."""

_BEFORE_UNIT = re.compile(r"(?<=\d) (?=%)")


def wrap(text: str, bullet: str = "") -> list[str]:
    """Break prose into lines no longer than a page allows; a number stays with its per cent sign.

    Examples
    --------
    >>> wrap("short", "- ")
    ['- short']
    """
    indent = " " * len(bullet)
    plain = _BEFORE_UNIT.sub("\u00a0", one_line(text))
    return textwrap.wrap(
        plain, WIDTH, initial_indent=bullet, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table, unpadded to stay short; a heading `>x` is aligned right."""
    yield f"|{'|'.join(name.lstrip('>') for name in columns)}|"
    yield f"|{'|'.join('--:' if name.startswith('>') else '---' for name in columns)}|"
    for row in rows:
        yield f"|{'|'.join(row)}|"


def one_line(text: str) -> str:
    """Put a text on one line."""
    return " ".join(text.split())


def escape(text: str) -> str:
    r"""Keep a name from ending a cell or opening markup.

    Examples
    --------
    >>> escape("a|b *c* <d>")
    'a\\|b \\*c\\* &lt;d>'
    """
    return re.sub(r"([\\|*`\[])", r"\\\1", one_line(text)).replace("<", "&lt;")


def whole(share: float) -> str:
    """Write a share in whole per cent; infinite where a prediction is missing.

    Examples
    --------
    >>> whole(0.126), whole(float("inf"))
    ('13', '∞')
    """
    return f"{100.0 * share:.0f}" if np.isfinite(share) else "∞"


def signed(share: float) -> str:
    """Write a share in whole per cent with its sign; a dash where there is none.

    Examples
    --------
    >>> signed(0.126), signed(-0.05), signed(-0.001), signed(float("nan"))
    ('+13', '−5', '0', '–')
    """
    if not np.isfinite(share):
        return "–"
    rounded = round(100.0 * share)
    return f"{rounded:+d}".replace("-", "−") if rounded else "0"


def percent(share: float) -> str:
    """Write a share in per cent with one decimal where it has one.

    Examples
    --------
    >>> percent(0.08), percent(0.1126), percent(float("inf"))
    ('8 %', '11.3 %', '∞')
    """
    return f"{100.0 * share:.1f} %".replace(".0 %", " %") if np.isfinite(share) else "∞"


def correlation(value: float, decimals: int = 3) -> str:
    """Write a correlation; a dash where there is none.

    Examples
    --------
    >>> correlation(0.97), correlation(-0.5), correlation(float("nan"))
    ('0.970', '−0.500', '–')
    """
    return f"{value:.{decimals}f}".replace("-", "−") if np.isfinite(value) else "–"


def rows_of(count: int, one: str) -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> rows_of(1, "row"), rows_of(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {one}{'' if count == 1 else 's'}"


def verdict_text(verdict: Verdict) -> str:
    """Say a figure, and whether its bar is met or missed by how much.

    Examples
    --------
    >>> from planner.calibrate.bars import BARS
    >>> verdict_text(Verdict(BARS[0], "fitted", 0.062)), verdict_text(Verdict(BARS[0], "fitted", 0.112))
    ('6.2 %, met', '11.2 %, missed by 3.2')
    >>> verdict_text(Verdict(BARS[6], "fitted", 0.912)), verdict_text(Verdict(BARS[6], "fitted", float("nan")))
    ('0.912, missed by 0.058', 'not measured')
    """
    if not verdict.known:
        return "not measured"
    share = verdict.bar.percent
    value = percent(verdict.value) if share else correlation(verdict.value)
    if verdict.met:
        return f"{value}, met"
    return f"{value}, missed by {percent(verdict.missed_by).removesuffix(' %') if share else correlation(verdict.missed_by)}"


def left_out(counts: pd.DataFrame) -> Iterator[str]:
    """List the rows that could not be compared, and why.

    Parameters
    ----------
    counts : `problem`, `n`, most rows first

    Returns
    -------
    Lines of Markdown.
    """
    if counts.empty:
        yield from ("No row was left out.", "")
        return
    total = rows_of(int(counts["n"].sum()), "row")
    yield from wrap(f"{total} left out before anything was compared, for these reasons and never for an error:")
    yield ""
    for problem, n in zip(counts["problem"][:MOST_REASONS], counts["n"][:MOST_REASONS], strict=True):
        yield from wrap(f"{rows_of(int(n), 'row')}: {escape(problem)}.", "- ")
    if len(counts) > MOST_REASONS:
        rest = int(counts["n"][MOST_REASONS:].sum())
        yield f"- {rows_of(rest, 'row')}: {rows_of(len(counts) - MOST_REASONS, 'other reason')}."
    yield ""
