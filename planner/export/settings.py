"""What a pool's server is started with, whichever engine runs it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from planner.export.flags import CommandLine, command_line
from planner.export.view import Notes, Served

Flag = tuple[str, str | None]
"""A flag and its value; None where it takes none."""

HOST = "0.0.0.0"  # noqa: S104 - servers in containers listen on all interfaces


@dataclass(frozen=True)
class Rank:
    """Where one machine of several stands among them, in the words of whoever starts it."""

    index: str
    """Its number, 0 for the leader."""
    leader: str
    """Address of the leader."""


@dataclass(frozen=True)
class Nodes:
    """What is added on each of several machines."""

    leader: tuple[Flag, ...]
    """On the first."""
    worker: tuple[Flag, ...]
    """On the others."""


@dataclass(frozen=True)
class Settings:
    """A server."""

    line: CommandLine
    """The engine's command line."""
    model: str
    """What it loads."""
    flags: tuple[Flag, ...]
    """Flags with their values."""
    config: dict[str, Any] | None = None
    """What has no flag, to be written to a file; None = nothing."""
    config_flag: str = ""
    """Flag that names the file."""
    positional: bool = True
    """Whether the model is an argument; else it is among the flags."""
    spread: Nodes | None = None
    """What several machines add; None = one machine, or no way is documented."""

    def __post_init__(self) -> None:
        """Refuse flags that the engine does not document."""
        check(self.line, [*self.flags, *([(self.config_flag, None)] if self.config_flag else [])])
        check(self.line, [*self.spread.leader, *self.spread.worker] if self.spread else [])

    def argv(self, *more: Flag, config_path: str = "") -> list[str]:
        """Return the whole command, program first."""
        return [*self.line.command, *self.arguments(*more, config_path=config_path)]

    def arguments(self, *more: Flag, config_path: str = "") -> list[str]:
        """Return what follows the program."""
        named = ((self.config_flag, config_path),) if self.config is not None else ()
        return [*([self.model] if self.positional else []), *written((*self.flags, *named, *more))]

    def without(self, *names: str) -> list[str]:
        """Return the flags but some, for those who set these themselves."""
        return written(flag for flag in self.flags if flag[0] not in names)


def written(flags: Iterable[Flag]) -> list[str]:
    """Return flags as arguments."""
    return [part for name, value in flags for part in ((name,) if value is None else (name, value))]


def check(line: CommandLine, flags: Iterable[Flag]) -> None:
    """Raise ValueError for a flag that the engine does not document."""
    unknown = [name for name, _ in flags if name not in line.flags]
    if unknown:
        raise ValueError(f"{line.engine} {line.version} documents no {', '.join(unknown)}")


def known_line(served: Served, notes: Notes) -> CommandLine:
    """Return the command line of a pool's engine; a plan of another version is noted."""
    runs = served.pool.deployment
    line = command_line(runs.engine)
    if not (runs.engine_version == line.version or runs.engine_version.startswith(f"{line.version}.")):
        notes.add(f"{served.pool.name} is planned for {line.engine} {runs.engine_version}; its flags were read of {line.version}")
    return line


def note_draft(served: Served, notes: Notes, placeholder: str) -> None:
    """Note that the weights of a draft are not known."""
    how = served.pool.deployment.speculation
    name = how.speculator if how else ""
    notes.add(f"{served.pool.name}: the catalog names no weights of the draft {name}; put their id for {placeholder}")


def quoted(argv: Iterable[str]) -> list[str]:
    """Return arguments as a shell reads them back; variables stay variables."""
    return [one if one.startswith("$") else shlex.quote(one) for one in argv]
