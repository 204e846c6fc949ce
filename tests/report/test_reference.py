"""The reference of the problem file and the published schemas: complete, true, and up to date."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from planner import units
from planner.domain import calls, hardware, horizon, lever_facts, levers, llm, stages, store_facts, stores, workload
from planner.domain import problem as domain
from planner.domain.base import Strict
from planner.domain.problem import Problem
from planner.report.reference import problem_reference, sections
from planner.report.reference_examples import SECTIONS, WHOLE
from planner.report.schema import plan_schema, policy_schema, problem_schema, schema_text

DOCS = Path(__file__).parents[2] / "docs"
RENEW = "out of date; write it again with `planner schema`"


def _model(name: str) -> type[Strict]:
    found = next(
        getattr(part, name)
        for part in (domain, horizon, calls, stages, stores, levers, workload, lever_facts, store_facts, llm, hardware)
        if hasattr(part, name)
    )
    assert issubclass(found, Strict)
    return found


def test_the_page_is_up_to_date() -> None:
    assert (DOCS / "problem-file.md").read_text(encoding="utf-8") == problem_reference(), RENEW


@pytest.mark.parametrize(
    ("file", "schema"), [("problem.json", problem_schema()), ("plan.json", plan_schema()), ("policy.json", policy_schema())]
)
def test_the_schemas_are_up_to_date(file: str, schema: dict[str, Any]) -> None:
    assert (DOCS / "schema" / file).read_text(encoding="utf-8") == schema_text(schema), RENEW


def test_every_field_of_every_section_is_described() -> None:
    text = problem_reference()
    for section in sections(problem_schema()):
        body = text.split(f"\n## {section.name}\n")[1].split("\n## ")[0]
        for name, field in _model(section.name).model_fields.items():
            assert field.description, f"{section.name}.{name}"
            assert re.search(rf"^\| `{field.alias or name}` +\|", body, re.MULTILINE), f"{section.name}.{name}"


def test_every_definition_has_its_section_and_place() -> None:
    schema = problem_schema()
    made = {section.name: section.places for section in sections(schema)}
    assert set(made) == set(schema["$defs"]) | {"Problem"}
    assert {"workloads[].input_tokens", "workloads[].output_tokens", "workloads[].stages[].history"} <= set(made["Lengths"])
    assert "workloads[].demand.trace" in made["TraceFile"]


def test_links_lead_to_sections() -> None:
    text = problem_reference()
    anchors = {title.lower() for title in re.findall(r"^## (\w+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\(#([\w-]+)\)", text)) <= anchors


def test_the_whole_example_is_a_problem() -> None:
    assert Problem.model_validate(yaml.safe_load(WHOLE)).cycle_hours == 730.0


@pytest.mark.parametrize(("name", "body"), [(name, body) for name, bodies in SECTIONS.items() for body in bodies])
def test_every_example_is_what_its_section_says(name: str, body: str) -> None:
    assert _model(name).model_validate(yaml.safe_load(body))


def test_defaults_are_written_as_they_may_be_read() -> None:
    """A schema whose default is a bare 120 would have editors write what the planner refuses."""
    kinds = {kind.example: kind for kind in vars(units).values() if isinstance(kind, units.Kind)}
    seen = 0
    for name, made in problem_schema()["$defs"].items():
        for field, node in made["properties"].items():
            kind = kinds.get((node.get("examples") or [""])[0])
            if kind is None or node.get("default") is None:
                continue
            assert units.parse(node["default"], kind) == _model(name).model_fields[field].default
            seen += 1
    assert seen >= 4


def test_a_fraction_may_be_a_percentage() -> None:
    node = problem_schema()["$defs"]["Solver"]["properties"]["gap"]
    assert re.match(node["anyOf"][1]["pattern"], "1%")
    assert "ge" not in json.dumps(problem_schema()["$defs"]["Solver"]["properties"]["gap"]).split('"')


def test_schemas_name_themselves() -> None:
    made = [problem_schema(), plan_schema(), policy_schema()]
    assert len({schema["$id"] for schema in made}) == 3
    assert all(schema["$schema"].endswith("2020-12/schema") for schema in made)
