"""Finds the field that a path in a file stands for, to name its neighbours and its description."""

from __future__ import annotations

import types
import typing
from typing import Any

from pydantic import BaseModel

from planner.catalog.yamlfile import KeyPath


def model_at(root: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    """Return the model whose fields stand at `path`, None where there are none."""
    current: Any = root
    for part in path:
        current = _step(_unwrap(current), part)
        if current is None:
            return None
    current = _unwrap(current)
    return current if _is_model(current) else None


def description(root: type[BaseModel], path: KeyPath) -> str:
    """Return the first sentence of a field's description, empty where there is none."""
    if not path or not isinstance(path[-1], str):
        return ""
    owner = model_at(root, path[:-1])
    info = owner.model_fields.get(path[-1]) if owner else None
    text = (info.description or "") if info else ""
    return text.split(". ")[0].split("\n\n")[0].replace("\n", " ").strip().rstrip(".")


def _step(kind: Any, part: str | int) -> Any:
    """Return the annotation one key or index below `kind`."""
    if _is_model(kind):
        info = kind.model_fields.get(part)
        return None if info is None else info.annotation
    arguments = typing.get_args(kind)
    if not arguments:
        return None
    return arguments[-1] if typing.get_origin(kind) is dict else arguments[0]


def _unwrap(kind: Any) -> Any:
    """Strip Annotated and pick the structured member of a union."""
    while True:
        origin = typing.get_origin(kind)
        if origin is typing.Annotated:
            kind = typing.get_args(kind)[0]
        elif origin in (typing.Union, types.UnionType):
            members = [member for member in typing.get_args(kind) if member is not type(None)]
            kind = next((member for member in members if typing.get_origin(member) is dict or _is_model(member)), members[0])
        else:
            return kind


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
