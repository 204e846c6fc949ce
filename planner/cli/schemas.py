"""The JSON Schema of catalog files; those of problems, plans and policies are the report's."""

from __future__ import annotations

from typing import Any


def schema_text_of(what: str) -> str:
    """Return the JSON Schema of `problem`, `plan`, `policy` or `catalog` files as text, with descriptions."""
    from planner.report.schema import plan_schema, policy_schema, problem_schema, schema_text

    made = {"problem": problem_schema, "plan": plan_schema, "policy": policy_schema, "catalog": catalog_schema}
    return schema_text(made[what]())


def catalog_schema() -> dict[str, Any]:
    """Return the JSON Schema of a catalog file: any sections; the digest is the planner's own."""
    from planner.domain.catalog import Catalog
    from planner.report.schema import DIALECT

    made = Catalog.model_json_schema()
    del made["properties"]["digest"]
    head = {"$schema": DIALECT, "$id": "urn:inference-planner:schema:catalog:v1"}
    return head | made | {"title": "Inference Planner catalog"}
