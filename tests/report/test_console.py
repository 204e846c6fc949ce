"""The console report: complete, within its width, calm where colour is not wanted, safe against odd names."""

from __future__ import annotations

import io
import re
from itertools import pairwise

import pytest
from rich.console import Console

from planner.domain.plan import Plan
from planner.report.console import render
from planner.report.format import hourly, money, monthly, percent

SECTIONS = (
    "Pools",
    "Memory of one GPU",
    "Who is served where",
    "Promises",
    "Purchases",
    "APIs",
    "Cost by workload",
    "Why this plan",
)


def show(plan: Plan, width: int = 100, encoding: str = "utf-8", **options: object) -> str:
    """Render as if into a file of this encoding."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    render(plan, Console(file=file, width=width, **options))  # type: ignore[arg-type]
    file.flush()
    return raw.getvalue().decode(encoding)


def squeezed(text: str) -> str:
    """Drop white space, so that a name broken over two lines of one column can be looked for line by line."""
    return re.sub(r"\s+", "", text)


def test_sections_follow_in_order(plan: Plan) -> None:
    lines = show(plan).splitlines()
    places = [lines.index(title) for title in SECTIONS]
    assert places == sorted(places)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_everything_of_the_plan_is_there(plan: Plan, width: int) -> None:
    text = show(plan, width)
    flat = squeezed(text)
    for pool in plan.pools:
        assert re.search(rf"^{pool.name} ", text, re.MULTILINE)
        assert pool.region in text
        assert f"{pool.deployment.engine} {pool.deployment.engine_version}" in text
    for row in plan.cost.by_workload:
        assert re.search(rf"^{row.workload}\s+{re.escape(hourly(row.hourly))}", text, re.MULTILINE)
    for promise in plan.promises:
        assert f"{promise.metric.upper()} p{promise.percentile:g}" in text
    for sentence in (*plan.reasons, *plan.warnings):
        assert squeezed(sentence) in flat


@pytest.mark.parametrize("width", [80, 100, 160])
def test_totals_are_the_stored_ones(plan: Plan, width: int) -> None:
    text = show(plan, width)
    assert f"{hourly(plan.cost.total)}   {monthly(plan.cost.per_month)}" in text
    assert percent(plan.proof.gap) in text
    assert hourly(plan.proof.bound) in text
    for pool in plan.cost.by_pool:
        assert hourly(pool.hourly) in text
    for buy in plan.purchases:
        assert hourly(buy.cost) in text
    for row in plan.cost.by_workload:
        assert money(row.per_thousand_calls) in text


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_nothing_is_wider_than_the_console_or_cut(plan: Plan, width: int) -> None:
    text = show(plan, width)
    assert max(map(len, text.splitlines())) <= width
    if width >= 80:
        assert "…" not in text


@pytest.mark.parametrize("width", [80, 100, 160])
def test_names_are_whole_in_their_column(plan: Plan, width: int) -> None:
    """A name too long for its column goes on in the line below, at the same place."""
    lines = show(plan, width).splitlines()
    if width >= 100:
        assert any("meta-llama/Llama-3.3-70B-Instruct" in line for line in lines)
    for name in (
        "aws/p5.48xlarge",
        "lambda/gpu_2x_l40s",
        "meta-llama/Llama-3.3-70B-Instruct",
        "Qwen/Qwen3-30B-A3B-Instruct-2507",
    ):
        assert name in _columns(lines), name


def _columns(lines: list[str]) -> str:
    """Read the cells of the Pools table down their columns."""
    top = lines.index("Pools")
    head = lines[top + 1]
    starts = [head.index("Runs"), head.index("On"), head.index("Replicas")]
    body = lines[top + 3 : lines.index("Memory of one GPU")]
    return "".join(squeezed(line[left:right]) for left, right in pairwise(starts) for line in body)


def test_the_weakest_facts_are_shown_and_the_rest_counted(plan: Plan) -> None:
    text = show(plan)
    assert text.count("statement ") == 6
    assert "and 1 measured, 1 stated in plan.json" in text


def test_a_missed_promise_is_marked_and_counted(plan: Plan) -> None:
    text = show(plan)
    assert text.count("✗") == 1
    assert "1 of 4 promises missed (soft)" in text
    hard = plan.promises[5].model_copy(update={"soft": False})
    assert "1 of 1 promise missed (1 hard)" in show(plan.model_copy(update={"promises": (hard,)}))


def test_all_kept(plan: Plan) -> None:
    assert "All 3 promises kept" in show(plan.model_copy(update={"promises": plan.promises[:5]}))


def test_no_codes_where_output_is_piped(plan: Plan) -> None:
    assert "\x1b" not in show(plan)


def test_no_colour_is_honoured_on_a_terminal(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    colour = re.compile(r"\x1b\[(?:\d+;)*3[0-7]")
    assert colour.search(show(plan, force_terminal=True, color_system="standard", _environ={}))
    assert not colour.search(show(plan, force_terminal=True, color_system="standard", _environ={"NO_COLOR": "1"}))


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_poorer_encodings_get_plain_signs(plan: Plan, encoding: str) -> None:
    text = show(plan, encoding=encoding)
    assert text.isascii()
    assert "16 x h100-sxm-80gb" in text
    assert "-> $130.56/h" in text
    assert re.search(r"^NO +assistant", text, re.MULTILINE)


def test_names_cannot_steer_the_terminal_or_the_markup(plan: Plan) -> None:
    odd = "[bold red]x[/]\x1b[2J\x07\u202e\nend"
    named = plan.model_copy(update={"problem": odd, "reasons": (odd,), "warnings": ("[/nonsense] 東京 🚀",)})
    text = show(named, force_terminal=True, color_system=None)
    assert "[bold red]x[/]" in text
    assert "[/nonsense] 東京 🚀" in text
    assert not {"\x1b[2J", "\x07", "\u202e"} & set(re.findall(r"\x1b\[2J|\x07|\u202e", text))


def test_a_plan_of_apis_alone(plan: Plan) -> None:
    alone = plan.model_copy(update={"pools": (), "purchases": (), "promises": (), "facts": (), "warnings": (), "reasons": ()})
    text = show(alone)
    assert "no GPUs · 0 pools · 1 API" in text
    assert "No latency promises" in text
    assert "\nPools\n" not in text


def test_many_periods_stay_short(plan: Plan) -> None:
    """Twenty-four periods must not make the report twelve times as long."""
    hours = [f"h{hour:02d}" for hour in range(24)]
    load, share, promise = plan.pools[0].loads[0], plan.pools[0].shares[0], plan.promises[0]
    loads = tuple(load.model_copy(update={"period": hour, "replicas": 2 + place % 5}) for place, hour in enumerate(hours))
    shares = tuple(share.model_copy(update={"period": hour}) for hour in hours)
    pool = plan.pools[0].model_copy(update={"loads": loads, "shares": shares})
    promises = tuple(
        promise.model_copy(update={"period": hour, "predicted": 0.2 + place / 100}) for place, hour in enumerate(hours)
    )
    update = {"periods": dict.fromkeys(hours, 30.0), "pools": (pool,), "apis": (), "promises": promises}
    text = show(plan.model_copy(update=update))
    assert "2–6" in text
    assert "430 ms" in text
    assert "h23" in text
    assert len(text.splitlines()) <= len(show(plan).splitlines())


@pytest.mark.parametrize("width", [80, 100])
def test_long_names_go_on_below_and_leave_the_figures_whole(plan: Plan, width: int) -> None:
    """Names of 120 characters, the longest a file may hold, in every place that takes one."""
    name, period = "n" * 118, "p" * 120
    deployment = plan.pools[0].deployment.model_copy(update={"model": f"o/{name}", "accelerator": name, "engine": name})
    loads = tuple(load.model_copy(update={"period": f"{period}{place}"}) for place, load in enumerate(plan.pools[0].loads))
    shares = (plan.pools[0].shares[0].model_copy(update={"stream": name, "period": f"{period}0"}),)
    where = {"instance": name, "region": name, "loads": loads, "shares": shares, "deployment": deployment}
    promise = plan.promises[0].model_copy(update={"stream": name, "period": f"{period}0"})
    cost = plan.cost.model_copy(update={"by_workload": (plan.cost.by_workload[0].model_copy(update={"workload": name}),)})
    update = {
        "periods": {f"{period}0": 365.0, f"{period}1": 365.0},
        "pools": (plan.pools[0].model_copy(update=where),),
        "promises": (promise,),
        "cost": cost,
    }
    text = show(plan.model_copy(update=update), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for figure in ("2–4", "74%", "$65.28/h", "500 ms", "410 ms", "+18%", "$58.20/h", "$1.31"):
        assert figure in text, figure


def test_standard_output_is_used_where_no_console_is_given(plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    render(plan)
    text = capsys.readouterr().out
    assert plan.problem in text
    assert "\x1b" not in text


def test_without_a_simulation_there_is_no_word_of_one(plan: Plan) -> None:
    text = show(plan)
    assert "Simulated" not in text
    assert "Attained" not in text


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_simulation_is_told_beside_the_proof_and_the_promises(simulated: Plan, width: int) -> None:
    """Chat's two promises and the assistant's soft one are the pools'; the API's nobody simulated."""
    text = show(simulated, width)
    flat = " ".join(text.split())
    assert "Simulated call by call: 1 of 3 promises missed after 2 rounds; tightened: P1: TTFT p95 of chat came out" in flat
    assert flat.index("Proven within") < flat.index("Simulated call by call") < flat.index("Pools")
    assert max(map(len, text.splitlines())) <= width
    promises = text[text.index("\nPromises") : text.index("\nPurchases")]
    assert "Attained" in promises
    assert "406 ms" in promises
    assert "never" in promises
    assert "–" in promises
