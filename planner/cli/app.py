"""The commands. Heavy modules are imported inside them, so that `planner --help` answers at once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from planner import __version__
from planner.cli import json_output
from planner.cli.calibrate import calibrate
from planner.cli.catalog import catalog
from planner.cli.check import check
from planner.cli.completion import completion
from planner.cli.diff import diff
from planner.cli.explain import explain
from planner.cli.explore import explore
from planner.cli.export import export
from planner.cli.frontier import frontier
from planner.cli.guard import Guarded, say_issue
from planner.cli.lint import lint
from planner.cli.predict import predict
from planner.cli.report import report
from planner.cli.roll import roll
from planner.cli.scenarios import scenarios
from planner.cli.sensitivity import sensitivity
from planner.cli.simulate import simulate
from planner.cli.validate import validate

if TYPE_CHECKING:
    from planner.catalog.problem import LoadedProblem
    from planner.domain.plan import Plan

FILES = ("plan.json", "report.md")
_T = TypeVar("_T")
_PROBLEM = click.argument("problem", type=click.Path(path_type=Path), metavar="PROBLEM.yaml")


def example(*lines: str) -> str:
    """Write the example that ends a command's help."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


@click.group(
    cls=Guarded,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=example("planner init problem.yaml", "planner solve problem.yaml -o plan/"),
)
@click.version_option(__version__, prog_name="planner")
@click.option("--debug", is_flag=True, help="Show the traceback of an internal error (also PLANNER_DEBUG=1).")
def main(debug: bool) -> None:
    """Find the least-cost way to serve a workload mix within its promises, with the proof.

    Exit codes: 0 done, 1 a policy or budget check failed, 2 invalid input, 3 infeasible, 4 stopped at a limit with no plan.
    """


main.add_command(catalog)
main.add_command(validate)
main.add_command(predict)
main.add_command(calibrate)
main.add_command(simulate)
main.add_command(check)
main.add_command(export)
main.add_command(report)
main.add_command(roll)
main.add_command(lint)
main.add_command(completion)
main.add_command(scenarios)
main.add_command(frontier)
main.add_command(sensitivity)
main.add_command(diff)
main.add_command(explain)
main.add_command(explore)


@main.command(epilog=example("planner solve problem.yaml -o plan/ --gap 0.5%", "planner solve problem.yaml --json | jq .cost"))
@_PROBLEM
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Write plan.json and report.md here.")
@click.option(
    "--from", "today", type=click.Path(path_type=Path), metavar="PLAN.json", help="Start from what runs today; say what changes."
)
@click.option("--gap", metavar="SHARE", help="Stop when proved to be within this share of the best, such as 1%.")
@click.option("--time-limit", metavar="TIME", help="Stop searching after this time, such as 60s.")
@click.option(
    "--verify", "simulated", is_flag=True, help="Simulate every pool call by call; tighten and solve again until all hold."
)
@click.option(
    "--format", "shape", type=click.Choice(["console", "json", "markdown"]), default="console", help="Form of the output."
)
@json_output.option("The same as --format json.")
@click.option("--quiet", is_flag=True, help="Print no plan, warnings or progress; errors and files only.")
@click.option("--progress", is_flag=True, help="Show progress even where stderr is not a terminal.")
def solve(
    problem: Path,
    output: Path | None,
    today: Path | None,
    gap: str | None,
    time_limit: str | None,
    simulated: bool,
    shape: str,
    as_json: bool,
    quiet: bool,
    progress: bool,
) -> None:
    """Find the least-cost plan for a problem file."""
    from dataclasses import replace

    from planner.atomic import check_folder
    from planner.cli.simulate import read_plan

    if shape == "json":
        json_output.wish()
    if output is not None:
        check_folder(output, FILES)
    loaded = _load(problem, quiet=quiet).with_solver(gap=gap, time_limit=time_limit)
    loaded = loaded if today is None else replace(loaded, today=read_plan(today))
    from planner.pipeline import plan_problem  # the solver is imported only once the file is known to be good

    plan = plan_problem(loaded, progress=_progress(forced=progress, quiet=quiet), simulated=simulated)
    written = _write(plan, output) if output is not None else []
    if not quiet:
        _print(plan, "json" if as_json else shape)
        for path in written:
            click.echo(f"wrote {path}", err=True)


