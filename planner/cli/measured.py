"""What commands that read measurements share: options for what files do not say, reading, and words of progress."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from planner.points.columns import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

    from planner.domain.catalog import Catalog

_F = TypeVar("_F", bound=Callable[..., Any])

_SAID = frozenset({"engine_version", "ttft_ms", "tpot_ms", "source"})
"""Columns of points that only a file can give; every other has an option, for what a file does not say."""


def point_options(command: _F) -> _F:
    """Give a command an option for every column of points that a file may leave out; the rarer ones are not in the help."""
    for column in reversed([column for column in COLUMNS if column.name not in _SAID]):
        shown = column.required or column.name == "tp"
        text = f"Where a file does not say: {column.meaning}."
        name = f"--{column.name.replace('_', '-')}"
        command = click.option(name, column.name, metavar="VALUE", hidden=not shown, help=text)(command)
    return command


def read_points(files: tuple[Path, ...], given: Mapping[str, str | None], catalog: Catalog) -> pd.DataFrame:
    """Read measurements and spell names as the catalogs do; every file's mistakes at once."""
    import pandas as pd

    from planner.errors import InvalidInput, Issue
    from planner.points.formats import read_measured
    from planner.points.names import resolve

    tables: list[pd.DataFrame] = []
    issues: list[Issue] = []
    for file in files:
        try:
            tables.append(read_measured(file, given).assign(file=file.name))
        except InvalidInput as error:
            issues += error.issues
    if issues:
        raise InvalidInput(issues)
    return resolve(pd.concat(tables, ignore_index=True), catalog)


def progress(text: str) -> None:
    """Say on a terminal's stderr what is being done."""
    if sys.stderr.isatty():
        click.echo(f"… {text}", err=True)
