"""A variant of a problem: a name and what it changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planner import __version__
from planner.catalog.problem import LoadedProblem, load_document
from planner.catalog.yamlfile import Document
from planner.errors import InvalidInput, Issue
from planner.study.overrides import Override, edited
from planner.study.prices import is_price, repriced

EDITION = 2
"""Of what results hold; those that a journal keeps of another one are not taken."""

_FILES = ("file", "files", "path")
"""Fields that name files relative to the problem."""


@dataclass(frozen=True)
class Variant:
    """One problem of many."""

    name: str
    """How it is called in results."""
    overrides: tuple[Override, ...] = ()
    """What it changes, in order."""

    @property
    def changes(self) -> dict[str, Any]:
        """What it changes, by path."""
        return {override.path: override.value for override in self.overrides}


def varied(document: Document, base: Path, overrides: Sequence[Override]) -> LoadedProblem:
    """Return the problem of a file with values replaced, validated like any other.

    Parameters
    ----------
    document : the problem file as read
    base : folder of the files it names
    overrides : what to replace

    Raises
    ------
    InvalidInput
        With every mistake, at the path of the value.
    """
    moved = [one for one in overrides if is_price(one)]
    return repriced(load_document(edited(document, [one for one in overrides if not is_price(one)]), base), moved)


def check(solves: Iterable[tuple[LoadedProblem, Variant]]) -> None:
    """Raise every mistake in any variant of a problem, each once, before the first is solved."""
    issues: list[Issue] = []
    for loaded, variant in solves:
        try:
            varied(loaded.document, loaded.base, variant.overrides)
        except InvalidInput as error:
            issues += error.issues
    if issues:
        raise InvalidInput(issues)


def fingerprint(loaded: LoadedProblem, variant: Variant) -> str:
    """Return what tells a solve from all others: SHA-256 of planner, problem file, catalogs, files it names, and changes."""
    parts: list[Any] = [__version__, EDITION, loaded.document.digest, loaded.catalog.digest]
    parts += [hashlib.sha256(path.read_bytes()).hexdigest() for path in _named(loaded.document.data, loaded.base)]
    parts.append([[one.path, one.value] for one in variant.overrides])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def with_whole_names(node: Any, base: Path, known: dict[str, str], key: str = "") -> Any:
    """Return data whose names of files lead to them from any folder; files that hold the same get the same name.

    Parameters
    ----------
    node : plain data
    base : folder that its names are relative to
    known : digest of a file → its name, added to
    """
    if isinstance(node, dict):
        return {name: with_whole_names(value, base, known, name) for name, value in node.items()}
    if isinstance(node, list):
        return [with_whole_names(value, base, known, key) for value in node]
    if key not in _FILES or not isinstance(node, str) or not (base / node).is_file():
        return node
    return known.setdefault(hashlib.sha256((base / node).read_bytes()).hexdigest(), str((base / node).resolve()))


def _named(node: Any, base: Path, key: str = "") -> Iterator[Path]:
    """Yield the files a problem names, such as traces, as far as they are there."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _named(value, base, name)
    elif isinstance(node, list):
        for value in node:
            yield from _named(value, base, key)
    elif key in _FILES and isinstance(node, str) and (base / node).is_file():
        yield base / node
