"""Turns errors into messages and exit codes: a user's mistake is never a traceback, a bug never passes for a mistake.

0 done · 1 a check failed · 2 invalid input · 3 infeasible · 4 stopped at a limit with no plan · 70 a bug · 130 interrupted
"""

from __future__ import annotations

import os
import traceback
from typing import Any

import click

from planner.cli import json_output
from planner.errors import Infeasible, InvalidInput, Issue, PlannerError, PlanRejected

BUG = 70
INTERRUPTED = 130


class Guarded(click.Group):
    """A command group whose commands may raise any planner error."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note whether JSON is asked for, then parse."""
        json_output.note_wish(ctx, args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> None:
        """Run the command; print its error, if any, on stderr, under `--json` also on stdout, and exit with its code."""
        try:
            super().invoke(ctx)
            code = 0
        except PlannerError as error:
            say_error(error)
            code = error.exit_code
            json_output.echo_failure(ctx, error, code)
        except KeyboardInterrupt as error:
            click.echo("interrupted; nothing was written", err=True)
            code = INTERRUPTED
            json_output.echo_failure(ctx, error, code)
        except click.ClickException as error:
            json_output.echo_failure(ctx, error, error.exit_code)
            raise
        except (click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 - the last resort: whatever comes here is a bug, and is reported as one
            _say_bug(error, debug=_debugging(ctx))
            code = BUG
            json_output.echo_failure(ctx, error, code)
        ctx.exit(code)


def say_error(error: PlannerError) -> None:
    """Print an error on stderr, one block for each thing the user can act on."""
    if isinstance(error, InvalidInput):
        for issue in error.issues:
            say_issue("error", issue)
        count = len(error.issues)
        _say(f"{count} mistake{'s' if count > 1 else ''} found; nothing was written", bold=True)
    elif isinstance(error, Infeasible):
        _say("no plan keeps every promise", fg="red", bold=True)
        _list("why:", error.reasons)
        _list("any one of these would make a plan possible:", error.relaxations)
    elif isinstance(error, PlanRejected):
        _say("the plan failed its independent check and was withheld", fg="red", bold=True)
        _list("broken:", error.failures)
    else:
        _say("error: ", str(error), fg="red", bold=True)


def say_issue(level: str, issue: Issue) -> None:
    """Print one issue on stderr as a block."""
    _say(f"{level}: ", str(issue), fg="red" if level == "error" else "yellow", bold=True)


def _list(title: str, lines: tuple[str, ...]) -> None:
    if lines:
        _say(title)
        for line in lines:
            _say("", f"  - {line}")


def _say(label: str, text: str = "", **style: Any) -> None:
    """Print a label, styled on a terminal that wants colour, and a text on stderr."""
    plain = "NO_COLOR" in os.environ
    click.echo((label if plain else click.style(label, **style)) + _printable(text), err=True)


def _printable(text: str) -> str:
    """Spell out control characters, so that a file cannot write to the terminal through an error message."""
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)


def _say_bug(error: Exception, *, debug: bool) -> None:
    _say("internal error, please report: ", f"{type(error).__name__}: {error}", fg="red", bold=True)
    if debug:
        click.echo("".join(traceback.format_exception(error)), err=True)
    else:
        _say("", "run again with --debug to see where it happened")


def _debugging(ctx: click.Context) -> bool:
    return bool(ctx.params.get("debug")) or os.environ.get("PLANNER_DEBUG", "") not in ("", "0")
