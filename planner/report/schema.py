"""The JSON Schemas people's editors and tools read: of the problem file, of plan.json and of policies.

Pydantic describes what it holds after reading (seconds as numbers); a schema for editors must describe what may be written
(`120s`), so defaults of quantities are turned back into human units here.
"""

from __future__ import annotations

import json
from typing import Any

from planner import units
from planner.domain.plan import Plan
from planner.domain.policy import Policy
from planner.domain.problem import Problem

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PROBLEM_ID = "urn:inference-planner:schema:problem:v1"
POLICY_ID = "urn:inference-planner:schema:policy:v1"
PLAN_ID = "urn:inference-planner:schema:plan:v1"

_WRITTEN = {
    units.SECONDS.example: "{:g}s",
    units.DOLLARS.example: "${:g}",
    units.DOLLARS_PER_HOUR.example: "${:g}/h",
    units.DOLLARS_PER_CALL.example: "${:g}/kreq",
    units.DOLLARS_PER_BYTE.example: "${:g}/B",
    units.WATTS.example: "{:g}W",
    units.DOLLARS_PER_TONNE.example: "${:g}/t",
}
_PERCENT = {"type": "string", "pattern": r"^\s*(\d+(\.\d*)?|\.\d+)\s*%\s*$", "examples": ["1%"]}


def problem_schema() -> dict[str, Any]:
    """Return the JSON Schema of a problem file.

    Returns
    -------
    dict
        Draft 2020-12, with the description of every field.
    """
    made = Problem.model_json_schema()
    return _headed(made, PROBLEM_ID, "Inference Planner problem")


def plan_schema() -> dict[str, Any]:
    """Return the JSON Schema of plan.json.

    Returns
    -------
    dict
        Draft 2020-12, with the description and unit of every field.
    """
    made = Plan.model_json_schema(mode="serialization")
    return _headed(made, PLAN_ID, "Inference Planner plan")


def policy_schema() -> dict[str, Any]:
    """Return the JSON Schema of a policy file, which `planner check` holds plans against.

    Returns
    -------
    dict
        Draft 2020-12, with the description of every field.
    """
    made = Policy.model_json_schema()
    made["properties"] = {name: _required(node) for name, node in made["properties"].items()}
    return _headed(made, POLICY_ID, "Inference Planner policy")


def _required(node: dict[str, Any]) -> dict[str, Any]:
    """Leave out that a field may be null: a rule without a value is refused."""
    kinds = [kind for kind in node["anyOf"] if kind != {"type": "null"}]
    kept = {key: value for key, value in node.items() if key not in ("anyOf", "default")}
    return {**(kinds[0] if len(kinds) == 1 else {"anyOf": kinds}), **kept}


def schema_text(schema: dict[str, Any]) -> str:
    """Write a schema as it is published: indented, in the order of the fields, with a final newline."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _headed(schema: dict[str, Any], name: str, title: str) -> dict[str, Any]:
    """Put dialect, identity and title first."""
    body = {key: _writable(value) for key, value in schema.items() if key not in ("title", "$defs")}
    definitions = {key: _writable(value) for key, value in sorted(schema.get("$defs", {}).items())}
    for made in (body, *definitions.values()):
        for node in made.get("properties", {}).values():
            _describe(node, definitions)
    return {"$schema": DIALECT, "$id": name, "title": title, **body, "$defs": definitions}


def _describe(node: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Give a field the description of what it refers to where pydantic left out its own for being the same."""
    if "$ref" in node and "description" not in node:
        node["description"] = definitions[node["$ref"].rsplit("/", 1)[-1]]["description"]


def _writable(node: Any) -> Any:
    """Return a schema node that describes what may be written, without pydantic's generated titles."""
    if isinstance(node, list):
        return [_writable(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _writable(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    if "$ref" in made and isinstance(made.get("default"), dict):
        made["default"] = {}
    if isinstance(made.get("description"), str):
        made["description"] = " ".join(made["description"].split())
    return _with_percent(_with_unit(made))


def _with_unit(node: dict[str, Any]) -> dict[str, Any]:
    """Write the default of a quantity with its unit."""
    default, examples = node.get("default"), node.get("examples")
    if node.get("type") != "string" or not examples or isinstance(default, str) or default is None:
        return node
    if examples[0] == units.BYTES_PER_SECOND.example:
        return {**node, "default": f"{default / 1e9:g}GB/s"}
    return {**node, "default": _WRITTEN[examples[0]].format(default)}


def _with_percent(node: dict[str, Any]) -> dict[str, Any]:
    """Let a fraction be written as `0.01` or `1%`."""
    if node.get("type") != "number" or not {"ge", "le"} <= node.keys():
        return node
    number = {"type": "number", "minimum": node["ge"], "maximum": node["le"]}
    kept = {key: value for key, value in node.items() if key not in ("type", "ge", "le")}
    return {**kept, "anyOf": [number, _PERCENT]}
