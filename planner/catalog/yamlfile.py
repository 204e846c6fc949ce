"""Reads YAML files written by strangers: bounded, plain data only, and every value knows its line.

Scalars follow the YAML 1.2 core schema (null, true, false, integers, floats, strings), so `no` stays the
word "no", `12:30` is not 750, and a date is its text. Tags, duplicate keys, merge keys, self-references and
files that unfold to more than they seem are refused.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from planner.errors import InvalidInput, Issue

PROBLEM_BYTES = 4_000_000
CATALOG_BYTES = 16_000_000
_MAX_NODES = 1_000_000
_MAX_DEPTH = 50
_MAX_ALIASES = 1_000
_MAX_DIGITS = 40
_TOO_DEEP = f"values are nested more than {_MAX_DEPTH} deep"
_FLATTEN = "flatten the file"

KeyPath = tuple[str | int, ...]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: dict[str, object] = {"": None, "~": None} | dict.fromkeys(("null", "Null", "NULL"))
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NUMBER_STARTS = frozenset("0123456789+-.")


@dataclass(frozen=True)
class Document:
    """One file as plain data, with the line of every value."""

    file: str
    """The path as the user wrote it."""
    text: str = field(repr=False)
    """What the file holds."""
    data: Any
    """Nested dicts, lists and scalars."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file's text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @cached_property
    def _lines(self) -> dict[KeyPath, int]:
        """Line of every key and item; only errors need it, so it is made on first use."""
        builder = _Builder(self.file, record=True)
        builder.read(self.text)
        return builder.lines

    def line(self, path: KeyPath) -> int:
        """Return the line of the value at `path`, or of its nearest ancestor that is in the file."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def has(self, path: KeyPath) -> bool:
        """Say whether the file itself holds a value at `path`."""
        return path in self._lines


def read(path: Path | str, *, limit: int = PROBLEM_BYTES) -> Document:
    """Read one YAML file.

    Parameters
    ----------
    path : Path or str
        The file; errors repeat it as given.
    limit : int [byte]
        Largest size accepted.

    Returns
    -------
    Document

    Raises
    ------
    InvalidInput
        With every mistake that can be told without knowing what the file is for.
    """
    return parse(_decode(read_bytes(path, limit=limit), str(path)), str(path))


def parse(text: str, file: str) -> Document:
    """Turn YAML text into a Document named `file`."""
    builder = _Builder(file)
    return Document(file, text, builder.read(text))


def read_bytes(path: Path | str, *, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; the size is looked at before anything is read."""
    target, name = Path(path), str(path)
    try:
        status = target.stat()
        _refuse_special(status.st_mode, name)
        if status.st_size > limit:
            raise InvalidInput.at(name, f"the file has {status.st_size:,} bytes; at most {limit:,} are read", _TOO_LARGE)
        with target.open("rb") as stream:
            content = stream.read(limit + 1)
    except FileNotFoundError:
        raise InvalidInput.at(name, "no such file", _similar(target)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InvalidInput.at(name, f"cannot be read: {reason}", "check the path and its permissions") from None
    if len(content) > limit:
        raise InvalidInput.at(name, f"the file holds more than {limit:,} bytes", _TOO_LARGE)
    return content


_TOO_LARGE = "check that this is the right file; data such as traces belongs in files of its own"


def _refuse_special(mode: int, name: str) -> None:
    """Refuse directories, pipes and devices."""
    if stat.S_ISDIR(mode):
        raise InvalidInput.at(name, "this is a directory, not a file", "name the YAML file inside it")
    if not stat.S_ISREG(mode):
        raise InvalidInput.at(name, "this is not a regular file", "write the content to a file and name that")


def _similar(target: Path) -> str:
    """Name a file beside the missing one that looks like it."""
    from planner.catalog.suggest import nearest

    names = [entry.name for entry in target.parent.iterdir()] if target.parent.is_dir() else []
    found = nearest(target.name, names)
    return f"did you mean {target.parent / found}?" if found else "check the path; `planner init` writes a file to start from"


def _decode(content: bytes, name: str) -> str:
    """Decode UTF-8 and refuse binary content."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput.at(name, "the file is not UTF-8 text", "save it as UTF-8", line=line) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InvalidInput.at(name, "the file holds binary data", "name a YAML text file", line=line)
    return text


@dataclass(slots=True)
class _Frame:
    """A collection being filled."""

    value: Any
    mapping: bool
    anchor: str | None
    start: int
    key: str | None = None

    @property
    def position(self) -> str | int | None:
        """Key or index of the value that comes next; None where a key comes next."""
        return self.key if self.mapping else len(self.value)


class _Refused(Exception):
    """Reading cannot go on."""


class _Builder:
    """Builds plain data from YAML events without recursion, counting what aliases unfold to."""

    def __init__(self, file: str, *, record: bool = False) -> None:
        """Start empty; with `record`, note the line of every value."""
        self.file, self.record = file, record
        self.lines: dict[KeyPath, int] = {}
        self.issues: list[Issue] = []
        self.frames: list[_Frame] = []
        self.anchors: dict[str, tuple[Any, int] | None] = {}
        self.root: Any = None
        self.count = self.aliases = self.documents = 0

    def read(self, text: str) -> Any:
        """Consume the text; raise InvalidInput with everything that was wrong."""
        try:
            self._consume(_Loader(text))
        except yaml.YAMLError as error:
            self.issues.append(_syntax_issue(self.file, text, error))
        except _Refused:
            pass
        if self.issues:
            raise InvalidInput(self.issues)
        if self.documents == 0:
            raise InvalidInput.at(self.file, "the file is empty", "`planner init` writes a file to start from", line=1)
        return self.root

    def _consume(self, parser: Any) -> None:
        handlers = self._handlers()
        while (event := parser.get_event()) is not None:
            handle = handlers.get(type(event))
            if handle is not None:
                handle(event)

    def _handlers(self) -> dict[type, Any]:
        return {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._open,
            yaml.SequenceStartEvent: self._open,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self._stop(event, "the file holds several YAML documents", "keep one; remove what follows the line `---`")

    def _scalar(self, event: Any) -> None:
        """Take a key or a value; this runs for every word of a file, so it does nothing twice."""
        self.count += 1
        if event.tag is not None or self.count > _MAX_NODES:
            self._suspect(event)
        frame = self.frames[-1] if self.frames else None
        if frame is not None and frame.mapping and frame.key is None:
            self._key(event, frame)
            return
        text: str = event.value
        value: object = text
        if not event.style and event.implicit[0] and (text in _WORDS or text[0] in _NUMBER_STARTS):
            value = self._plain(event, text)
        if event.anchor:
            self.anchors[event.anchor] = (value, 1)
        self._place(value, event)

    def _plain(self, event: Any, text: str) -> object:
        """Resolve an unquoted scalar by the YAML 1.2 core schema."""
        if text in _WORDS:
            return _WORDS[text]
        if len(text) > _MAX_DIGITS and (_INT.fullmatch(text) or _FLOAT.fullmatch(text)):
            self._note(event, f"the number {text[:20]}… has more than {_MAX_DIGITS} digits", "write it with an exponent")
            return 0
        return _number(text)

    def _key(self, event: Any, frame: _Frame) -> None:
        """Take a scalar as the next key; keys are names, so they stay text."""
        key = frame.key = event.value
        if key == "<<" and not event.style:
            self._note(event, "merge keys (`<<`) are not supported", "write the fields out")
        elif key in frame.value:
            self._note(event, f"the key {key!r} is given twice", "keep one of the two")
        if self.record:
            self.lines.setdefault(self._path(), event.start_mark.line + 1)

    def _open(self, event: Any) -> None:
        self._enter(event)
        if len(self.frames) >= _MAX_DEPTH:
            self.frames = self.frames[:1]
            self._stop(event, _TOO_DEEP, _FLATTEN)
        if self.record:
            self.lines.setdefault(self._path(), event.start_mark.line + 1)
        if event.anchor:
            self.anchors[event.anchor] = None
        mapping = type(event) is yaml.MappingStartEvent
        self.frames.append(_Frame({} if mapping else [], mapping, event.anchor, self.count))

    def _close(self, event: Any) -> None:
        frame = self.frames.pop()
        if frame.anchor:
            self.anchors[frame.anchor] = (frame.value, self.count - frame.start + 1)
        self._place(frame.value, event, opened=True)

    def _alias(self, event: Any) -> None:
        self.aliases += 1
        known = self.anchors.get(event.anchor)
        if self.aliases > _MAX_ALIASES:
            self._stop(event, f"more than {_MAX_ALIASES} aliases (`*name`)", "write the values out")
        if event.anchor not in self.anchors:
            self._stop(event, f"the alias *{event.anchor} has no anchor", f"define &{event.anchor} above it")
        if known is None:
            self._stop(event, f"the alias *{event.anchor} refers to itself", "write the values out")
            return
        self.count += known[1] - 1
        self._enter(event)
        self._place(known[0], event)

    def _enter(self, event: Any) -> None:
        """Count one more collection or alias, which cannot be a key."""
        self.count += 1
        if self.count > _MAX_NODES or getattr(event, "tag", None) is not None:
            self._suspect(event)
        if self.frames and self.frames[-1].position is None:
            self._stop(event, "a key must be plain text", "quote it")

    def _suspect(self, event: Any) -> None:
        """Refuse a file that unfolds to too much; note a tag."""
        if self.count > _MAX_NODES:
            self._stop(event, f"the file unfolds to more than {_MAX_NODES:,} values", "remove nested aliases, or split the file")
        self._note(event, f"YAML tags such as {str(event.tag)[:40]!r} are not allowed", "write plain values")

    def _place(self, value: Any, event: Any, *, opened: bool = False) -> None:
        """Put a finished value into the collection that is open."""
        if not self.frames:
            self.root = value
            return
        frame = self.frames[-1]
        if frame.mapping:
            frame.value[frame.key] = value
            frame.key = None
            return
        if self.record and not opened:
            self.lines[self._path()] = event.start_mark.line + 1
        frame.value.append(value)

    def _path(self) -> KeyPath:
        """Return where the value being read stands."""
        positions = (frame.position for frame in self.frames)
        return tuple(position for position in positions if position is not None)

    def _note(self, event: Any, message: str, remedy: str) -> None:
        """Remember a mistake and read on."""
        if not self.record:
            self.issues.append(Issue(self.file, event.start_mark.line + 1, dotted(self._path()), message, remedy))

    def _stop(self, event: Any, message: str, remedy: str) -> None:
        """Remember a mistake that makes reading on pointless."""
        self._note(event, message, remedy)
        raise _Refused


def _number(text: str) -> object:
    """Return the number written in `text`, or the text itself."""
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", "", 1))
    return text


def _syntax_issue(file: str, text: str, error: yaml.YAMLError) -> Issue:
    """Say in plain words where YAML stopped making sense."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else text.count("\n", 0, getattr(error, "position", 0) or 0) + 1
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be parsed"
    if "nesting depth" in problem:  # PyYAML from 6.0.4 on stops by itself, before its events are seen
        return Issue(file, line, "", _TOO_DEEP, _FLATTEN)
    column = f" (column {mark.column + 1})" if mark else ""
    written = text.splitlines()[line - 1 : line]
    remedy = "check indentation, colons and quotes on this line and the one before"
    if written and "\t" in written[0]:
        remedy = "indent with spaces; YAML does not allow tabs"
    return Issue(file, line, "", f"this is not valid YAML: {problem}{column}", remedy)


def dotted(path: KeyPath) -> str:
    """Write a path the way people do: `workloads[0].objectives[1].target`, odd names as `models["a.b"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z_][\w-]*", part):
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(part, ensure_ascii=False)}]"
    return text
