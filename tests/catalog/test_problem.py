from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.catalog.problem import LoadedProblem, load_problem, undotted
from planner.catalog.yamlfile import parse
from planner.errors import InvalidInput, Issue

Write = Callable[..., Path]
IssuesOf = Callable[..., list[Issue]]


def test_a_valid_problem(write: Write, valid: str) -> None:
    path = write(valid)
    loaded = load_problem(path)
    assert loaded.problem.workloads[0].demand.rate == 2.0
    assert loaded.base == path.parent
    assert loaded.digest == loaded.document.digest
    assert set(loaded.catalog.models) == {"org/little", "org/large"}
    assert loaded.warnings == ()


# Each case: what is replaced in the valid file, path of the only issue, words of its message or remedy.
CASES = [
    # periods
    ("{rate: 2 req/s}", "{rate: {always: 2 req/s, nigth: 1 req/s}}", "workloads[0].demand.rate.nigth", "no period named 'nigth'"),
    (
        "{rate: 2 req/s}",
        "{users: {active: 9, requests_per_user: 1/day}, profile: {alway: 2}}",
        "workloads[0].demand.profile.alway",
        "did you mean 'always'?",
    ),
    # token lengths
    (
        "{mean: 500, p95: 1500}",
        "{percentiles: {p50: 900, p95: 100}}",
        "workloads[0].input_tokens.percentiles.p95",
        "is below p50",
    ),
    ("{mean: 500, p95: 1500}", "{histogram: [[100, 1], [50, 2]]}", "workloads[0].input_tokens.histogram[1]", "does not rise"),
    ("{mean: 500, p95: 1500}", "{mean: 500, p95: 1500, maximum: 400}", "workloads[0].input_tokens.maximum", "below the mean"),
    (
        "    quality:",
        "    shared_prefix: {tokens: 900, hit_rate: 0.5}\n    quality:",
        "workloads[0].shared_prefix.tokens",
        "longer than",
    ),
    # targets
    (
        "[{metric: ttft, percentile: 95, target: 1s}]",
        "[{metric: ttft, percentile: 99, target: 0.5s}, {metric: ttft, percentile: 95, target: 1s}]",
        "workloads[0].objectives[0].target",
        "ttft p99 ≤ 0.5 s contradicts ttft p95 ≤ 1 s",
    ),
    (
        "[{metric: ttft, percentile: 95, target: 1s}]",
        "[{metric: ttft, percentile: 95, target: 2s}, {metric: e2e, percentile: 95, target: 1s}]",
        "workloads[0].objectives[1].target",
        "cannot end before its first token",
    ),
    # quality
    ("benchmark: exam", "benchmark: exma", "workloads[0].quality[0].benchmark", "did you mean 'exam'?"),
    ("at_least: 50", "at_least: 90", "workloads[0].quality[0].at_least", "the best is org/large with 85"),
    (
        "[{benchmark: exam, at_least: 50}]",
        "[{benchmark: exam, at_least: 80}, {benchmark: code, at_least: 70}]",
        "workloads[0].quality",
        "reach all of them",
    ),
    (
        "at_least: 50}]",
        "at_least: 70}]\n    data: {licences: [mit]}",
        "workloads[0].quality[0].at_least",
        "the best is org/little with 60",
    ),
    # names and patterns
    ("workloads:", "choose: {models: {allow: [org/litle]}}\nworkloads:", "choose.models.allow[0]", "did you mean 'org/little'?"),
    (
        "workloads:",
        "choose: {accelerators: {forbid: ['h100-*']}}\nworkloads:",
        "choose.accelerators.forbid[0]",
        "known: big, small",
    ),
    ("workloads:", "choose: {sellers: {allow: [shpo]}}\nworkloads:", "choose.sellers.allow[0]", "did you mean 'shop'?"),
    ("workloads:", "choose: {regions: {allow: [eu-2]}}\nworkloads:", "choose.regions.allow[0]", "matches no region"),
    ("workloads:", "choose: {offers: {allow: [ondemand]}}\nworkloads:", "choose.offers.allow[0]", "did you mean 'on_demand'?"),
    ("workloads:", "choose: {engines: {allow: [vllm]}}\nworkloads:", "choose.engines.allow[0]", "known: engine"),
    ("workloads:", "choose: {precisions: {allow: [fp8]}}\nworkloads:", "choose.precisions.allow[0]", "known: bf16"),
    (
        "    quality:",
        "    choose: {models: {forbid: [x]}}\n    quality:",
        "workloads[0].choose.models.forbid[0]",
        "matches no model",
    ),
    # contradictions
    (
        "workloads:",
        "choose: {accelerators: {allow: [big], forbid: [big]}}\nworkloads:",
        "choose.accelerators.allow[0]",
        "both allowed and forbidden",
    ),
    (
        "workloads:",
        "choose: {accelerators: {allow: [big], forbid: ['b*']}}\nworkloads:",
        "choose.accelerators",
        "everything allowed among the accelerators is also forbidden",
    ),
    ("workloads:", "limits: {budget: $0/h}\nworkloads:", "limits.budget", "buys nothing"),
    (
        "workloads:",
        "limits: {quotas: [{accelerator: bigg, gpus: 8}]}\nworkloads:",
        "limits.quotas[0].accelerator",
        "did you mean 'big'?",
    ),
    (
        "workloads:",
        "limits: {quotas: [{accelerator: big, seller: x, gpus: 8}]}\nworkloads:",
        "limits.quotas[0].seller",
        "known: shop",
    ),
    ("    quality:", "    data: {regions: [eu-9]}\n    quality:", "workloads[0].data.regions[0]", "did you mean 'eu-1'?"),
    ("    quality:", "    data: {licences: [mti]}\n    quality:", "workloads[0].data.licences[0]", "did you mean 'mit'?"),
    ("    quality:", "    data: {regions: [eu-1], region_groups: [us]}\n    quality:", "workloads[0].data", "no machine stands"),
    (
        "    quality:",
        "    data: {region_groups: []}\n    quality:",
        "workloads[0].data.region_groups",
        "an empty list allows nothing",
    ),
    ("workloads:", "choose: {offers: {allow: [spot]}}\nworkloads:", "workloads[0].choose.offers", "interruptible: true"),
    ("workloads:", "choose: {offers: {allow: [reserved_1y]}}\nworkloads:", "workloads[0].choose.offers", "no such price"),
    (
        "workloads:",
        "choose: {accelerators: {allow: [small]}, instances: {allow: [shop/big-8]}}\nworkloads:",
        "workloads[0].choose",
        "no machine is left",
    ),
    ("workloads:", "choose: {engines: {forbid: ['*']}}\nworkloads:", "workloads[0].choose.engines", "leave no engine"),
    ("workloads:", "choose: {models: {forbid: ['org/*']}}\nworkloads:", "workloads[0].quality[0].benchmark", "no model that may"),
    # traces
    ("{rate: 2 req/s}", "{trace: {path: gone.csv}}", "workloads[0].demand.trace.path", "no such trace file"),
    ("{rate: 2 req/s}", "{trace: {path: .}}", "workloads[0].demand.trace.path", "directory"),
    ("{rate: 2 req/s}", "{trace: {path: empty.csv}}", "workloads[0].demand.trace.path", "holds no requests"),
    ("{rate: 2 req/s}", "{trace: {path: header.csv}}", "workloads[0].demand.trace.path", "holds no requests"),
    (
        "{rate: 2 req/s}",
        "{trace: {path: good.csv, time_column: TIME}}",
        "workloads[0].demand.trace.time_column",
        "did you mean 'TIMESTAMP'?",
    ),
    ("{mean: 500, p95: 1500}", "{trace: {path: words.csv}}", "workloads[0].input_tokens.trace.input_column", "no token counts"),
    ("{mean: 500, p95: 1500}", "{trace: {path: binary.csv}}", "workloads[0].input_tokens.trace.path", "does not look like"),
    ("{mean: 500, p95: 1500}", "{trace: {path: broken.jsonl}}", "workloads[0].input_tokens.trace.path", "line 2 is not JSON"),
]
TRACES = {
    "empty.csv": "",
    "header.csv": "TIMESTAMP,ContextTokens,GeneratedTokens\n",
    "good.csv": "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,374,44\n",
    "words.csv": "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,many,44\n",
    "binary.csv": "TIMESTAMP\0\n",
    "broken.jsonl": '{"TIMESTAMP": 0, "ContextTokens": 1}\n{"TIMESTAMP": \n',
}