def check_problem(problem: Path) -> None:
    """Check a problem file, its catalogs and traces, and say what was read."""
    from planner.cli.reading import summary

    loaded = _load(problem, quiet=False)
    from planner.demand.streams import build_flows  # after the file is known to be good: it reads whole traces

    flows = _located(loaded, lambda: build_flows(loaded.problem, loaded.base))
    for line in summary(loaded, flows):
        click.echo(line)


@main.command(epilog=example("planner init problem.yaml"))
@click.argument("path", type=click.Path(path_type=Path), default=Path("problem.yaml"))
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
@json_output.option()
def init(path: Path, force: bool, as_json: bool) -> None:
    """Write a commented problem file to start from."""
    from importlib import resources

    from planner import atomic
    from planner.errors import InvalidInput

    if path.is_file() and not force:
        raise InvalidInput.at(str(path), "the file is there already", "name another file, or overwrite it with --force")
    atomic.write(path, resources.files("planner").joinpath("_starter.yaml").read_text(encoding="utf-8"))
    if as_json:
        json_output.echo({"version": "init/v1", "files": json_output.files([path], "problem")})
    else:
        click.echo(f"wrote {path}; now edit it and run: planner solve {path}")


@main.command(epilog=example("planner schema problem > problem.schema.json"))
@click.argument("what", type=click.Choice(["problem", "plan", "policy", "catalog"]), default="problem")
@click.option(
    "--format", "shape", type=click.Choice(["json", "markdown"]), default="json", help="Markdown: the problem file only."
)
@json_output.option("The same as --format json.")
def schema(what: str, shape: str, as_json: bool) -> None:
    """Print the JSON Schema of a file format, with descriptions, for editors and checkers."""
    from planner.cli.schemas import schema_text_of

    if shape == "markdown" and not as_json:
        from planner.report.reference import problem_reference

        if what != "problem":
            raise click.UsageError("--format markdown describes the problem file only")
        click.echo(problem_reference().rstrip())
        return
    json_output.echo_text(schema_text_of(what))


def _load(path: Path, *, quiet: bool) -> LoadedProblem:
    """Load a problem and show its warnings."""
    from planner.catalog.problem import load_problem

    loaded = load_problem(path)
    if not quiet:
        for issue in loaded.warnings:
            say_issue("warning", issue)
    return loaded


def _located(loaded: LoadedProblem, work: Callable[[], _T]) -> _T:
    """Do work on a problem; mistakes it finds in the file get their lines."""
    from planner.errors import InvalidInput

    try:
        return work()
    except InvalidInput as error:
        raise loaded.located(error) from None


def _progress(*, forced: bool, quiet: bool) -> Callable[[str], None]:
    """Return where progress goes: a terminal's stderr, or nowhere."""
    shown = forced or (sys.stderr.isatty() and not quiet)
    return (lambda text: click.echo(f"… {text}", err=True)) if shown else (lambda _: None)


def _write(plan: Plan, folder: Path) -> list[Path]:
    """Write plan.json and report.md, both or none."""
    from planner.atomic import write_all
    from planner.report import jsonout, markdown

    texts = (jsonout.dumps(plan), markdown.render(plan))
    return write_all(folder, dict(zip(FILES, texts, strict=True)))


def _print(plan: Plan, shape: str) -> None:
    """Print the plan on stdout."""
    if shape == "json":
        from planner.report import jsonout

        json_output.echo_text(jsonout.dumps(plan))
    elif shape == "markdown":
        from planner.report import markdown

        click.echo(markdown.render(plan), nl=False)
    else:
        from planner.report import console

        console.render(plan)
