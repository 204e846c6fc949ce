"""Loads the catalogs: the built-in ones, files beside the problem, and inline rows, later ones over earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from planner.catalog import validate
from planner.catalog.check_spend import uncovered
from planner.catalog.references import dangling
from planner.catalog.rows import SECTIONS, Origin, Rows
from planner.catalog.yamlfile import CATALOG_BYTES, Document, read
from planner.domain.catalog import Catalog
from planner.domain.problem import CatalogUse
from planner.errors import InvalidInput

_INLINE = ("catalogs", "overrides")


def builtin_root() -> Path:
    """Return the folder of the built-in catalogs: inside an installed package, or beside the package in a source tree."""
    package = Path(str(resources.files("planner")))
    for root in (package / "_catalogs", package.parent / "catalogs"):
        if root.is_dir():
            return root
    raise InvalidInput.at(str(package / "_catalogs"), "the built-in catalogs are missing", "install the package again")


@lru_cache(maxsize=1)
def load_builtin() -> Catalog:
    """Return the built-in catalogs, read once per process."""
    return _finish(builtin_rows(), None)


def load_catalog(use: CatalogUse, base: Path, document: Document | None = None) -> Catalog:
    """Merge the catalogs a problem asks for.

    Parameters
    ----------
    use : CatalogUse
        Built-ins or not, files, inline rows.
    base : Path
        Folder that `use.files` are relative to.
    document : Document, optional
        The problem file, so that mistakes in inline rows have lines.

    Returns
    -------
    Catalog
        Validated, every reference followed, with its digest.

    Raises
    ------
    InvalidInput
        With every mistake in every file.
    """
    rows = builtin_rows().copy() if use.builtin else Rows()
    documents = _read_files(use.files, base, document, rows)
    for found in documents:
        rows.add(found.data, Origin(found), replace=True)
    if use.overrides:
        home = document or Document("overrides", "", {})
        rows.add(use.overrides, Origin(home, _INLINE), replace=True)
    if use.builtin and not documents and not use.overrides:
        validate.raise_if(rows.issues)
        return load_builtin()
    return _finish(rows, builtin_rows() if use.builtin else None)


def check_files(paths: Sequence[Path | str]) -> Catalog:
    """Check catalog files as they would be used: over the built-in catalogs."""
    return load_catalog(CatalogUse(files=tuple(str(path) for path in paths)), Path())


def _read_files(files: Sequence[str], base: Path, document: Document | None, rows: Rows) -> list[Document]:
    """Read each catalog file; one that cannot be read is blamed on the line that names it."""
    documents = []
    for index, name in enumerate(files):
        path = base / name
        try:
            documents.append(read(path, limit=CATALOG_BYTES))
        except InvalidInput as error:
            missing = document is not None and not path.is_file()
            where = Origin(document, ("catalogs", "files")) if missing and document else None
            rows.issues += [where.issue((index,), f"{path}: {i.message}", i.remedy) if where else i for i in error.issues]
    return documents


@lru_cache(maxsize=1)
def builtin_rows() -> Rows:
    """Return the rows of the built-in catalogs as they stand in the files; a name given twice there is a mistake."""
    rows, root = Rows(), builtin_root()
    for path in sorted(root.rglob("*.yaml")):
        document = read(path, limit=CATALOG_BYTES)
        rows.add(document.data, Origin(document), replace=False)
    validate.raise_if(rows.issues)
    return rows


def _finish(rows: Rows, base: Rows | None) -> Catalog:
    """Validate the rows, follow their references, and seal them with their digest; rows of a checked `base` are reused."""
    known = load_builtin() if base is not None else None
    data: dict[str, Any] = {section: dict(rows.rows[section]) for section in SECTIONS}
    if base is not None and known is not None:
        changed = set(rows.changed_since(base))
        for section in SECTIONS:
            checked = getattr(known, section)
            data[section] = {n: row if (section, n) in changed else checked[n] for n, row in data[section].items()}
    catalog = _validated(data, rows)
    found = [rows.issue(one.path, one.message, one.remedy) for one in (*dangling(catalog), *uncovered(catalog))]
    validate.raise_if([*rows.issues, *found])
    return catalog.model_copy(update={"digest": rows.digest()})


def _validated(data: dict[str, Any], rows: Rows) -> Catalog:
    """Make the catalog, or raise with every wrong row."""
    root: type[BaseModel] = Catalog
    try:
        return Catalog.model_validate(data)
    except ValidationError as error:
        raise InvalidInput([*rows.issues, *validate.issues(error, root, data, rows.locate)]) from None
