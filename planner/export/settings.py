"""What a pool's server is started with, whichever engine runs it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from planner.export.files import missing
from planner.export.flags import CommandLine, command_line
from planner.export.view import Notes, Served

Flag = tuple[str, str | None]
"""A flag and its value; None where it takes none."""

DTYPES = {"bf16": "bfloat16", "fp16": "float16"}
"""Precision → `--dtype` of vLLM and SGLang; quantized checkpoints say it themselves."""

ONLINE = {"fp8": "fp8", "w8a16-fp8": "fp8"}
"""Precision → their `--quantization` that makes it on loading; without fp8 units activations stay at 16 bits."""

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


def cache_format(served: Served, notes: Notes, engine: str, formats: Mapping[str, str]) -> str:
    """Return an engine's name of a pool's cache format; one that it has none for is noted."""
    named = served.pool.deployment.kv_precision
    if named in formats:
        return formats[named]
    notes.add(f"{served.pool.name}: {engine} names no cache format for {named}; it gets the model's own")
    return "auto"


def number_formats(served: Served, notes: Notes, engine: str, caches: Mapping[str, str]) -> list[Flag]:
    """Return number formats of weights and cache, whose flags vLLM and SGLang name alike."""
    runs = served.pool.deployment
    made = served.part.weights == "on_load" and runs.precision in ONLINE
    return [
        ("--dtype", DTYPES.get(runs.precision, "auto")),
        *([("--quantization", ONLINE[runs.precision])] if made else []),
        ("--kv-cache-dtype", cache_format(served, notes, engine, caches)),
    ]


def drafting_method(served: Served, notes: Notes, engine: str, methods: Mapping[str, str]) -> str | None:
    """Return an engine's name of a pool's way to draft; one that it has none for is noted, and left out."""
    how = served.pool.deployment.speculation
    method = methods.get(served.part.speculation or "")
    if how is not None and method is None:
        what = f"{served.pool.name}: {engine} names no method {served.part.speculation}"
        notes.add(f"{what}; {how.speculator} is left out, and the plan holds only with it")
    return method


def draft_weights(served: Served, notes: Notes, speculator: str) -> str:
    """Return where the weights of a draft are; a placeholder that is noted where the catalog does not say."""
    if served.part.draft is not None:
        return served.part.draft
    placeholder = missing(f"draft {speculator}")
    notes.add(f"{served.pool.name}: the catalog names no weights of the draft {speculator}; put their id for {placeholder}")
    return placeholder


def quoted(argv: Iterable[str]) -> list[str]:
    """Return arguments as a shell reads them back; variables stay variables."""
    return [one if one.startswith("$") else shlex.quote(one) for one in argv]
