"""`planner predict`: what one deployment does under one load, or many of them from a CSV file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from planner.cli import json_output
from planner.points.columns import COLUMNS, LOADS, OUTPUTS, PROBLEM

if TYPE_CHECKING:
    import pandas as pd

    from planner.domain.catalog import Catalog

_F = TypeVar("_F", bound=Callable[..., Any])

CHUNK = 50_000
"""Rows between two words of progress."""
_SHORT = {"accelerator": "--on", "input_tokens": "--input", "output_tokens": "--output"}
"""Options with a name that is quicker to type than their column's."""
_NO_OPTION = frozenset({"model", "engine_version", "ttft_ms", "tpot_ms", "source"})
"""Columns that describe no deployment, or are no option."""
_OPTIONS = tuple(column for column in COLUMNS if column.name not in _NO_OPTION)
_WIDTH = 22
_EXAMPLES = """\b
Examples:
  planner predict llama-3.1-8b --on h100-sxm --engine vllm --precision fp8 --input 1024 --output 512 --concurrency 32
  planner predict deepseek-r1 --on gb200 --engine trtllm --precision fp4 --mode disagg --prefill-workers 2 \\
    --prefill-tp 4 --decode-workers 1 --decode-tp 8 --input 8192 --output 1024 --concurrency 256
  planner predict --csv points.csv --out predicted.csv
"""


def _columns_help() -> str:
    """Return the part of the help that describes the files."""
    required = ", ".join(column.name for column in COLUMNS if column.required)
    others = ", ".join(column.name for column in _OPTIONS if not column.required and column.name not in LOADS)
    added = "\n".join(
        f"  {output.name:<{_WIDTH}}{output.meaning}{f' [{output.unit}]' if output.unit else ''}" for output in OUTPUTS
    )
    return (
        f"Columns of the CSV file: {required}; {' or '.join(LOADS)}; and, if wanted, {others}. They mean what the options of "
        "the same names do. Other columns are passed on.\n\n"
        f"\b\nColumns added:\n{added}\n  {PROBLEM:<{_WIDTH}}why the row has no prediction"
    )


def _name_of(column: str) -> str:
    """Return what the user calls a column on the command line."""
    return "MODEL" if column == "model" else _SHORT.get(column, f"--{column.replace('_', '-')}")


