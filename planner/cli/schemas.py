"""The JSON Schemas of the file formats."""

from __future__ import annotations

from typing import Any

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(what: str) -> dict[str, Any]:
    """Return the JSON Schema of `problem`, `plan` or `catalog` files, with dialect and identifier first."""
    made = {"problem": _problem, "plan": _plan, "catalog": _catalog}[what]()
    return {"$schema": _DIALECT, "$id": f"urn:inference-planner:schema:{what}:v1", **made}


def _problem() -> dict[str, Any]:
    from planner.domain.problem import Problem

    return Problem.model_json_schema()


def _plan() -> dict[str, Any]:
    from planner.domain.plan import Plan

    return Plan.model_json_schema(mode="serialization")


def _catalog() -> dict[str, Any]:
    """A catalog file holds any sections; the digest is the planner's own."""
    from planner.domain.catalog import Catalog

    schema = Catalog.model_json_schema()
    del schema["properties"]["digest"]
    return schema
