"""`planner calibrate`: coefficients from measurements, as a catalog overlay."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from planner.cli import json_output
from planner.cli.measured import point_options, progress, read_points

if TYPE_CHECKING:
    from planner.calibrate.own import Calibration, Label

VERSION = "calibrate/v1"
"""Version of the JSON."""
OWN_NAME = "own"
"""Start of the names of rows, unless another is given."""
HEAD = "# Found by `planner calibrate"
"""How a file that this command wrote begins."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,19}")
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_LONGEST_SOURCE = 1000
_NAMED_FILES = 5
_EXAMPLE = """\b
Example:
  planner calibrate measured.csv -o own.yaml --figure fit.svg
  planner calibrate result.json -o own.yaml --accelerator h100-sxm --engine vllm --precision fp8 --tp 2"""


@dataclass(frozen=True)
class Targets:
    """What to write, and where."""

    overlay: Path
    figure: Path | None

    def check(self, read: tuple[Path, ...], *, force: bool) -> None:
        """Make sure that both can be written, before the work, and that nothing of worth is overwritten."""
        from planner.atomic import check_folder
        from planner.calibrate.figure import check_suffix
        from planner.errors import InvalidInput

        if self.figure is not None:
            check_suffix(self.figure)
        for target in filter(None, (self.overlay, self.figure)):
            if not target.parent.is_dir():
                raise InvalidInput.at(str(target), f"cannot write here: there is no directory {target.parent}", "make it first")
            check_folder(target.parent, (target.name,))
            if target.resolve() in {path.resolve() for path in read}:
                raise InvalidInput.at(str(target), "this would overwrite a file that is read", "name another file")
        if self.figure is not None and self.figure.resolve() == self.overlay.resolve():
            raise InvalidInput.at(str(self.figure), "the figure would overwrite the overlay", "name another file")
        if self.overlay.is_file() and not force and not _is_ours(self.overlay):
            message = "the file is there already, and `planner calibrate` did not write it"
            raise InvalidInput.at(str(self.overlay), message, "name another file, or overwrite it with --force")


def _is_ours(path: Path) -> bool:
    """Say whether a file was written by this command."""
    with path.open("rb") as stream:
        return stream.read(len(HEAD)) == HEAD.encode()


@click.command(epilog=_EXAMPLE)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DATA...")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="OUT.yaml", help="The overlay.")
@click.option("--figure", type=click.Path(path_type=Path), metavar="OUT.svg|png", help="Draw predicted against measured here.")
@click.option(
    "--catalog",
    "catalogs",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Catalog file over the built-in ones; may be repeated.",
)
@click.option("--shared", is_flag=True, help="Fit what all deployments share: the factors that ship with the planner.")
@click.option("--name", metavar="NAME", help="Start of the rows' names.  [default: own, with --shared: shared]")
@click.option("--source", metavar="TEXT", help="Where the measurements are from.  [default: the names of the files]")
@click.option("--as-of", metavar="YYYY-MM", help="When they were taken.  [default: as the files say, else this month]")
@click.option("--force", is_flag=True, help="Overwrite OUT.yaml whatever it is.")
@json_output.option("Print one JSON object: errors, factors, files.")
@point_options
def calibrate(
    files: tuple[Path, ...],
    output: Path,
    figure: Path | None,
    catalogs: tuple[Path, ...],
    shared: bool,
    name: str | None,
    source: str | None,
    as_of: str | None,
    force: bool,
    as_json: bool,
    **given: str | None,
) -> None:
    """Fit coefficients to measurements and write them as a catalog overlay.

    DATA is CSV with one deployment and load a row, or the result of vllm bench serve, GuideLLM, GenAI-Perf or AIPerf. Three
    points of a deployment help already: a single client, a load in the middle, a high one. The overlay holds factors on what
    the catalogs say and the errors left; a problem file uses it under `catalogs: {files: [OUT.yaml]}`.
    """
    from planner.calibrate.own import calibrate_own, calibrate_shared
    from planner.catalog.load import check_files

    targets = Targets(output, figure)
    targets.check((*files, *catalogs), force=force)
    label = _label(files, name, source, as_of, shared=shared)
    catalog = check_files(catalogs)
    table = read_points(files, given, catalog)
    work = calibrate_shared if shared else calibrate_own
    found = work(table, catalog, label, progress)
    written = _write(found, targets, shared=shared)
    if as_json:
        _tell(found, label, written, shared=shared)
        return
    _say(found, shared=shared)
    for path in written:
        click.echo(f"wrote {path}", err=True)
    _say_use(targets.overlay, catalogs, shared=shared)