def _plainly(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _deployment(command: _F) -> _F:
    """Give a command an option for every column that describes a point."""
    for column in reversed(_OPTIONS):
        names = dict.fromkeys((_name_of(column.name), f"--{column.name.replace('_', '-')}"))
        metavar = "NAME" if column.kind in ("name", "text") else "agg|disagg" if column.kind == "mode" else "N"
        default = f"  [default: {_plainly(column.default)}]" if column.default != "" else ""
        command = click.option(
            *names, column.name, metavar=metavar, help=f"{column.meaning[0].upper()}{column.meaning[1:]}.{default}"
        )(command)
    return command


@click.command(epilog=f"{_columns_help()}\n\n{_EXAMPLES}")
@click.argument("model", required=False)
@_deployment
@click.option("--csv", "source", type=click.Path(path_type=Path), metavar="IN.csv", help="Predict every row of this file.")
@click.option("--out", "target", type=click.Path(path_type=Path), metavar="OUT.csv", help="Write rows and predictions here.")
@click.option(
    "--catalog",
    "catalogs",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Catalog file over the built-in ones; may be repeated.",
)
@json_output.option("Print one JSON object: the prediction, or what was written.")
@click.option("--progress", is_flag=True, help="Show progress even where stderr is not a terminal.")
def predict(
    model: str | None,
    source: Path | None,
    target: Path | None,
    catalogs: tuple[Path, ...],
    as_json: bool,
    progress: bool,
    **options: str | None,
) -> None:
    """Predict latency, throughput and memory of a deployment under a load.

    Name one deployment by MODEL and options, or many by --csv; the load is --concurrency or --request-rate. Names may be spelt
    as in the catalogs, as on Hugging Face, or as nvidia-smi prints them. A row of a file that cannot be predicted says why in
    its column `problem`; the others go on.
    """
    given = {name: value for name, value in (("model", model), *options.items()) if value is not None}
    if source is None and target is None:
        _one(given, _catalog(catalogs), as_json=as_json)
        return
    if source is None or target is None:
        raise click.UsageError("--csv and --out go together")
    if given:
        raise click.UsageError(f"{', '.join(map(_name_of, given))} is for a single deployment; with --csv the file says it all")
    predicted = _many(source, target, lambda: _catalog(catalogs), _progress(forced=progress))
    if as_json:
        _tell(target, predicted)
    else:
        click.echo(_summary(target, predicted), err=True)


def _catalog(files: Sequence[Path]) -> Catalog:
    """Return the built-in catalogs with the user's over them."""
    from planner.catalog.load import check_files

    return check_files(files)


def _progress(*, forced: bool) -> Callable[[str], None]:
    """Return where progress goes: a terminal's stderr, or nowhere."""
    shown = forced or sys.stderr.isatty()
    return (lambda text: click.echo(f"… {text}", err=True)) if shown else (lambda _: None)


def _one(given: dict[str, str], catalog: Catalog, *, as_json: bool) -> None:
    """Predict one deployment and print it."""
    import pandas as pd

    from planner.cli import predict_output
    from planner.points.names import resolve
    from planner.points.predict import predict_table
    from planner.points.table import normalize

    point = resolve(normalize(pd.DataFrame({name: [value] for name, value in given.items()}, index=[0]), _name_of), catalog)
    _refuse(point)
    predicted = predict_table(point, catalog)
    _refuse(predicted)
    shown = predict_output.as_json if as_json else predict_output.render
    shown(point.iloc[0].to_dict(), predicted.iloc[0].to_dict(), given)


def _refuse(table: pd.DataFrame) -> None:
    """Raise what is wrong with the only row."""
    from planner.errors import InvalidInput, Issue
    from planner.points.table import sentences

    wrong = sentences(str(table[PROBLEM].iloc[0]))
    if wrong:
        raise InvalidInput([Issue("command line", 0, "", sentence, "see `planner predict --help`") for sentence in wrong])


def _many(source: Path, target: Path, catalog: Callable[[], Catalog], progress: Callable[[str], None]) -> pd.DataFrame:
    """Predict every row of a CSV file, write it with its predictions, and return them."""
    from planner import atomic
    from planner.errors import InvalidInput
    from planner.points import csvfile
    from planner.points.names import resolve
    from planner.points.table import normalize

    if target.resolve() == source.resolve():
        raise InvalidInput.at(str(target), "this would overwrite the file that is read", "name another file after --out")
    atomic.check_folder(target.parent, (target.name,))
    file = csvfile.without_predictions(csvfile.parse(csvfile.read_text(source), str(source)))
    csvfile.check_header(file)
    for remark in csvfile.remarks(file):
        click.echo(f"warning: {source}: {remark}", err=True)
    facts = catalog()
    table = resolve(normalize(file.raw()), facts)
    progress(f"{len(table):,} rows read")
    predicted = _in_chunks(table, facts, progress)
    atomic.write_all(target.parent, {target.name: csvfile.written(file, predicted)})
    return predicted


def _in_chunks(table: pd.DataFrame, catalog: Catalog, progress: Callable[[str], None]) -> pd.DataFrame:
    """Predict a table piece by piece, so that there is something to say while it takes long."""
    import pandas as pd

    from planner.points.predict import predict_table

    made: list[pd.DataFrame] = []
    for start in range(0, len(table), CHUNK):
        made.append(predict_table(table.iloc[start : start + CHUNK], catalog))
        progress(f"{min(start + CHUNK, len(table)):,} of {len(table):,} rows")
    return pd.concat(made)


def _tell(target: Path, predicted: pd.DataFrame) -> None:
    """Print as JSON what was written, and why rows have no prediction."""
    problems = predicted[PROBLEM][predicted[PROBLEM] != ""].value_counts(sort=False)
    json_output.echo(
        {
            "version": "predictions/v1",
            "rows": len(predicted),
            "predicted": len(predicted) - int(problems.sum()),
            "problems": {str(problem): int(count) for problem, count in problems.items()},
            "files": json_output.files([target], "predictions"),
        }
    )


def _summary(target: Path, predicted: pd.DataFrame) -> str:
    """Say what was written, and how many rows have no prediction."""
    failed = int((predicted[PROBLEM] != "").sum())
    without = f", {failed:,} of them without a prediction (column {PROBLEM} says why)" if failed else ""
    rows = "row" if len(predicted) == 1 else "rows"
    return f"wrote {target}: {len(predicted):,} {rows}{without}"
