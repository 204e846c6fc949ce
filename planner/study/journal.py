"""What a sweep has solved so far, on disk: a line of JSON a solve, so that a sweep killed at any moment goes on where it was.

A line is written once its solve is done, then forced to disk. A line that was cut short by a crash is the last one; it is
dropped, and its solve, of which nothing is known, is done again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from typing import Any

from planner.errors import InvalidInput

HEAD = {"journal": "planner-sweep/v1"}
"""First line."""


@dataclass
class Journal:
    """Results by the fingerprint of their solve; each is kept once."""

    known: dict[str, dict[str, Any]]
    """What was solved, now or before."""
    stream: BufferedRandom | None = None
    """The file, at its end; None = nothing is kept on disk."""

    def add(self, key: str, result: dict[str, Any]) -> None:
        """Keep a result; it is on disk when this returns."""
        if key in self.known:
            return
        if self.stream is not None:
            _append(self.stream, {"key": key, "result": result})
        self.known[key] = result


@contextmanager
def opened(path: Path | None) -> Iterator[Journal]:
    """Give the journal in a file, begun if it is not there; without a file, one in memory.

    Raises
    ------
    InvalidInput
        If the file is something else, is damaged before its end, cannot be written, or another sweep writes to it.
    """
    if path is None:
        yield Journal({})
        return
    try:
        stream = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
    except OSError as error:
        remedy = "name another file with --journal, or change its permissions"
        raise InvalidInput.at(str(path), f"cannot write here: {error.strerror or error}", remedy) from None
    with stream:
        _lock(stream, path)
        yield Journal(_recovered(stream, path), stream)


def _lock(stream: BufferedRandom, path: Path) -> None:
    """Keep other sweeps out; the lock goes with the process, however it ends."""
    try:
        import fcntl
    except ImportError:  # where there are no such locks, two sweeps at once are the user's own care
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        message = "another sweep is writing to this journal"
        raise InvalidInput.at(str(path), message, "wait until it ends, or name another file with --journal") from None


def _recovered(stream: BufferedRandom, path: Path) -> dict[str, dict[str, Any]]:
    """Return the results of a journal, and leave the file at the end of its last whole line."""
    content = stream.read()
    whole = content[: content.rfind(b"\n") + 1]
    lines = whole.splitlines()
    begun = not lines and (json.dumps(HEAD) + "\n").encode().startswith(content)
    if not begun and (not lines or _read(lines[0]) != HEAD):
        raise InvalidInput.at(str(path), "this file is no journal of a sweep", "name another file with --journal")
    known = {}
    for number, line in enumerate(lines[1:], 2):
        row = _read(line)
        if not isinstance(row, dict) or set(row) != {"key", "result"}:
            remedy = "remove this line, whose solve is then done again, or name another file with --journal"
            raise InvalidInput.at(str(path), "the journal is damaged here", remedy, line=number)
        known[row["key"]] = row["result"]
    stream.seek(len(whole))
    stream.truncate()
    if begun:
        _append(stream, HEAD)
        _sync_folder(path)
    return known


def _read(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _append(stream: BufferedRandom, row: dict[str, Any]) -> None:
    """Write a line and wait until it is on disk."""
    stream.write((json.dumps(row, allow_nan=False) + "\n").encode())
    stream.flush()
    os.fsync(stream.fileno())


def _sync_folder(path: Path) -> None:
    """Wait until the name of a new file is on disk."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
