"""Turns what pydantic found into plain messages: file, line, YAML path, what is wrong, what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from planner.catalog.fields import description, model_at
from planner.catalog.suggest import nearest, remedy_for
from planner.catalog.yamlfile import Document, KeyPath, dotted
from planner.errors import InvalidInput, Issue

Locate = Callable[[KeyPath], tuple[str, int, str]]
_Details = Mapping[str, Any]
_M = TypeVar("_M", bound=BaseModel)

_SHOWN = 60
_WRONG_SHAPE = frozenset({"dict_type", "mapping_type", "model_type", "model_attributes_type", "list_type", "tuple_type"})


def validate(root: type[_M], document: Document) -> _M:
    """Make a `root` of a document's data, or raise InvalidInput with every mistake in it."""
    try:
        return root.model_validate(document.data)
    except ValidationError as error:
        raise InvalidInput(issues(error, root, document.data, in_document(document))) from None


def in_document(document: Document, prefix: KeyPath = ()) -> Locate:
    """Return a locator of paths below `prefix` in one document."""

    def locate(path: KeyPath) -> tuple[str, int, str]:
        full = (*prefix, *path)
        return document.file, document.line(full), dotted(full)

    return locate


def issues(error: ValidationError, root: type[BaseModel], data: Any, locate: Locate) -> list[Issue]:
    """Turn each mistake into one Issue; alternatives of a union count as one.

    Parameters
    ----------
    error : ValidationError
        What pydantic found.
    root : type
        The model that was being made of `data`.
    data : object
        The plain data, used to tell names in the file from pydantic's own marks.
    locate : callable
        Path → (file, line, path as shown).
    """
    found: dict[KeyPath, _Details] = {}
    for details in error.errors(include_url=False):
        path = _path_in(data, details)
        if path not in found or _vaguer(found[path], details):
            found[path] = details
    kept = [
        _Mistake(root, path, details)
        for path, details in found.items()
        if not _shadowed(path, details, found) and not _misspelt(path, details, found)
    ]
    return [_issue(mistake, locate) for mistake in kept]


def _path_in(data: Any, details: _Details) -> KeyPath:
    """Keep of pydantic's location what is in the file: names of union members and validators are dropped."""
    path: list[str | int] = []
    location = details["loc"]
    for position, part in enumerate(location):
        if part == "[key]":
            continue
        last = position == len(location) - 1
        if isinstance(data, dict) and (str(part) in data or (last and details["type"] == "missing")):
            path.append(str(part))
            data = data.get(str(part))
        elif isinstance(data, list | tuple) and isinstance(part, int) and part < len(data):
            path.append(part)
            data = data[part]
    return tuple(path)


def _vaguer(known: _Details, other: _Details) -> bool:
    """Say whether `other` tells more about the same value than `known`."""
    return known["type"] in _WRONG_SHAPE and other["type"] not in _WRONG_SHAPE


def _shadowed(path: KeyPath, details: _Details, found: Mapping[KeyPath, _Details]) -> bool:
    """Say whether a collection is blamed (for not being a scalar, for being too short) although its parts are what is wrong."""
    return isinstance(details["input"], dict | list) and any(
        len(other) > len(path) and other[: len(path)] == path for other in found
    )


def _misspelt(path: KeyPath, details: _Details, found: Mapping[KeyPath, _Details]) -> bool:
    """Say whether a missing field is there under a misspelt name, which is reported already."""
    beside = [other for other, those in found.items() if those["type"] == "extra_forbidden" and other[:-1] == path[:-1]]
    return details["type"] == "missing" and any(nearest(str(other[-1]), [str(path[-1])]) for other in beside)


@dataclass(frozen=True)
class _Mistake:
    """One thing pydantic found."""

    root: type[BaseModel]
    path: KeyPath
    details: _Details

    @property
    def shown(self) -> str:
        """The value that is wrong, as it may stand in a message."""
        return show(self.details["input"])

    @property
    def limits(self) -> Mapping[str, Any]:
        """What pydantic says was expected."""
        context: Mapping[str, Any] = self.details["ctx"]
        return context

    @property
    def owner(self) -> type[BaseModel] | None:
        """The model whose field is wrong."""
        return model_at(self.root, self.path[:-1])

    @property
    def meaning(self) -> str:
        """A reminder of what the field holds."""
        text = description(self.root, self.path)
        return f"it holds: {text}" if text else "`planner schema` describes every field"


_Explain = Callable[[_Mistake], tuple[str, str]]


def _issue(mistake: _Mistake, locate: Locate) -> Issue:
    file, line, shown = locate(mistake.path)
    message, remedy = _explain(mistake)
    return Issue(file, line, shown, message, remedy)


def _explain(m: _Mistake) -> tuple[str, str]:
    """Return message and remedy of one mistake."""
    explain = _EXPLANATIONS.get(m.details["type"])
    if explain is not None:
        return explain(m)
    message = str(m.details["msg"]).replace("Input should", "it must").replace("valid ", "")
    return f"{message}; got {m.shown}", m.meaning


