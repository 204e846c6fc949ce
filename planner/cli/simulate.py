"""`planner simulate`: the pools of a plan, call by call, as planned, under a recorded trace, or with replicas that fail."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from planner.cli import json_output

if TYPE_CHECKING:
    from planner.catalog.problem import LoadedProblem
    from planner.domain.calls import TraceFile
    from planner.domain.plan import Plan
    from planner.domain.problem import Problem
    from planner.errors import Issue
    from planner.simulate.recording import Recording
    from planner.simulate.session import Session
    from planner.simulate.wish import Kill

_T = TypeVar("_T")
Told = Callable[[float], None]
"""What hears which share of the work is done."""
_F = TypeVar("_F", bound=Callable[..., Any])

BALANCERS = ("least_loaded", "prefix_aware", "round_robin", "random")
UNITS = ("s", "ms", "us", "ns")
_EDGE = "command line"
_KILL = "write POOL:INDEX@TIME, such as P1:2@600s or P1:2@600s,back=15min; replicas count from 0"
_EPILOG = """\b
Examples:
  planner simulate plan/plan.json
  planner simulate plan/plan.json --trace conversations.csv --workload chat --figure chat.svg
  planner simulate plan/plan.json --hours 1 --kill-replica P1:0@20min,back=5min --json | jq .missed
"""


def _trace_options(command: _F) -> _F:
    """Give a command the options that describe a trace file."""
    columns = (("time", "arrival times"), ("input", "prompt tokens"), ("output", "output tokens"))
    for name, meaning in reversed(columns):
        help_ = f"Column of {meaning} in the trace; else as the problem says of this file, or Azure's."
        command = click.option(f"--{name}-column", metavar="NAME", help=help_)(command)
    return click.option("--time-unit", type=click.Choice(UNITS), help="Unit of numeric time stamps in the trace.")(command)


@click.command(epilog=_EPILOG)
@click.argument("plan", type=click.Path(path_type=Path), metavar="PLAN.json")
@click.option(
    "--problem",
    type=click.Path(path_type=Path),
    metavar="PROBLEM.yaml",
    help="What the plan was made from; else looked for beside the plan, here and in problems/.",
)
@click.option("--period", metavar="NAME", help="Only this period; else all, or the one with most replicas for a trace.")
@click.option("--hours", type=float, metavar="H", help="Simulate so long; else as the promises ask, or once through the trace.")
@click.option("--rate-scale", type=float, metavar="X", help="Multiply the planned rates, or the trace's own.")
@click.option("--trace", type=click.Path(path_type=Path), metavar="FILE", help="Replay the calls of a workload from this file.")
@click.option(
    "--workload", metavar="NAME", help="Whose calls the trace holds; else the only one, or the one that names the file."
)
@_trace_options
@click.option("--kill-replica", "kills", multiple=True, metavar="POOL:INDEX@TIME", help=f"Let a replica fail: {_KILL}.")
@click.option("--cold-start", metavar="TIME", help="Time from a repair until the replica serves.  [default: 300s, assumed]")
@click.option("--balancer", type=click.Choice(BALANCERS), help="How calls are dealt to replicas; else as the problem says.")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Of all chance; else the problem's.")
@click.option("--figure", type=click.Path(path_type=Path), metavar="OUT.svg", help="Draw distributions and load, as SVG or PNG.")
@json_output.option()
@click.option("--progress", is_flag=True, help="Show progress even where stderr is not a terminal.")
def simulate(plan: Path, problem: Path | None, figure: Path | None, as_json: bool, progress: bool, **wishes: Any) -> None:
    """Send calls one by one through the pools of a plan, and compare what its promises come to.

    Exit codes: 0 every hard promise holds, 1 one is missed, 2 invalid input.
    """
    from planner.calibrate.figure import check_suffix
    from planner.cli import simulate_output

    suffix = check_suffix(figure) if figure else ""
    made = read_plan(plan)
    loaded = problem_of(made, plan, problem)
    session = _session(loaded, made, wishes, looks=figure is not None, told=_progress(forced=progress))
    if not as_json:
        simulate_output.render(session)
    if figure is not None:
        from planner.calibrate.figure import write
        from planner.simulate.figure import draw

        write(figure, draw(session, suffix))
        json_output.wrote(figure, "figure")
    if as_json:
        simulate_output.as_json(session)
    click.get_current_context().exit(1 if session.missed else 0)


# Plan and problem


def read_plan(path: Path) -> Plan:
    """Read a plan."""
    from planner.report import jsonout

    return jsonout.read(path)


def problem_of(plan: Plan, path: Path, named: Path | None) -> LoadedProblem:
    """Load the problem that a plan was made from: the one named, or the one found.

    Raises
    ------
    InvalidInput
        If there is none, or the plan was made from another version of it.
    """
    from planner.catalog.problem import load_problem
    from planner.errors import InvalidInput

    file = named or next(_same(plan, path), None)
    if file is None:
        what = f"the problem file it was made from ({plan.problem}) is not beside it, here or in problems/"
        raise InvalidInput.at(str(path), what, "name it with --problem; a file edited since the plan was made does not count")
    loaded = load_problem(file)
    if loaded.digest != plan.problem_digest:
        what = f"{path} was made from another version of this file"
        raise InvalidInput.at(str(file), what, f"make the plan again: planner solve {file}")
    return loaded


def _same(plan: Plan, path: Path) -> Iterator[Path]:
    """Yield files whose text is that of the plan's problem."""
    from planner.catalog.yamlfile import PROBLEM_BYTES

    for folder in dict.fromkeys((path.parent, Path(), Path("problems"))):
        for file in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
            if not file.is_file() or file.stat().st_size > PROBLEM_BYTES:
                continue
            if hashlib.sha256(file.read_bytes()).hexdigest() == plan.problem_digest:
                yield file