def _label(files: tuple[Path, ...], name: str | None, source: str | None, as_of: str | None, *, shared: bool) -> Label:
    """Return what the rows say of themselves; every mistake in it at once."""
    from planner.calibrate.own import SHARED_NAME, Label
    from planner.errors import InvalidInput, Issue
    from planner.report.ink import printable

    chosen = (SHARED_NAME if shared else OWN_NAME) if name is None else name
    names = [printable(file.name) for file in files]
    more = f" and {len(names) - _NAMED_FILES} more" if len(names) > _NAMED_FILES else ""
    text = f"{', '.join(names[:_NAMED_FILES])}{more}" if source is None else printable(source)
    checks = (
        (_NAME.fullmatch(chosen), f"--name {chosen!r} cannot start the names of rows", "use up to 20 letters, digits and .-_+@"),
        (text.strip() and len(text) <= _LONGEST_SOURCE, "--source is empty or too long", f"up to {_LONGEST_SOURCE} letters"),
        (as_of is None or _MONTH.fullmatch(as_of), f"--as-of {as_of!r} is no month", "write it as 2026-03"),
    )
    issues = [Issue("command line", 0, "", message, remedy) for good, message, remedy in checks if not good]
    if issues:
        raise InvalidInput(issues)
    return Label(chosen, text, as_of or _newest(files))


def _newest(files: tuple[Path, ...]) -> str:
    """Return the month of the latest measurement, this month where no file says; a file that cannot be read is blamed later."""
    from planner.errors import InvalidInput
    from planner.points.dates import newest_month

    found = []
    for file in files:
        try:
            found.append(newest_month(file))
        except InvalidInput:
            return ""
    return max(found) or f"{datetime.now(tz=UTC):%Y-%m}"


def _write(found: Calibration, targets: Targets, *, shared: bool) -> dict[Path, str]:
    """Write the overlay and the figure, and say which is which; both are made before either is written."""
    from planner import atomic
    from planner.calibrate.figure import accuracy, check_suffix

    contents: dict[Path, str | bytes] = {targets.overlay: found.text}
    if targets.figure is not None:
        kinds = () if shared else ("shipped", "fitted")
        contents[targets.figure] = accuracy(found.points, check_suffix(targets.figure), kinds)
    for path, content in contents.items():
        atomic.write(path, content)
    return {path: "overlay" if path == targets.overlay else "figure" for path in contents}


def _tell(found: Calibration, label: Label, written: dict[Path, str], *, shared: bool) -> None:
    """Print what was found as JSON."""
    from dataclasses import asdict

    from planner.cli import calibrate_output

    calibrate_output.warn(found)
    said = calibrate_output.plain(found, shared=shared)
    json_output.echo({"version": VERSION, **asdict(label), **said, "files": json_output.files(written)})


def _say(found: Calibration, *, shared: bool) -> None:
    """Print what was found."""
    from planner.calibrate.scores import unpredicted
    from planner.cli import calibrate_output, validate_output

    validate_output.say_left_out(unpredicted(found.points))
    if shared:
        validate_output.render(found.points, list(calibrate_output.GROUPS))
    else:
        calibrate_output.render_errors(found)
    calibrate_output.render_factors(found)
    calibrate_output.warn(found)


def _say_use(overlay: Path, catalogs: tuple[Path, ...], *, shared: bool) -> None:
    """Say how to use what was written."""
    import yaml

    if shared:
        click.echo("It holds all factors there are: it takes the place of catalogs/calibration.yaml and is no overlay on it.")
        return
    files = [str(path) for path in (*catalogs, overlay)]
    text = yaml.safe_dump({"catalogs": {"files": files}}, default_flow_style=None, allow_unicode=True, width=1000)
    options = " ".join(f"--catalog {file}" for file in files)
    click.echo(f"Use it in a problem file, paths relative to that file:\n\n{text}\nor try it: planner predict … {options}")