def show(value: Any) -> str:
    """Show a value from a file, cut to a length that fits a message."""
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    text = {None: "nothing", True: "true", False: "false"}[value] if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _missing(m: _Mistake) -> tuple[str, str]:
    name, text = m.path[-1], description(m.root, m.path)
    if isinstance(name, int):
        return f"the entry of number {name + 1} is missing", "complete the list"
    return f"the field {name!r} is missing", f"add `{name}: …`" + (f" ({text})" if text else "")


def _unknown(m: _Mistake) -> tuple[str, str]:
    known = list(m.owner.model_fields) if m.owner else []
    return f"unknown field {m.path[-1]!r}", remedy_for(str(m.path[-1]), known, "`planner schema`")


def _one_of(m: _Mistake) -> tuple[str, str]:
    expected = str(m.limits["expected"]).replace(" or ", ", ")
    options = [option.strip().strip("'") for option in expected.split(",")]
    message = f"must be one of {', '.join(options)}" if len(options) > 1 else f"must be {options[0]}"
    remedy = f"write {options[0]}" if len(options) == 1 else remedy_for(str(m.details["input"]), options)
    return f"{message}; got {m.shown}", remedy


def _own_words(m: _Mistake) -> tuple[str, str]:
    """Use the message of the planner's own checks; what follows its last semicolon is the remedy, if it says what to do."""
    text = str(m.limits["error"])
    if text.startswith("expected a"):
        return text, "write the number with its unit as in the example"
    message, _, rest = text.rpartition("; ")
    if message and rest.startswith(_IMPERATIVES):
        return message, rest
    return text, _FIX_FIELDS if model_at(m.root, m.path) else m.meaning


_IMPERATIVES = ("check ", "give ", "write ", "use ")
_FIX_FIELDS = "give, change or remove one of the fields named"


def _bound(words: str, key: str) -> _Explain:
    """Explain a number on the wrong side of a bound."""

    def explain(m: _Mistake) -> tuple[str, str]:
        limit = m.limits[key]
        return f"must be {words} {limit:g}; got {m.shown}", f"give a value {words} {limit:g}"

    return explain


def _kind(noun: str, remedy: str = "") -> _Explain:
    """Explain a value of the wrong kind."""

    def explain(m: _Mistake) -> tuple[str, str]:
        return f"must be {noun}; got {m.shown}", remedy or m.meaning

    return explain


def _text(m: _Mistake) -> tuple[str, str]:
    value = m.details["input"]
    quoted = f"put it in quotes: '{value}'" if isinstance(value, int | float) and not isinstance(value, bool) else ""
    return f"must be text; got {show(value)}", quoted or m.meaning


def _pattern(m: _Mistake) -> tuple[str, str]:
    pattern = m.limits["pattern"]
    return f"{m.shown} is not of the expected form", _FORMS.get(pattern[:7], f"it must match {pattern}")


_FORMS = {
    "^[A-Za-": "start with a letter or digit; then letters, digits, spaces and ._/:+@()- are allowed",
    "^[0-9a-f]"[:7]: "copy the 64 digits of a SHA-256, such as catalog_digest of a plan.json",
    r"^\d{4}("[:7]: "write a year, month or day such as 2025, 2025-06 or 2025-06-30, a bare year in quotes",
    r"^p(\d{1"[:7]: "name percentiles p1 to p100, such as p50 or p99.9",
}


def _length(m: _Mistake) -> tuple[str, str]:
    context = m.limits
    least, most = context.get("min_length"), context.get("max_length")
    bound = f"at least {least}" if least is not None else f"at most {most}"
    unit = "characters" if m.details["type"].startswith("string") else "entries"
    return f"must have {bound} {unit}; got {m.shown}", m.meaning


def _mapping(m: _Mistake) -> tuple[str, str]:
    owner = model_at(m.root, m.path)
    remedy = f"write it as fields: {', '.join(owner.model_fields)}" if owner else m.meaning
    return f"must be a mapping of fields (`name: value`); got {m.shown}", remedy


_LIST = _kind("a list (`- item` lines, or `[a, b]`)")
_WHOLE = _kind("a whole number")
_NUMBER = _kind("a number")
_YES_NO = _kind("true or false", "write true or false")

_EXPLANATIONS: dict[str, _Explain] = {
    "missing": _missing,
    "extra_forbidden": _unknown,
    "literal_error": _one_of,
    "value_error": _own_words,
    "string_type": _text,
    "string_pattern_mismatch": _pattern,
    "greater_than": _bound("above", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("below", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "finite_number": _kind("a finite number"),
    "too_short": _length,
    "too_long": _length,
    "string_too_short": _length,
    "string_too_long": _length,
}
_EXPLANATIONS |= dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), _mapping)
_EXPLANATIONS |= dict.fromkeys(("list_type", "tuple_type"), _LIST)
_EXPLANATIONS |= dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), _WHOLE)
_EXPLANATIONS |= dict.fromkeys(("float_type", "float_parsing"), _NUMBER)
_EXPLANATIONS |= dict.fromkeys(("bool_type", "bool_parsing"), _YES_NO)


def raise_if(found: Sequence[Issue]) -> None:
    """Raise InvalidInput when there is anything to report."""
    if found:
        raise InvalidInput(found)
