"""Every kind of bad input: exit code 2, one message a mistake with path, line and remedy, nothing written, no traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]

QUALITY = "    quality: [{benchmark: exam, at_least: 50}]\n"
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
)

# Name: (replaced, by what, line, YAML path, words of message and remedy)
CASES = {
    "unknown field": ("demand:", "demnad:", 6, "workloads[0].demnad", "did you mean 'demand'?"),
    "wrong unit": ("2 req/s", "2 GB", 6, "workloads[0].demand.rate", "expected a request rate such as '12 req/s', got '2 GB'"),
    "no unit": ("target: 1s", "target: 350", 9, "workloads[0].objectives[0].target", "the bare number 350 without a unit"),
    "negative rate": ("2 req/s", "-2 req/s", 6, "workloads[0].demand.rate", "must be at least 0"),
    "negative price": ("workloads:", "limits: {budget: $-5/h}\nworkloads:", 4, "limits.budget", "must be at least 0"),
    "negative price in a catalog": (
        "[tiny.yaml]",
        "[tiny.yaml], overrides: {apis: {cloud/big: {provider: c, model: b, source: t, as_of: 2025-01, input_price: -$2/Mtok}}}",
        3,
        'catalogs.overrides.apis["cloud/big"].input_price',
        "expected a price per token",
    ),
    "another currency": (
        "workloads:",
        "limits: {budget: €5/h}\nworkloads:",
        4,
        "limits.budget",
        "is in EUR (€), and all prices must be in one currency, US dollars",
    ),
    "another currency in a catalog": (
        "[tiny.yaml]",
        "[tiny.yaml], overrides: {apis: {cloud/big: {provider: c, model: b, source: t, as_of: 2025-01, input_price: 2 GBP/tok}}}",
        3,
        'catalogs.overrides.apis["cloud/big"].input_price',
        "is in GBP, and all prices must be in one currency",
    ),
    "percentile below the mean": ("p95: 1500", "p95: 50", 7, "workloads[0].input_tokens", "p95 (50) is below the mean (500)"),
    "missing catalog entry": (
        "benchmark: exam",
        "benchmark: exams",
        10,
        "workloads[0].quality[0].benchmark",
        "did you mean 'exam'?",
    ),
    "missing model": (
        QUALITY,
        "    choose: {models: {allow: [llama]}}\n",
        10,
        "workloads[0].choose.models.allow[0]",
        "matches no model",
    ),
    "unreachable floor": (
        "at_least: 50",
        "at_least: 99",
        10,
        "workloads[0].quality[0].at_least",
        "the best is org/large with 85",
    ),
    "contradictory targets": (
        "target: 1s}",
        "target: 1s}, {metric: ttft, percentile: 50, target: 2s}",
        9,
        "workloads[0].objectives[0].target",
        "a higher percentile cannot be faster",
    ),
    "contradictory limits": ("workloads:", "limits: {budget: $0/h}\nworkloads:", 4, "limits.budget", "raise it, or remove it"),
    "contradictory choice": (
        "workloads:",
        "choose: {accelerators: {allow: [big], forbid: [big]}}\nworkloads:",
        4,
        "choose.accelerators.allow[0]",
        "both allowed and forbidden",
    ),
    "missing trace": ("{rate: 2 req/s}", "{trace: {path: gone.csv}}", 6, "workloads[0].demand.trace.path", "no such trace file"),
    "empty trace": ("{rate: 2 req/s}", "{trace: {path: empty.csv}}", 6, "workloads[0].demand.trace.path", "holds no requests"),
    "malformed trace": (
        "{rate: 2 req/s}",
        "{trace: {path: bad.csv}}",
        6,
        "workloads[0].demand.trace",
        "has no column 'TIMESTAMP'",
    ),
    "malformed YAML": ("metadata: {name: test}", "metadata: {name: test", 3, "", "not valid YAML"),
    "duplicate key": ("    demand:", "    name: again\n    demand:", 6, "workloads[0].name", "given twice"),
    "YAML tag": ("name: test", "name: !!python/name:os.system x", 2, "metadata.name", "tags"),
    "YAML bomb": ("apiVersion", f"{BOMB}apiVersion", 6, "", "unfolds to more than"),
    "two documents": ("workloads:", "---\nworkloads:", 4, "", "several YAML documents"),
    "missing catalog file": ("[tiny.yaml]", "[tiny.yaml, gone.yaml]", 3, "catalogs.files[1]", "no such file"),
    "wrong catalog row": (
        "[tiny.yaml]",
        "[tiny.yaml], overrides: {models: {org/little: {hiden: 3}}}",
        3,
        'catalogs.overrides.models["org/little"].hiden',
        "did you mean 'hidden'?",
    ),
}


def check(result: Result, *expected: tuple[int, str, str]) -> None:
    """Assert one block on stderr for each (line, path, words), exit code 2, and no traceback."""
    assert result.exit_code == 2, result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    blocks = result.stderr.split("error: ")[1:]
    assert len(blocks) == len(expected), result.stderr
    for block, (line, path, words) in zip(blocks, expected, strict=True):
        assert f":{line}: " in block
        assert path in block
        assert words in block
        assert "→" in block


@pytest.mark.parametrize("command", ["solve", "validate"])
@pytest.mark.parametrize("name", CASES)
def test_each_mistake(run: Run, problem: Path, name: str, command: str) -> None:
    old, new, line, path, words = CASES[name]
    (problem.parent / "empty.csv").write_text("")
    (problem.parent / "bad.csv").write_text("a,b\n1,2\n")
    text = problem.read_text()
    assert old in text
    problem.write_text(text.replace(old, new, 1))
    out = problem.parent / "out"
    arguments = ["-o", out] if command == "solve" else []
    check(run(command, problem, *arguments), (line, path, words))
    assert not out.exists()


def test_several_mistakes_at_once_with_their_lines(run: Run, problem: Path) -> None:
    text = problem.read_text().replace("2 req/s", "2").replace("target: 1s", "target: 1s, prize: 3")
    text += "choose: {models: {allow: [org/litle]}}\nlimits: {budget: -1}\n"
    problem.write_text(text)
    check(
        run("solve", problem),
        (6, "workloads[0].demand.rate", "without a unit"),
        (9, "workloads[0].objectives[0].prize", "unknown field"),
        (11, "choose.models.allow[0]", "did you mean 'org/little'?"),
        (12, "limits.budget", "price per hour"),
    )


def test_a_file_of_100_mb_is_refused_by_its_size(run: Run, tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as stream:
        stream.truncate(100_000_000)
    result = run("solve", huge)
    assert result.exit_code == 2
    assert "100,000,000 bytes" in result.stderr


@pytest.mark.parametrize("name", ["", "absent.yaml", "file.yaml/inside.yaml"])
def test_paths_that_are_no_file(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "file.yaml").write_text("a: 1\n")
    result = run("validate", tmp_path / name)
    assert result.exit_code == 2
    assert str(tmp_path / name) in result.stderr
    assert "→" in result.stderr


@pytest.mark.parametrize("out", ["problem.yaml", "problem.yaml/out", "/proc/none/out"])
def test_unwritable_output_is_found_before_solving(run: Run, problem: Path, out: str) -> None:
    before = sorted(problem.parent.iterdir())
    result = run("solve", problem, "-o", problem.parent / out)  # would fail to solve: nothing is patched in
    assert result.exit_code == 2
    assert "cannot write here" in result.stderr
    assert "→" in result.stderr
    assert sorted(problem.parent.iterdir()) == before


def test_output_names_taken_by_folders(run: Run, problem: Path) -> None:
    (problem.parent / "out" / "plan.json").mkdir(parents=True)
    result = run("solve", problem, "-o", problem.parent / "out")
    assert result.exit_code == 2
    assert "plan.json" in result.stderr


def test_a_file_cannot_write_to_the_terminal(run: Run, problem: Path) -> None:
    text = problem.read_text().replace("{rate: 2 req/s}", '{trace: {path: "\\e[31mred"}, "\\e[2J": 1}')
    problem.write_text(text)
    result = run("validate", problem, color=True)
    assert result.exit_code == 2
    assert "\x1b[2J" not in result.stderr
    problem.write_text(text.replace(', "\\e[2J": 1', ""))
    assert "\x1b[31mred" not in run("validate", problem, color=True).stderr


@pytest.mark.parametrize("arguments", [["--gap", "2"], ["--gap", "x"], ["--time-limit", "60"], ["--time-limit", "-1s"]])
def test_wrong_options(run: Run, problem: Path, arguments: list[str]) -> None:
    result = run("solve", problem, *arguments)
    assert result.exit_code == 2
    assert f"command line: {arguments[0]}: " in result.stderr


def test_a_broken_model_config(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text("{")
    result = run("catalog", "import", config, "--id", "me/mine", "-o", tmp_path / "out.yaml")
    assert result.exit_code == 2
    assert "config.json" in result.stderr
    assert not (tmp_path / "out.yaml").exists()
