"""The JSON Schema of catalog files; those of problems and plans are the report's."""

from __future__ import annotations

from typing import Any


def schema_text_of(what: str) -> str:
    """Return the JSON Schema of `problem`, `plan` or `catalog` files as text, with descriptions."""
    from planner.report.schema import plan_schema, problem_schema, schema_text

    return schema_text({"problem": problem_schema, "plan": plan_schema, "catalog": catalog_schema}[what]())


def catalog_schema() -> dict[str, Any]:
    """Return the JSON Schema of a catalog file: any sections; the digest is the planner's own."""
    from planner.domain.catalog import Catalog
    from planner.report.schema import DIALECT

    made = Catalog.model_json_schema()
    del made["properties"]["digest"]
    head = {"$schema": DIALECT, "$id": "urn:inference-planner:schema:catalog:v1"}
    return head | made | {"title": "Inference Planner catalog"}