# What is wished for


def _session(
    loaded: LoadedProblem, plan: Plan, wishes: dict[str, Any], *, looks: bool, told: AbstractContextManager[Told]
) -> Session:
    """Simulate; mistakes in the problem's traces get their lines, those of the command line are told together."""
    from planner.errors import InvalidInput
    from planner.plan.basis import Basis
    from planner.simulate.session import run_session
    from planner.simulate.wish import COLD_START, Wish

    issues: list[Issue] = []
    kills = tuple(kill for text in wishes["kills"] if (kill := _told(issues, _kill, text)) is not None)
    cold = COLD_START if wishes["cold_start"] is None else _told(issues, _cold_start, wishes["cold_start"])
    recording = _told(issues, lambda _: _recording(loaded, wishes), "")
    if issues or cold is None:
        raise InvalidInput(issues)
    wish = Wish(
        period=wishes["period"],
        hours=wishes["hours"],
        scale=wishes["rate_scale"],
        kills=kills,
        cold_start=cold,
        balancer=wishes["balancer"],
        seed=wishes["seed"],
        recording=recording,
        looks=looks,
    )
    with told as progress:
        try:
            return run_session(Basis(plan, loaded), wish, progress)
        except InvalidInput as error:
            raise loaded.located(error) from None


def _told(issues: list[Issue], read: Callable[[str], _T], text: str) -> _T | None:
    """Return what is read, or None after noting what is wrong."""
    from planner.errors import InvalidInput

    try:
        return read(text)
    except InvalidInput as error:
        issues += error.issues
        return None


def _seconds(option: str, text: str) -> float:
    """Read a time."""
    from planner.errors import InvalidInput
    from planner.units import SECONDS, UnitError, parse

    try:
        return parse(text, SECONDS)
    except UnitError as error:
        raise InvalidInput.at(_EDGE, str(error), "give a time with its unit, such as 600s", path=option) from None


def _cold_start(text: str) -> float:
    return _seconds("--cold-start", text)


