"""Catalog rows before they are checked: plain data by section and name, each knowing the file it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from planner.catalog.suggest import remedy_for
from planner.catalog.yamlfile import Document, KeyPath, dotted
from planner.domain.catalog import Catalog
from planner.errors import Issue

SECTIONS = tuple(name for name in Catalog.model_fields if name != "digest")

_LATER = ("spend_commitments",)
"""Sections that came later: empty ones leave the digest of older catalogs as it was."""


@dataclass(frozen=True)
class Origin:
    """A part of a file that holds catalog rows: `section → name → row` below `prefix`."""

    document: Document
    """The file."""
    prefix: KeyPath = ()
    """Where in it the sections stand."""

    def issue(self, path: KeyPath, message: str, remedy: str) -> Issue:
        """Make an issue about the value at `path` below the prefix."""
        full = (*self.prefix, *path)
        return Issue(self.document.file, self.document.line(full), dotted(full), message, remedy)

    def has(self, path: KeyPath) -> bool:
        """Say whether this part holds a value at `path`."""
        return self.document.has((*self.prefix, *path))


@dataclass
class Rows:
    """Merged rows and, for each, the origins that shaped it, latest last."""

    rows: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {section: {} for section in SECTIONS})
    """Plain rows by section and name."""
    origins: dict[tuple[str, str], tuple[Origin, ...]] = field(default_factory=dict)
    """Who wrote each row."""
    issues: list[Issue] = field(default_factory=list)
    """What was wrong on the way."""

    def copy(self) -> Rows:
        """Return rows that can be changed without touching these."""
        return Rows({section: dict(rows) for section, rows in self.rows.items()}, dict(self.origins), [])

    def add(self, data: Any, origin: Origin, *, replace: bool) -> None:
        """Merge the sections of one origin; without `replace` a name given before is a mistake."""
        if not isinstance(data, dict):
            self.issues.append(
                origin.issue((), "a catalog must be a mapping of sections", f"known sections: {', '.join(SECTIONS)}")
            )
            return
        for section, rows in data.items():
            if section not in self.rows:
                self.issues.append(
                    origin.issue((section,), f"unknown catalog section {section!r}", remedy_for(section, SECTIONS))
                )
            elif not isinstance(rows, dict):
                self.issues.append(
                    origin.issue((section,), "a section must be a mapping of names to rows", "write `name: {…}` lines")
                )
            else:
                self._add_section(section, rows, origin, replace)

    def _add_section(self, section: str, rows: dict[str, Any], origin: Origin, replace: bool) -> None:
        for name, row in rows.items():
            known = self.rows[section].get(name)
            if not isinstance(row, dict):
                self.issues.append(
                    origin.issue((section, name), "a row must be a mapping of fields", "write `field: value` lines")
                )
            elif known is not None and not replace:
                first = self.origins[section, name][-1]
                where = f"{first.document.file}:{first.document.line((*first.prefix, section, name))}"
                self.issues.append(
                    origin.issue((section, name), f"{name!r} is defined before, at {where}", "keep one of the two")
                )
            else:
                self._put(section, name, row if known is None else merged(known, row), origin)

    def _put(self, section: str, name: str, row: dict[str, Any], origin: Origin) -> None:
        self.rows[section][name] = row
        self.origins[section, name] = (*self.origins.get((section, name), ()), origin)

    def issue(self, path: KeyPath, message: str, remedy: str) -> Issue:
        """Blame the latest file that holds the value at `path`; for a value in none, the file that first wrote the row."""
        if len(path) < 2:
            return Issue("", 0, dotted(path), message, remedy)
        origins = self.origins[str(path[0]), str(path[1])]
        holder = next((origin for origin in reversed(origins) if origin.has(path)), origins[0])
        return holder.issue(path, message, remedy)

    def locate(self, path: KeyPath) -> tuple[str, int, str]:
        """Return file, line and shown path of a value."""
        found = self.issue(path, "", "")
        return found.file, found.line, found.path

    def changed_since(self, base: Rows) -> Iterator[tuple[str, str]]:
        """Yield section and name of each row that is not as in `base`."""
        for section, rows in self.rows.items():
            for name, row in rows.items():
                if base.rows[section].get(name) is not row:
                    yield section, name

    def digest(self) -> str:
        """SHA-256 over the rows as canonical JSON: the same on every machine, whatever files they came from."""
        told = {section: rows for section, rows in self.rows.items() if rows or section not in _LATER}
        text = json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=True)
        return hashlib.sha256(text.encode()).hexdigest()


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return `old` with the fields of `new`; nested mappings are merged one level deep, lists are replaced."""
    result = dict(old)
    for key, value in new.items():
        before = result.get(key)
        result[key] = before | value if isinstance(before, dict) and isinstance(value, dict) else value
    return result
