"""`planner validate`: is a problem file sound, and how far is the performance model from measurements."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from planner.cli import json_output
from planner.cli.measured import point_options, progress, read_points

if TYPE_CHECKING:
    import pandas as pd

    from planner.calibrate.accuracy_page import Evidence
    from planner.calibrate.elsewhere import Elsewhere
    from planner.calibrate.scaling import Law
    from planner.domain.catalog import Catalog

MEASURED = (".csv", ".json", ".jsonl")
"""Endings of files of measurements; any other is a problem file."""

GROUPS = ("accelerator", "engine", "model", "precision")
GROUPABLE = (*GROUPS, "mode", "tp", "pp", "dp", "ep", "gpus", "input_tokens", "output_tokens", "concurrency", "source")
_EXAMPLE = "\b\nExample:\n  planner validate problem.yaml\n  planner validate measured.csv --csv errors.csv --figure accuracy.svg"


@dataclass(frozen=True)
class Targets:
    """What to write, and where."""

    csv: Path | None
    figure: Path | None
    page: Path | None

    def check(self) -> None:
        """Make sure that everything can be written, before the work."""
        from planner.atomic import check_folder
        from planner.calibrate.figure import check_suffix
        from planner.errors import InvalidInput

        for target in filter(None, (self.csv, self.figure, self.page)):
            if not target.parent.is_dir():
                raise InvalidInput.at(str(target), f"cannot write here: there is no directory {target.parent}", "make it first")
            check_folder(target.parent, (target.name,))
        if self.figure is not None:
            check_suffix(self.figure)

    @property
    def written(self) -> dict[Path, str]:
        """File → what it is, of all that is written."""
        single = {self.csv: "scores", self.page: "page"}
        return {path: kind for path, kind in single.items() if path is not None} | dict.fromkeys(self.figures, "figure")

    @property
    def figures(self) -> list[Path]:
        """Where each figure goes: predictions, groups, scaling law."""
        path = self.figure
        return [] if path is None else [path, *(path.with_stem(f"{path.stem}-{name}") for name in ("groups", "scaling"))]


@click.command(epilog=_EXAMPLE)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PROBLEM.yaml... | DATA...")
@click.option("--apart", multiple=True, type=click.Path(path_type=Path), metavar="DATA", help="Score these too, but apart.")
@click.option("--by", default=",".join(GROUPS), show_default=True, metavar="COLUMNS", help="Columns to group by.")
@click.option("--no-cross", is_flag=True, help="Score the shipped coefficients only; fit nothing.")
@click.option("--csv", type=click.Path(path_type=Path), metavar="OUT", help="Write the scores of every group here.")
@click.option("--figure", type=click.Path(path_type=Path), metavar="OUT.svg|png", help="Draw predicted against measured here.")
@click.option("--page", type=click.Path(path_type=Path), metavar="OUT.md", help="Write the whole account here.")
@json_output.option("Print one JSON object: what was read, or the scores.")
@point_options
@click.pass_context
def validate(
    context: click.Context,
    /,
    files: tuple[Path, ...],
    apart: tuple[Path, ...],
    by: str,
    no_cross: bool,
    csv: Path | None,
    figure: Path | None,
    page: Path | None,
    as_json: bool,
    **given: str | None,
) -> None:
    """Check problem files; or hold the performance model against measurements.

    Problem files are checked with their catalogs and traces, and what was read is said.

    DATA is CSV with one deployment and load a row, or the result of vllm bench serve, GuideLLM, GenAI-Perf or AIPerf. TTFT, TPOT
    and what follows from them are compared with coefficients as shipped, fitted to the points, and fitted without the model, and
    without the GPU, that is predicted. What is scored apart may also be a survey of single iterations, static batches and memory.
    """
    if not _are_measured(files):
        _check(context, files)
        return
    from planner.calibrate import scores
    from planner.catalog.load import load_builtin
    from planner.cli import validate_output

    targets, groups, catalog = Targets(csv, figure, page), _groups(by), load_builtin()
    targets.check()
    measured = read_points(files, given, catalog)
    others = _elsewhere(apart, given, catalog)
    points = _predicted(measured, catalog, cross=not no_cross)
    validate_output.say_left_out(scores.unpredicted(points))
    if not as_json:
        validate_output.render(points, groups)
        if others is not None:
            validate_output.render_apart(others)
    laws = _laws(catalog) if figure or page else ()
    _write_scores(points, groups, laws, targets)
    if page:
        from planner.calibrate.accuracy_page import Evidence
        from planner.calibrate.scaling import depth_exponent

        figures = [_seen_from(page, path) for path in targets.figures]
        names, depth = [file.name for file in files], depth_exponent(catalog, laws[0])
        seen = any(name in factor.source for name in names for factor in catalog.factors.values())
        _write_page(page, Evidence(points, names, others, seen, laws, depth, figures, _command(context)))
    if as_json:
        json_output.echo(validate_output.plain(points, groups, others, targets.written))


def _are_measured(files: tuple[Path, ...]) -> bool:
    """Say whether files hold measurements, by their endings."""
    return all(file.suffix.lower() in MEASURED for file in files)


def _check(context: click.Context, files: tuple[Path, ...]) -> None:
    """Check problem files, which take no options and no measurements beside them; mistakes of all are reported together."""
    from planner.cli.validate_problems import check_problems

    measured = next((file for file in files if _are_measured((file,))), None)
    if measured is not None:
        raise click.UsageError(f"problem files or measurements ({', '.join(MEASURED)}), not both: {measured} holds measurements")
    used = [name for name in context.params if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]
    if not set(used) <= {"files", "as_json"}:
        raise click.UsageError(f"options are for measurements ({', '.join(MEASURED)}), and {files[0]} is read as a problem file")
    check_problems(files, as_json=context.params["as_json"])


def _groups(by: str) -> list[str]:
    """Read the columns to group by."""
    from planner.errors import InvalidInput

    names = list(dict.fromkeys(name.strip().replace("-", "_") for name in by.split(",") if name.strip()))
    unknown = [name for name in names if name not in GROUPABLE]
    if unknown:
        raise InvalidInput.at("command line", f"--by: there is no column {unknown[0]!r}", f"one of {', '.join(GROUPABLE)}")
    return names


def _elsewhere(files: tuple[Path, ...], given: Mapping[str, str | None], catalog: Catalog) -> Elsewhere | None:
    """Read what other groups measured, points or surveys, and predict it with the coefficients as shipped."""
    from planner.calibrate.elsewhere import of_points, of_survey, together
    from planner.points.csvfile import read_text
    from planner.points.survey import read_survey, recognises
    from planner.points.survey_predict import compare_survey

    if not files:
        return None
    progress("other sources")
    surveys = {file for file in files if recognises(read_text(file))}
    plain = tuple(file for file in files if file not in surveys)
    parts = [of_survey(compare_survey(read_survey(file, catalog), catalog)) for file in files if file in surveys]
    if plain:
        points = _predicted(read_points(plain, given, catalog), catalog, cross=False)
        parts.append(of_points(points.assign(source=points["file"])))
    return together(parts)


def _predicted(points: pd.DataFrame, catalog: Catalog, *, cross: bool) -> pd.DataFrame:
    """Add predictions; refuse points of which none can be predicted."""
    from planner.calibrate.shipped import shipped
    from planner.errors import InvalidInput

    if cross:
        from planner.calibrate.cross import cross_validate

        found = cross_validate(points, catalog, progress=progress)
    else:
        from planner.points.predict import predict_table

        found = shipped(points, lambda table: predict_table(table, catalog))
    if not (found["problem"] == "").any():
        raise InvalidInput.at(
            "measurements", f"no row can be compared: {found['problem'].iloc[0]}", "mend the rows, or name other files"
        )
    return found


def _laws(catalog: Catalog) -> tuple[Law, ...]:
    """Return how the best latency grows with size and falls with bandwidth."""
    from planner.calibrate.scaling import over_bandwidth, over_size
    from planner.points.predict import predict_table

    progress("scaling laws")

    def predict(table: pd.DataFrame) -> pd.DataFrame:
        return predict_table(table, catalog)

    return over_size(catalog, predict), over_bandwidth(catalog, predict)


def _write_scores(points: pd.DataFrame, groups: list[str], laws: Sequence[Law], targets: Targets) -> None:
    """Write the scores and the figures."""
    from planner import atomic
    from planner.calibrate import figure, scaling

    if targets.csv:
        atomic.write(targets.csv, _csv_text(points, groups))
        click.echo(f"wrote {targets.csv}", err=True)
    if targets.figure:
        suffix = targets.figure.suffix.lower()
        drawn = (figure.accuracy(points, suffix), figure.by_group(points, suffix, groups), scaling.figure(laws, suffix))
        for path, data in zip(targets.figures, drawn, strict=True):
            figure.write(path, data)
            click.echo(f"wrote {path}", err=True)


def _write_page(page: Path, evidence: Evidence) -> None:
    """Write the account of accuracy."""
    from planner import atomic
    from planner.calibrate.accuracy_page import render

    atomic.write(page, render(evidence))
    click.echo(f"wrote {page}", err=True)


def _seen_from(page: Path, path: Path) -> str:
    """Return a figure's path as a link on the page needs it."""
    import os

    return Path(os.path.relpath(path, page.parent)).as_posix()


def _command(context: click.Context) -> str:
    """Return the command that was given, in one order."""
    words = ["planner", "validate", *map(str, context.params["files"])]
    for parameter in context.command.params:
        value = context.params.get(str(parameter.name))
        if isinstance(parameter, click.Option) and value not in (None, False, ()) and value != parameter.default:
            for one in value if isinstance(value, tuple) else (value,):
                words += [parameter.opts[0]] if one is True else [parameter.opts[0], str(one)]
    return shlex.join(words)


def _csv_text(points: pd.DataFrame, groups: list[str]) -> str:
    """Write the scores of all groups as CSV."""
    from planner.cli.validate_output import all_scores

    return all_scores(points, groups).to_csv(index=False, float_format="%.6g", lineterminator="\n")
