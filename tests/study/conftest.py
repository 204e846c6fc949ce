from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from planner.catalog.problem import LoadedProblem, load_problem

SMALL = Path(__file__).with_name("small.yaml")

CHAT: dict[str, Any] = {
    "name": "chat",
    "demand": {"rate": "2 req/s"},
    "input_tokens": {"mean": 1000, "p95": 2500},
    "output_tokens": {"mean": 100, "p95": 300},
    "objectives": [
        {"metric": "ttft", "percentile": 95, "target": "1s"},
        {"metric": "tpot", "percentile": 95, "target": "30ms"},
    ],
    "quality": [{"benchmark": "exam", "at_least": 50}],
    "data": {"region_groups": ["eu"], "external_api": False},
}
"""Feasible: one fast accelerator in the EU at $6/h holds the little model."""


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., LoadedProblem]:
    """Loads a problem of one or more workloads, each `CHAT` with some fields replaced."""

    def make(*workloads: dict[str, Any], **sections: Any) -> LoadedProblem:
        rows = [CHAT | workload for workload in workloads or ({},)]
        head = {
            "apiVersion": "planner/v1",
            "metadata": {"name": "test"},
            "catalogs": {"builtin": False, "files": ["small.yaml"]},
        }
        (tmp_path / "small.yaml").write_text(SMALL.read_text(encoding="utf-8"), encoding="utf-8")
        path = tmp_path / "problem.yaml"
        path.write_text(yaml.safe_dump(head | sections | {"workloads": rows}), encoding="utf-8")
        return load_problem(path)

    return make