@pytest.mark.parametrize(("old", "new", "path", "words"), CASES)
def test_one_mistake_one_issue(write: Write, issues_of: IssuesOf, valid: str, old: str, new: str, path: str, words: str) -> None:
    for name, text in TRACES.items():
        write(text, name)
    changed = valid.replace(old, new, 1)
    assert changed != valid
    file = write(changed)
    (issue,) = issues_of(load_problem, file)
    assert issue.path == path
    assert words in f"{issue.message}; {issue.remedy}"
    assert issue.file == str(file)
    assert issue.line == parse(changed, "").line(undotted(path)) > 3


def test_a_rate_for_every_period(write: Write, issues_of: IssuesOf, valid: str) -> None:
    text = valid.replace("workloads:", "periods: [{name: day, hours: 1}, {name: night, hours: 1}]\nworkloads:")
    (issue,) = issues_of(load_problem, write(text.replace("{rate: 2 req/s}", "{rate: {day: 2 req/s}}")))
    assert "no rate is given" in issue.message
    assert "night" in issue.message
    assert load_problem(write(text)).problem.periods[1].name == "night"


def test_mistakes_of_all_sorts_come_together(write: Write, issues_of: IssuesOf, valid: str, workload: str) -> None:
    second = workload.replace("chat", "code").replace("exam", "exma")
    text = valid.replace("2 req/s", "2") + second + "choose: {models: {allow: [org/litle]}}\nlimts: {}\n"
    text = text.replace("files: [tiny.yaml]", "files: [tiny.yaml], overrides: {accelerators: {big: {fabric: nvlink}}}")
    issues = issues_of(load_problem, write(text))
    assert [(issue.line, issue.path) for issue in issues] == [
        (6, "workloads[0].demand.rate"),  # a unit is missing: told, and the workload left out of the cross-checks
        (16, "workloads[1].quality[0].benchmark"),
        (17, "choose.models.allow[0]"),
        (18, "limts"),
    ]


