"""Every error a user can meet, as one tree.

PlannerError
 ├─ InvalidInput      exit 2: the files are wrong; carries every problem found at once
 ├─ Infeasible        exit 3: no plan exists; carries the relaxations that would make one
 ├─ NoPlanInTime      exit 4: a limit was reached before any plan was found
 ├─ PlanRejected      exit 1: the plan failed its independent check
 ├─ Interrupted       exit 130: many solves were stopped in the middle; says how to go on
 ├─ WorkerLost        exit 1: a process that solved ended by itself
 └─ MissingFact       a number is needed that no catalog holds; reported as InvalidInput at the edge
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Issue:
    """One mistake in one place: where it is, what is wrong, and what to do about it."""

    file: str
    line: int
    path: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        """Render as `file:line: path: message. remedy`."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        parts = [part for part in (where, self.path) if part]
        text = f"{': '.join(parts)}: {self.message}" if parts else self.message
        return f"{text}\n    → {self.remedy}" if self.remedy else text


class PlannerError(Exception):
    """Base of every error raised on purpose."""

    exit_code = 1
    status = "failed"
    """Its name, in tables and JSON."""


class InvalidInput(PlannerError):
    """The input is wrong; `issues` lists every mistake found."""

    exit_code = 2
    status = "invalid"

    def __init__(self, issues: Sequence[Issue]) -> None:
        """Keep the issues in file order, each once."""
        self.issues = tuple(sorted(set(issues)))
        super().__init__("\n".join(str(issue) for issue in self.issues))

    @classmethod
    def at(cls, file: str, message: str, remedy: str = "", *, path: str = "", line: int = 0) -> InvalidInput:
        """Make an error of a single issue."""
        return cls([Issue(file, line, path, message, remedy)])


class MissingFact(PlannerError):
    """A number is needed that no catalog holds."""

    exit_code = 2
    status = "invalid"


class Infeasible(PlannerError):
    """No plan keeps every promise; `reasons` say why, `relaxations` what would make one possible."""

    exit_code = 3
    status = "infeasible"

    def __init__(self, reasons: Sequence[str], relaxations: Sequence[str] = ()) -> None:
        """Keep reasons and relaxations apart so that reports can lay them out."""
        self.reasons = tuple(reasons)
        self.relaxations = tuple(relaxations)
        super().__init__("\n".join([*self.reasons, *self.relaxations]))


class NoPlanInTime(PlannerError):
    """The time limit came before any plan was found."""

    exit_code = 4
    status = "no plan in time"


class PlanRejected(PlannerError):
    """The plan failed the check of code that did not make it; `failures` name each broken promise."""

    status = "rejected"

    def __init__(self, failures: Sequence[str]) -> None:
        """Keep each failure as its own sentence."""
        self.failures = tuple(failures)
        super().__init__("\n".join(self.failures))


class Interrupted(PlannerError):
    """Many solves were stopped in the middle; the message says what is kept and how to go on."""

    exit_code = 130
    status = "interrupted"


class WorkerLost(PlannerError):
    """A process that solved ended without an answer: mostly for want of memory."""
