"""What every command owes to programs: under `--json` one document on stdout, nothing else there, even where it fails.

Its `version` says what it holds; files that were written are told by path, size and digest. What fails without having said
anything prints an `error/v1`; sentences for people go to stderr as ever.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from planner.errors import Infeasible, InvalidInput, Issue, PlannerError, PlanRejected

ERROR = "error/v1"
"""Version of what is printed where a command fails."""
OPTION = "--json"
_WANTED, _SAID, _WROTE = "planner.json.wanted", "planner.json.said", "planner.json.wrote"
"""Keys of what a command and its group know of each other."""

_F = TypeVar("_F", bound=Callable[..., Any])


def option(meaning: str = "Print one JSON object.") -> Callable[[_F], _F]:
    """Give a command the option that asks for JSON."""
    return click.option(OPTION, "as_json", is_flag=True, help=meaning)


def note_wish(context: click.Context, arguments: Iterable[str]) -> None:
    """Keep whether JSON is asked for, before anything is parsed: what is wrong with the arguments is told in it too."""
    context.meta[_WANTED] = OPTION in arguments


def wish() -> None:
    """Keep that JSON is asked for by another option than `--json`."""
    click.get_current_context().meta[_WANTED] = True


def wrote(path: Path, kind: str) -> None:
    """Say on stderr that a file was written, and keep it for the document."""
    click.get_current_context().meta.setdefault(_WROTE, {})[path] = kind
    click.echo(f"wrote {path}", err=True)


def echo(said: Mapping[str, Any]) -> None:
    """Print a document, with the files of which `wrote` was told."""
    context = click.get_current_context(silent=True)
    written = context.meta.get(_WROTE) if context is not None else None
    if written:
        said = {**said, "files": files(written)}
    echo_text(json.dumps(said, indent=2, ensure_ascii=False, allow_nan=False))


def echo_text(text: str) -> None:
    """Print a document that is JSON already."""
    context = click.get_current_context(silent=True)
    if context is not None:
        context.meta[_SAID] = True
    click.echo(text.rstrip("\n"))


def files(written: Mapping[Path, str] | Iterable[Path], kind: str = "") -> list[dict[str, Any]]:
    """Return what is said of files that were written.

    Parameters
    ----------
    written : files, or file → kind
    kind : of all files, where they are of one
    """
    kinds = written if isinstance(written, Mapping) else dict.fromkeys(written, kind)
    return [_file(path, of) for path, of in kinds.items()]


def _file(path: Path, kind: str) -> dict[str, Any]:
    content = path.read_bytes()
    named = {"kind": kind} if kind else {}
    return {"path": str(path), **named, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def echo_failure(context: click.Context, error: BaseException, code: int) -> None:
    """Print what went wrong, if JSON is asked for and nothing was printed: a command may say more of a failure itself."""
    if context.meta.get(_WANTED) and not context.meta.get(_SAID):
        echo({"version": ERROR, "status": _status(error), "exit_code": code, **_account(error)})


def _status(error: BaseException) -> str:
    """Name a failure in a word or two."""
    if isinstance(error, PlannerError):
        return error.status
    if isinstance(error, click.ClickException):
        return InvalidInput.status
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "internal error"


def _account(error: BaseException) -> dict[str, Any]:
    """Return what there is to say of an error, by its kind."""
    if isinstance(error, InvalidInput):
        return {"issues": [asdict(one) for one in error.issues]}
    if isinstance(error, Infeasible):
        return {"reasons": list(error.reasons), "relaxations": list(error.relaxations)}
    if isinstance(error, PlanRejected):
        return {"failures": list(error.failures)}
    if isinstance(error, click.ClickException):
        return {"issues": [asdict(_misuse(error))]}
    return {"message": str(error)}


def _misuse(error: click.ClickException) -> Issue:
    """Return a mistake on the command line as an issue."""
    where = getattr(error, "ctx", None)
    remedy = "" if where is None else f"see `{where.command_path} --help`"
    return Issue("command line", 0, "", error.format_message(), remedy)