def test_mistakes_in_problem_and_catalog_come_together(write: Write, issues_of: IssuesOf, valid: str) -> None:
    text = valid.replace("files: [tiny.yaml]", "files: [tiny.yaml, gone.yaml]").replace("2 req/s", "2")
    issues = issues_of(load_problem, write(text))
    assert [issue.path for issue in issues] == ["catalogs.files[1]", "workloads[0].demand.rate"]


def test_an_alias_names_a_model(write: Write, valid: str) -> None:
    loaded = load_problem(write(valid + "choose: {models: {allow: [little]}}\n"))
    assert loaded.problem.choose.models.allow == ("org/little",)  # later rooms see catalog names alone


def test_spot_will_do_for_interruptible_work(write: Write, valid: str) -> None:
    text = valid + "    interruptible: true\nchoose: {offers: {allow: [spot]}}\n"
    assert load_problem(write(text)).problem.workloads[0].interruptible


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("    quality: [{benchmark: exam, at_least: 50}]\n", "", "the cheapest model wins, whatever its quality"),
        ("{mean: 500, p95: 1500}", "{mean: 500}", "exactly 500 tokens"),
        ("2 req/s", "0 req/s", "no request ever arrives"),
    ],
)
def test_warnings(write: Write, valid: str, old: str, new: str, words: str) -> None:
    (warning,) = load_problem(write(valid.replace(old, new))).warnings
    assert words in warning.message
    assert warning.line


