"""The reference of the problem file, written from its schema so that it cannot fall behind the code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from planner import units
from planner.report.markup import table
from planner.report.reference_examples import SECTIONS, WHOLE
from planner.report.schema import problem_schema

_KINDS = {kind.example: kind for kind in vars(units).values() if isinstance(kind, units.Kind)}
_BOUNDS = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
_MANY_PLACES = 6
_HUGE = 10_000_000
"""The bound of every count; it is there against slips of the pen and not worth a reader's time."""

_TOP = """\
# Problem file

<!-- Generated from the schema: do not edit. Run `planner schema --format markdown > docs/problem-file.md`. -->

This page is generated from the schema of the problem file with `planner schema --format markdown`. Editors complete and
check the file with the JSON Schema in [schema/problem.json](schema/problem.json); put this line at its top:

```yaml
# yaml-language-server: $schema=docs/schema/problem.json
```

A field that is not listed here is an error, never ignored. Every quantity is written with its unit; a bare number is
accepted only where it has one meaning.

## A whole file
"""


@dataclass
class Section:
    """An object of the format, and where in the file it may stand."""

    name: str
    """Definition in the schema."""
    node: dict[str, Any]
    """Its schema."""
    places: list[str] = field(default_factory=list)
    """Paths in the file."""


def problem_reference() -> str:
    """Return the reference of the problem file as Markdown.

    Returns
    -------
    str
        A whole example, the units, and for every section its fields with type, default and meaning.
    """
    schema = problem_schema()
    parts = [_TOP, f"```yaml\n{WHOLE}```\n", _units(), *(_section(made) for made in sections(schema))]
    return "\n".join(parts)


def sections(schema: dict[str, Any]) -> list[Section]:
    """Return the objects of a schema in the order in which a reader of the file meets them."""
    top = Section("Problem", schema, [""])
    found = {"Problem": top}
    _visit(top, "", schema["$defs"], found)
    return list(found.values())


def _visit(section: Section, path: str, definitions: dict[str, Any], found: dict[str, Section]) -> None:
    """Collect what a section's fields refer to, depth first."""
    for name, node in section.node["properties"].items():
        for target, suffix in _references(node):
            place = f"{path}.{name}{suffix}".lstrip(".")
            inner = found.setdefault(target, Section(target, definitions[target]))
            inner.places.append(place)
            _visit(inner, place, definitions, found)


def _references(node: dict[str, Any], suffix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the definitions a field refers to, with `[]` for each list around them and `.NAME` for each mapping."""
    if "$ref" in node:
        yield node["$ref"].rsplit("/", 1)[-1], suffix
    for choice in node.get("anyOf", ()):
        yield from _references(choice, suffix)
    if isinstance(node.get("items"), dict):
        yield from _references(node["items"], suffix + "[]")
    for values in (node.get("additionalProperties"), *node.get("patternProperties", {}).values()):
        if isinstance(values, dict):
            yield from _references(values, suffix + ".NAME")


def _units() -> str:
    """Write the table of quantities."""
    rows = [
        [kind.name, f"`{kind.example}`", "yes" if kind.bare else "no"]
        for kind in sorted(_KINDS.values(), key=lambda kind: kind.name)
    ]
    note = (
        "Fractions may be written `0.01` or `1%`. Counts and amounts take `k`, `M` and `B`. A month has 730 hours.\n"
        "`GB` is 10⁹ bytes, `GiB` 2³⁰."
    )
    return f"## Units\n\n{table(['Quantity', 'For example', 'Bare number'], rows)}\n\n{note}\n"


def _section(section: Section) -> str:
    """Write one object of the format."""
    node = section.node
    required = set(node.get("required", ()))
    rows = [_row(name, made, name in required) for name, made in node["properties"].items()]
    where = "The file itself." if section.name == "Problem" else f"At {_at(section.places)}."
    fields = table(["Field", "Type", "Default", "Meaning"], rows)
    examples = [f"```yaml\n{body}\n```\n" for body in SECTIONS.get(section.name, ())]
    return "\n".join([f"## {section.name}\n\n{node['description']} {where}\n\n{fields}\n", *examples])


def _at(places: list[str]) -> str:
    """List paths; where every field of some sections is meant, those sections."""
    shown = places if len(places) <= _MANY_PLACES else [place.rpartition(".")[0] + ".*" for place in places]
    return ", ".join(f"`{place}`" for place in dict.fromkeys(shown))


def _row(name: str, node: dict[str, Any], needed: bool) -> list[str]:
    """Write one field."""
    return [f"`{name}`", kind_of(node), "**required**" if needed else _default(node), _prose(node.get("description", ""))]


def _prose(text: str) -> str:
    """Keep a description's code spans and mask what would end a cell or start HTML."""
    spans = re.split(r"(`[^`]*`)", text)
    return "".join(span if span.startswith("`") else span.replace("<", "&lt;") for span in spans).replace("|", "\\|")


def kind_of(node: dict[str, Any]) -> str:
    """Say in words what a field takes.

    Parameters
    ----------
    node : dict
        Its schema.

    Returns
    -------
    str
        Markdown, with links to the sections it refers to.

    Examples
    --------
    >>> kind_of({"type": "array", "items": {"type": "string"}}), kind_of({"type": "integer", "minimum": 1})
    ('list of text', 'whole number ≥ 1')
    """
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in node:
        return _any_of(node["anyOf"])
    if "const" in node or "enum" in node:
        return " or ".join(f"`{value}`" for value in node.get("enum", [node.get("const")]))
    if node.get("type") == "array":
        return _list_of(node)
    if node.get("type") == "object":
        return _mapping_of(node)
    return _plain(node)


def _any_of(choices: list[dict[str, Any]]) -> str:
    """Join alternatives; a fraction is one kind, and null only means that the field may be left out."""
    if any(choice.get("examples") == ["1%"] for choice in choices):
        return "fraction"
    return " or ".join(kind_of(choice) for choice in choices if choice.get("type") != "null")


def _list_of(node: dict[str, Any]) -> str:
    """Name a list or a tuple by what it holds."""
    if "prefixItems" in node:
        return f"({', '.join(kind_of(item) for item in node['prefixItems'])})"
    return f"list of {kind_of(node['items'])}"


def _mapping_of(node: dict[str, Any]) -> str:
    """Name a mapping by what it holds."""
    inner = node.get("additionalProperties")
    values = inner if isinstance(inner, dict) else next(iter(node.get("patternProperties", {}).values()), None)
    return f"name → {kind_of(values)}" if values else "mapping"


def _plain(node: dict[str, Any]) -> str:
    """Name a quantity, number, text or flag, with its bounds."""
    kind = _KINDS.get((node.get("examples") or [""])[0])
    if kind:
        return kind.name
    name = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true` or `false`"}.get(
        node.get("type", "")
    )
    bounds = [f"{sign} {node[key]:g}" for key, sign in _BOUNDS if key in node and node[key] != _HUGE]
    return " ".join([name or "anything", ", ".join(bounds)]).strip()


def _default(node: dict[str, Any]) -> str:
    """Write what is taken where the field is left out."""
    value = node.get("default")
    if value in (None, "", [], {}):
        return "–"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"
