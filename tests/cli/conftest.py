from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from planner.cli import main

TINY = Path(__file__).parents[1] / "catalog" / "tiny.yaml"
VALID = """\
apiVersion: planner/v1
metadata: {name: test}
catalogs: {builtin: false, files: [tiny.yaml]}
workloads:
  - name: chat
    demand: {rate: 2 req/s}
    input_tokens: {mean: 500, p95: 1500}
    output_tokens: {mean: 100, p95: 300}
    objectives: [{metric: ttft, percentile: 95, target: 1s}]
    quality: [{benchmark: exam, at_least: 50}]
"""


@pytest.fixture
def run() -> Callable[..., Result]:
    """Runs the command line in this process."""

    def call(*arguments: object, **kwargs: object) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments], **kwargs)  # type: ignore[arg-type]

    return call


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    """A valid problem beside its tiny catalog."""
    (tmp_path / "tiny.yaml").write_text(TINY.read_text(encoding="utf-8"), encoding="utf-8")
    path = tmp_path / "problem.yaml"
    path.write_text(VALID, encoding="utf-8")
    return path
