import pytest

from planner.catalog.fields import description, model_at
from planner.catalog.suggest import nearest, remedy_for
from planner.catalog.validate import validate
from planner.catalog.yamlfile import parse
from planner.domain.calls import Lengths, Objective
from planner.domain.problem import Problem
from planner.errors import InvalidInput, Issue

GOOD = """\
apiVersion: planner/v1
metadata: {name: x}
workloads:
  - name: chat
    demand: {rate: 2 req/s}
    input_tokens: {mean: 500, p95: 1500}
    output_tokens: {mean: 100, p95: 300}
"""


def found(text: str) -> list[Issue]:
    with pytest.raises(InvalidInput) as caught:
        validate(Problem, parse(text, "p.yaml"))
    return list(caught.value.issues)


def test_a_good_file_becomes_a_problem() -> None:
    problem = validate(Problem, parse(GOOD, "p.yaml"))
    assert problem.workloads[0].demand.rate == 2.0


# Each case changes one line of GOOD: (old, new, line, path, words of the message, words of the remedy).
CASES = [
    ("planner/v1", "planner/v9", 1, "apiVersion", "must be planner/v1; got 'planner/v9'", "write planner/v1"),
    ("{name: x}", "{name: x, titel: y}", 2, "metadata.titel", "unknown field 'titel'", "known: description, name"),
    ("name: chat", "nam: chat", 4, "workloads[0].nam", "unknown field 'nam'", "did you mean 'name'?"),
    ("{rate: 2 req/s}", "{}", 5, "workloads[0].demand", "found none", "give, change or remove"),
    ("2 req/s", "2", 5, "workloads[0].demand.rate", "without a unit", "unit"),
    ("2 req/s", "2 kg", 5, "workloads[0].demand.rate", "such as '12 req/s', got '2 kg'", "unit"),
    ("2 req/s", "-2 req/s", 5, "workloads[0].demand.rate", "must be at least 0; got '-2 req/s'", "at least 0"),
    ("2 req/s", "{day: 2}", 5, "workloads[0].demand.rate.day", "without a unit", "unit"),
    ("p95: 1500", "p95: 100", 6, "workloads[0].input_tokens", "p95 (100) is below the mean (500)", "check the two figures"),
    ("mean: 500, p95: 1500", "mean: lots", 6, "workloads[0].input_tokens.mean", "expected a token count", "unit"),
    ("{mean: 500, p95: 1500}", "500", 6, "workloads[0].input_tokens", "must be a mapping of fields", "mean, p95, scv"),
    ("{mean: 100, p95: 300}", "{histogram: [[1, 2], [3]]}", 7, "workloads[0].output_tokens.histogram[1]", "", ""),
    ("name: chat", "name: 5", 4, "workloads[0].name", "must be text; got 5", "put it in quotes: '5'"),
    ("name: chat", "name: '#1'", 4, "workloads[0].name", "not of the expected form", "start with a letter"),
    ("name: chat", "name: true", 4, "workloads[0].name", "must be text; got true", "it holds: Name used in the plan"),
]


@pytest.mark.parametrize(("old", "new", "line", "path", "message", "remedy"), CASES)
def test_one_mistake_one_issue(old: str, new: str, line: int, path: str, message: str, remedy: str) -> None:
    issues = [issue for issue in found(GOOD.replace(old, new, 1)) if issue.path.startswith(path)]
    assert len(issues) == 1
    issue = issues[0]
    assert (issue.file, issue.line) == ("p.yaml", line)
    assert message in issue.message
    assert remedy in issue.remedy
    assert "Input should" not in str(issue)
    assert "http" not in str(issue)


def test_missing_fields_are_named_at_their_owner() -> None:
    issues = found(GOOD.replace("    demand: {rate: 2 req/s}\n", ""))
    assert [(issue.line, issue.path) for issue in issues] == [(4, "workloads[0].demand")]
    assert "How many requests arrive" in issues[0].remedy


def test_every_mistake_is_told_at_once() -> None:
    text = GOOD.replace("2 req/s", "2").replace("p95: 1500", "p95: 1").replace("name: chat", "nmae: chat")
    assert [(issue.line, issue.path) for issue in found(text)] == [
        (4, "workloads[0].nmae"),
        (5, "workloads[0].demand.rate"),
        (6, "workloads[0].input_tokens"),
    ]


@pytest.mark.parametrize(
    ("extra", "path", "words"),
    [
        ("solver: {gap: 3}\n", "solver.gap", "at most 1"),
        ("solver: {seed: 1.5}\n", "solver.seed", "a whole number; got 1.5"),
        ("limits: {budget: $40}\n", "limits.budget", "price per hour such as '$2.50/h'"),
        ("periods: [{name: day, hours: 12h}]\n", "periods[0].hours", "must be a number"),
        ("periods: {name: day}\n", "periods", "must be a list"),
        ("choose: {models: [a]}\n", "choose.models", "allow, forbid"),
        ("choose: {models: {allow: a}}\n", "choose.models.allow", "must be a list"),
        ("periods: [{name: a, hours: 1}, {name: a, hours: 2}]\n", "", "period names must differ; found twice: a"),
        ("periods: [{name: a, hours: .inf}]\n", "periods[0].hours", "finite"),
    ],
)
def test_other_sections(extra: str, path: str, words: str) -> None:
    (issue,) = found(GOOD + extra)
    assert issue.path == path
    assert words in f"{issue.message} {issue.remedy}"


@pytest.mark.parametrize("text", ["[1, 2]\n", "text\n", "null\n"])
def test_a_file_that_is_no_mapping(text: str) -> None:
    (issue,) = found(text)
    assert "mapping of fields" in issue.message
    assert issue.line == 1


def test_fields_are_found_through_unions_and_collections() -> None:
    assert model_at(Problem, ("workloads", 3, "input_tokens")) is Lengths
    assert model_at(Problem, ("workloads", 0, "objectives", 1)) is Objective
    assert model_at(Problem, ("workloads", 0, "nothing")) is None
    assert description(Problem, ("workloads", 0, "objectives", 1, "target")) == "The limit"


def test_nearest_names() -> None:
    assert nearest("H100-SXM", ["h100-sxm", "h200-sxm"]) == "h100-sxm"
    assert nearest("llama", ["meta/Llama-3", "qwen"]) == "meta/Llama-3"
    assert nearest("zzz", ["h100"]) is None
    assert remedy_for("zzz", []) == "there are none to choose from"
    assert remedy_for("zzz", [f"n{i}" for i in range(99)], "`list`") == "see `list`"
