"""Values of a problem file replaced by paths such as `workloads.chat.demand.rate`, before the file is validated.

A path is written as messages write it, but entries of lists may be named by what they are (`workloads.chat`,
`objectives.ttft`, `quality.MMLU-Pro`), `*` stands for all entries, and names with dots are quoted (`models["a.b"]`). A value is
YAML, or `x1.2` for 1.2 times what the file says.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from planner.catalog.problem import undotted
from planner.catalog.suggest import nearest
from planner.catalog.yamlfile import Document, KeyPath, parse
from planner.errors import InvalidInput, Issue

TOLD_BY = ("name", "metric", "benchmark", "accelerator")
"""Fields that tell entries of lists apart, the first that an entry has."""

ALL = "*"
_TIMES = re.compile(r"[x×]\s*((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
_NUMBER = re.compile(r"[+-]?(?:\d[\d_,]*\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
_PATH = re.compile(r"""(?:[^.\[\]"]+|\["(?:[^"\\]|\\.)*"\])(?:\.[^.\[\]"]+|\[\d+\]|\["(?:[^"\\]|\\.)*"\])*""")


@dataclass(frozen=True)
class Override:
    """One value of a problem file, replaced."""

    path: str
    """Where, `limits.budget`."""
    value: Any
    """What stands there instead: plain data, or `x1.2` for a multiple."""

    @property
    def times(self) -> float | None:
        """The factor, if the value is a multiple of what the file says."""
        found = _TIMES.fullmatch(self.value.strip()) if isinstance(self.value, str) else None
        return float(found[1]) if found else None

    def __str__(self) -> str:
        """Render as `limits.budget=$40/h`."""
        return f"{self.path}={shown(self.value)}"


def shown(value: Any) -> str:
    """Write a value as it is written in a file, on one line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def read_override(path: str, text: str, file: str) -> Override:
    """Read a path and a value written by a person.

    Raises
    ------
    InvalidInput
        If the path is none, or the value is no YAML.
    """
    path = path.strip()
    if not _PATH.fullmatch(path):
        raise InvalidInput.at(file, f"{path!r} is no path into a problem file", "write it like workloads.chat.demand.rate")
    if not text.strip():
        raise InvalidInput.at(file, f"no value is given for {path}", "write a value, or null for none", path=path)
    try:
        return Override(path, parse(text, file).data)
    except InvalidInput as error:
        raise InvalidInput([replace(issue, file=file, line=0, path=path) for issue in error.issues]) from None


def edited(document: Document, overrides: Sequence[Override]) -> Document:
    """Return a problem file with values replaced, in order.

    Its text tells the changes in a last comment, so that its digest is its own and lines stay where they are.

    Raises
    ------
    InvalidInput
        With every path that leads nowhere.
    """
    if not overrides:
        return document
    data, issues = copy.deepcopy(document.data), []
    for override in overrides:
        try:
            _apply(data, override)
        except _Nowhere as error:
            line = document.line(undotted(override.path))
            issues.append(Issue(document.file, line, override.path, error.message, error.remedy))
    if issues:
        raise InvalidInput(issues)
    note = json.dumps([[one.path, one.value] for one in overrides], ensure_ascii=True)
    return Document(document.file, f"{document.text}\n# changed: {note}\n", data)


class _Nowhere(Exception):
    """A path leads nowhere."""

    def __init__(self, message: str, remedy: str) -> None:
        """Keep what is wrong and what to do apart."""
        super().__init__(message)
        self.message, self.remedy = message, remedy


def _apply(data: Any, override: Override) -> None:
    *before, last = undotted(override.path)
    holders = list(_nodes(data, tuple(before), create=override.times is None))
    places = [(holder, key) for holder in holders for key in _keys(holder, last, create=override.times is None)]
    if not places:
        raise _Nowhere("the file says nothing there", "give a value rather than a multiple, or another path")
    for holder, key in places:
        holder[key] = override.value if override.times is None else times(holder[key], override.times)


def _nodes(node: Any, path: KeyPath, *, create: bool) -> Iterator[Any]:
    """Yield the collections a path leads to; sections that are not there are begun if asked."""
    if not path:
        yield node
        return
    for key in _keys(node, path[0], create=create):
        if isinstance(node, dict) and node.get(key) is None:
            if not create:
                continue
            node[key] = {}
        yield from _nodes(node[key], path[1:], create=create)


def _keys(node: Any, part: str | int, *, create: bool) -> list[Any]:
    """Return the keys or indices of a collection that a part of a path stands for."""
    if isinstance(node, list):
        return list(range(len(node))) if part == ALL else [_entry(node, part)]
    if not isinstance(node, dict):
        raise _Nowhere(f"{shown(node)} has no part {part!r}", "leave the rest of the path out, or check its spelling")
    if part == ALL:
        return list(node)
    if isinstance(part, int):
        raise _Nowhere(f"[{part}] asks for an entry of a list, and this is a mapping", "name a field")
    return [part] if create or part in node else []


def _entry(rows: list[Any], part: str | int) -> int:
    """Return which entry of a list a part of a path names."""
    if isinstance(part, int):
        if part >= len(rows):
            raise _Nowhere(f"the list has {len(rows)} entries, and [{part}] is beyond", "count from 0")
        return part
    found = [index for index, row in enumerate(rows) if part in names_of(row)]
    if len(found) == 1:
        return found[0]
    if found:
        raise _Nowhere(f"{part!r} names {len(found)} entries", f"count from 0: [{found[0]}] or [{found[1]}]")
    known = list(dict.fromkeys(name for row in rows for name in names_of(row)[:1]))
    guess = nearest(part, known)
    said = f"did you mean {guess!r}?" if guess else f"it holds {', '.join(known) or 'no named entries'}"
    raise _Nowhere(f"no entry is named {part!r}", said)


def names_of(row: Any) -> tuple[str, ...]:
    """Return the names of an entry of a list: a promise is `ttft` and `ttft p95`."""
    if not isinstance(row, dict):
        return (row,) if isinstance(row, str) else ()
    name = next((str(row[field]) for field in TOLD_BY if field in row), None)
    if name is None:
        return ()
    return (name, f"{name} p{row['percentile']:g}") if isinstance(row.get("percentile"), int | float) else (name,)


def times(value: Any, factor: float) -> Any:
    """Return a multiple of a value: of a number, of the number in a quantity, of everything in a list or mapping.

    Examples
    --------
    >>> times("4 req/s", 1.5), times(800, 1.5), times({"day": "$1,000/h"}, 0.5)
    ('6 req/s', 1200, {'day': '$500/h'})
    """
    if isinstance(value, dict):
        return {key: times(part, factor) for key, part in value.items()}
    if isinstance(value, list):
        return [times(part, factor) for part in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        product = float(f"{value * factor:.12g}")
        return int(product) if isinstance(value, int) and product.is_integer() else product
    found = _NUMBER.search(value) if isinstance(value, str) else None
    if found is None:
        raise _Nowhere(f"{shown(value)} is no number, so it has no multiple", "give a value instead")
    number = float(found[0].replace(",", "").replace("_", "")) * factor
    return f"{value[: found.start()]}{number:.12g}{value[found.end() :]}"