def test_solver_settings_can_be_replaced(write: Write, valid: str) -> None:
    loaded = load_problem(write(valid + "solver: {gap: 2%, time_limit: 9s, seed: 5}\n"))
    changed = loaded.with_solver(gap="0.5%", time_limit=None)
    assert (changed.problem.solver.gap, changed.problem.solver.time_limit, changed.problem.solver.seed) == (0.005, 9.0, 5)
    with pytest.raises(InvalidInput) as caught:
        loaded.with_solver(time_limit="60")
    assert caught.value.issues[0].path == "--time-limit"


def test_later_rooms_get_lines_for_their_paths(write: Write, valid: str) -> None:
    loaded: LoadedProblem = load_problem(write(valid))
    (issue,) = loaded.located(InvalidInput.at("", "no", path="workloads[0].input_tokens.mean")).issues
    assert (issue.file, issue.line) == (loaded.document.file, 7)
    (other,) = loaded.located(InvalidInput.at("trace.csv", "no", line=3)).issues
    assert (other.file, other.line) == ("trace.csv", 3)


def test_choices_that_leave_no_model(write: Write, issues_of: IssuesOf, valid: str) -> None:
    text = valid.replace("    quality: [{benchmark: exam, at_least: 50}]\n", "    choose: {models: {forbid: ['org/*']}}\n")
    (issue,) = issues_of(load_problem, write(text))
    assert "leave no model" in issue.message


NASTY = [
    None,
    "",
    "x",
    "no",
    -1,
    0,
    1,
    1.5,
    1e300,
    float("inf"),
    float("nan"),
    True,
    [],
    {},
    [1],
    {"a": 1},
    [[]],
    [{}],
    "9" * 99,
    "é\t",
]


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every path in a nested value."""
    children: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    return [path, *(found for key, child in children for found in places(child, (*path, key)))]


def replaced(value: Any, path: tuple[str | int, ...], new: object) -> Any:
    """The nested value with another at a path."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_change_is_read_or_told_with_place_and_remedy(write: Write, data: st.DataObject) -> None:
    starter = yaml.safe_load(VALID_RICH)
    for _ in range(data.draw(st.integers(1, 3))):
        starter = replaced(starter, data.draw(st.sampled_from(places(starter))), data.draw(st.sampled_from(NASTY)))
    try:
        load_problem(write(yaml.safe_dump(starter, allow_unicode=True)))
    except InvalidInput as error:
        told = error.issues
    else:
        told = ()
    assert all(issue.line and issue.remedy and issue.message and issue.file for issue in told), told


VALID_RICH = """\
apiVersion: planner/v1
metadata: {name: test}
catalogs: {builtin: false, files: [tiny.yaml], overrides: {models: {org/little: {layers: 3}}}}
periods: [{name: day, hours: 12}, {name: night, hours: 12}]
workloads:
  - name: chat
    demand: {rate: {day: 2 req/s, night: 1 req/s}}
    input_tokens: {mean: 500, p95: 1500}
    output_tokens: {percentiles: {p50: 100, p95: 300}}
    shared_prefix: {tokens: 100, hit_rate: 50%}
    objectives: [{metric: ttft, percentile: 95, target: 1s}]
    quality: [{benchmark: exam, at_least: 50}]
    data: {regions: [us-1], licences: [mit]}
    choose: {models: {allow: [little]}}
  - name: batch
    demand: {users: {active: 10, requests_per_user: 9/day}, profile: {day: 2}}
    input_tokens: {histogram: [[10, 1], [20, 2]]}
    output_tokens: {mean: 100, scv: 1}
    deadline: 6h
choose: {offers: {allow: [on_demand]}}
limits: {budget: $40k/month, quotas: [{accelerator: big, gpus: 8}]}
solver: {gap: 1%}
"""