def _kill(text: str) -> Kill:
    """Read `POOL:INDEX@TIME[,back=TIME]`."""
    import re

    from planner.errors import InvalidInput
    from planner.simulate.wish import Kill

    found = re.fullmatch(r"(?P<pool>[^:@,]+):(?P<replica>\d+)@(?P<at>[^,]+?)(?:,back=(?P<back>[^,]+))?", text.strip())
    if found is None:
        raise InvalidInput.at(_EDGE, f"{text!r} names no failure", _KILL, path="--kill-replica")
    times = {name: _seconds("--kill-replica", found[name]) for name in ("at", "back") if found[name] is not None}
    return Kill(found["pool"], int(found["replica"]), **times)


def _recording(loaded: LoadedProblem, wishes: dict[str, Any]) -> Recording | None:
    """Read the trace, as the problem describes it where it uses the same file."""
    from planner.demand.trace import read_trace
    from planner.errors import InvalidInput
    from planner.simulate.recording import Recording

    given = {name: wishes[name] for name in ("time_unit", "time_column", "input_column", "output_column") if wishes[name]}
    if wishes["trace"] is None:
        lone = [*([] if wishes["workload"] is None else ["workload"]), *given]
        if lone:
            named = ", ".join(f"--{name.replace('_', '-')}" for name in lone)
            raise InvalidInput.at(_EDGE, f"{named} without a trace", "name the file with --trace")
        return None
    file: Path = wishes["trace"]
    if not file.is_file():
        raise InvalidInput.at(_EDGE, f"{file} is no file", "name a CSV file, or one of JSON lines", path="--trace")
    uses = _uses(loaded, file)
    workload = wishes["workload"] or _only(loaded.problem, uses)
    spec = _spec(file, uses.get(workload) or next(iter(uses.values()), None), given)
    try:
        trace = read_trace(spec, Path())
    except InvalidInput as error:
        raise InvalidInput([_of_trace(issue) for issue in error.issues]) from None
    return Recording(trace, workload, window=spec.window, mean=spec.plan_on == "mean")


def _uses(loaded: LoadedProblem, file: Path) -> dict[str, TraceFile]:
    """Return how workloads describe their demand's trace, of those that use this file."""
    described = {one.name: one.demand.trace for one in loaded.problem.workloads if one.demand.trace is not None}
    return {name: spec for name, spec in described.items() if (loaded.base / spec.path).resolve() == file.resolve()}


def _only(problem: Problem, uses: dict[str, TraceFile]) -> str:
    """Return the workload that is meant where none is named."""
    from planner.errors import InvalidInput

    names = [one.name for one in problem.workloads]
    found = list(uses) or names
    if len(found) != 1:
        what = f"the trace could be that of {', '.join(found)}"
        raise InvalidInput.at(_EDGE, what, "say whose calls it holds with --workload", path="--workload")
    return found[0]


def _spec(file: Path, described: TraceFile | None, given: dict[str, Any]) -> TraceFile:
    """Return how a file is to be read: as the options say, else as described, else as Azure's."""
    from planner.domain.calls import TraceFile

    path = str(file.absolute())
    return (described or TraceFile(path=path)).model_copy(update={**given, "path": path})


def _of_trace(issue: Issue) -> Issue:
    """Place a mistake in the option that it is about."""
    from dataclasses import replace

    option = "--trace" if issue.path == "path" else f"--{issue.path.replace('_', '-')}"
    return replace(issue, file=_EDGE, path=option)


# Progress


def _progress(*, forced: bool) -> AbstractContextManager[Told]:
    """Return where progress goes: a bar on a terminal's stderr, lines where it is asked for elsewhere, or nowhere."""
    if sys.stderr.isatty():
        return _bar()
    return nullcontext(_lines() if forced else lambda _: None)


@contextmanager
def _bar() -> Iterator[Told]:
    """Show a progress bar, and give what moves it."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("simulating", total=1.0)
        yield lambda share: bars.update(task, completed=share)


def _lines() -> Told:
    """Return what says on stderr how far it is, at every tenth."""
    tenths = 0

    def tell(share: float) -> None:
        nonlocal tenths
        if int(share * 10) > tenths:
            tenths = int(share * 10)
            click.echo(f"… simulated {tenths * 10}%", err=True)

    return tell
