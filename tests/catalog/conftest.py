from collections.abc import Callable
from pathlib import Path

import pytest

from planner.errors import InvalidInput, Issue

TINY = Path(__file__).with_name("tiny.yaml")

HEAD = """\
apiVersion: planner/v1
metadata: {name: test}
catalogs: {builtin: false, files: [tiny.yaml]}
"""
WORKLOAD = """\
  - name: chat
    demand: {rate: 2 req/s}
    input_tokens: {mean: 500, p95: 1500}
    output_tokens: {mean: 100, p95: 300}
    objectives: [{metric: ttft, percentile: 95, target: 1s}]
    quality: [{benchmark: exam, at_least: 50}]
"""
VALID = f"{HEAD}workloads:\n{WORKLOAD}"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file beside a copy of the tiny catalog and returns its path."""
    (tmp_path / "tiny.yaml").write_text(TINY.read_text(encoding="utf-8"), encoding="utf-8")

    def make(text: str, name: str = "problem.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return make


@pytest.fixture
def issues_of() -> Callable[..., list[Issue]]:
    """Calls something that must fail and returns its issues."""

    def call(function: Callable[..., object], *args: object, **kwargs: object) -> list[Issue]:
        with pytest.raises(InvalidInput) as caught:
            function(*args, **kwargs)
        for issue in caught.value.issues:
            assert issue.remedy, issue
            assert "pydantic" not in str(issue).lower(), issue
        return list(caught.value.issues)

    return call


@pytest.fixture
def head() -> str:
    return HEAD


@pytest.fixture
def workload() -> str:
    return WORKLOAD


@pytest.fixture
def valid() -> str:
    return VALID
