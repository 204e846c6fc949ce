"""Published claims about levers, beside what the planner makes of them: recorded in docs/claims.md, never tuned to agree.

Inputs were fixed before anything was computed, each with its source. Where a claim gives none, those of `problems/assistant.yaml`
or of the tiny catalog are taken, whose API asks four times as much for output as for input, as GPT-4o and GPT-4.1 do.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny
import yaml

from planner.catalog.load import check_files
from planner.catalog.problem import load_problem
from planner.domain.plan import Plan
from planner.pipeline import plan_as_stated
from planner.points.names import resolve
from planner.points.predict import predict_table
from planner.points.table import normalize

ROOT = Path(__file__).parents[1]
CATALOGS = ROOT / "catalogs" / "levers"


@cache
def page() -> dict[str, str]:
    """Return what docs/claims.md says: case → our figure."""
    rows = [line.strip("|").split("|") for line in (ROOT / "docs" / "claims.md").read_text(encoding="utf-8").splitlines()]
    return {row[0].strip(): row[1].strip() for row in rows if len(row) == 3}


def recorded(case: str, ours: str) -> None:
    """Hold a figure against the page."""
    assert page().get(case) == ours, f"the page says {page().get(case)} of {case}; we find {ours}"


def change(new: float, old: float) -> str:
    return f"{new / old - 1:+.1%}".replace("-", "−").replace("%", " %")


@cache
def rows(file: str, section: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load((CATALOGS / file).read_text(encoding="utf-8"), yaml.CSafeLoader)[section]
    return {name: {**row, "as_of": str(row["as_of"])} for name, row in found.items()}


def lever(kind: str, *options: dict[str, Any]) -> dict[str, Any]:
    return {"name": "lever", "kind": kind, "options": list(options), **tiny.READ}


def at_apis(folder: Path, facts: dict[str, Any] | None = None, **fields: Any) -> Plan:
    """Plan for two requests a second, 800 tokens to 200 (the tiny catalog's chat), that only APIs may answer."""
    data, machines = {"external_api": True}, {"forbid": ["*"]}
    calls = tiny.workload(rate="2 req/s", objectives=[], data=data, choose={"instances": machines}, **fields)
    return plan_as_stated(tiny.load(folder, tiny.problem(calls), facts), lambda _: None)


def two_apis(small: tuple[float, float], large: tuple[float, float]) -> dict[str, Any]:
    """The catalog with offers of both models at these prices of input and output [$/Mtok]."""
    facts = tiny.catalog()
    base = facts["apis"].pop("cloud/small")
    for name, (paid, asked) in {"small": small, "large": large}.items():
        own = {"model": name, "open_model": f"org/{name}", "input_price": f"${paid}/Mtok", "output_price": f"${asked}/Mtok"}
        facts["apis"][f"cloud/{name}"] = {**base, **own}
    return facts


# Essay "The uncomfortable truth about scaling AI": 1.3 to 1.6 model calls a request, 30 to 60 % more than one call; from 2.1 to
# 1.3 calls, 28 % less. It gives no tokens. `alike`: further calls are like the answer. `large`, `small`: a planner as in
# problems/assistant.yaml, with 600 tokens of its own and the request, 60 out, which the answer takes up, at the price of the
# answering model or at a tenth of it (an assumption).
LARGE, SMALL = (3.0, 12.0), (0.3, 1.2)


def planned(folder: Path, extra: float, planner: str, *levers: dict[str, Any]) -> float:
    """Cost of an answer by the large model after `extra` calls of a planner."""
    own = {"input_tokens": {"mean": 600, "p95": 700}, "output_tokens": {"mean": 60, "p95": 120}}
    alike = {"output_tokens": {"mean": 200, "p95": 500, "maximum": 2000}}
    often = {"probability": extra} if extra <= 1 else {"probability": extra / 2, "loop": {"mean": 2.0, "at_most": 30}}
    model = {
        "choose": {"apis": {"allow": ["cloud/small" if planner == "small" else "cloud/large"]}, "instances": {"forbid": ["*"]}}
    }
    first = {"name": "plan", **often, **(alike if planner == "alike" else own), **model}
    then = {"name": "answer", **({} if planner == "alike" else {"takes": {"plan": 1.0}})}
    stages = [first, then] if extra else [{"name": "answer"}]
    floor = [{"benchmark": "exam", "at_least": 75}]
    return at_apis(folder, two_apis(SMALL, LARGE), stages=stages, quality=floor, levers=list(levers)).cost.total


@pytest.mark.parametrize("planner", ["alike", "large", "small"])
@pytest.mark.parametrize("extra", [0.3, 0.6])
def test_fan_out(tmp_path: Path, planner: str, extra: float) -> None:
    more = change(planned(tmp_path / "more", extra, planner), planned(tmp_path / "one", 0.0, planner))
    recorded(f"fan-out {1 + extra}, planner {planner}", more)


@pytest.mark.parametrize("planner", ["alike", "large", "small"])
def test_a_budget_and_a_gate(tmp_path: Path, planner: str) -> None:
    """1.1 calls of the planner become 0.3; nothing is lost and the gate costs nothing, as claimed."""
    kept = {"low": 0.3 / 1.1, "high": 0.3 / 1.1}
    gate = lever("call_budget", {"name": "gate", "effects": [{"stage": "plan", "calls": kept}]})
    less = planned(tmp_path / "less", 1.1, planner, gate)
    recorded(f"2.1 to 1.3 calls, planner {planner}", change(less, planned(tmp_path / "all", 1.1, planner)))


# The same essay: route 60 to 80 % of traffic to a smaller model. Curves: RouteLLM, matrix factorisation, trained with judged or
# gold data. Prices: its two models at $24.7 and $0.24 a million tokens (RouteLLM, arXiv:2406.18665; read second-hand). Asked:
# four fifths of the gap of quality, its CPT(80 %), less what its tables are uncertain by, 2 %. The tiny catalog scores 50 and 80.
@pytest.mark.parametrize("name", ["arena+judge/MT-Bench", "arena+gold/MMLU", "arena+judge/GSM8K"])
def test_routing(tmp_path: Path, name: str) -> None:
    facts = two_apis((0.24, 0.24), (24.7, 24.7))
    router = f"routellm/matrix-factorisation/{name}"
    facts["routers"] = {router: rows("routers.yaml", "routers")[router]}
    facts["benchmarks"][name.split("/")[1]] = {"task": "knowledge", **tiny.READ}
    cascade = {"small": ["org/small"], "router": router, "weak_score": 50, "strong_score": 80, "ask_first": False}
    floor = [{"benchmark": "exam", "at_least": 50 + 0.78 * 30}]
    routed = at_apis(tmp_path / "r", facts, quality=floor, levers=[lever("cascade", {"name": "router", "cascade": cascade})])
    alone = at_apis(tmp_path / "a", facts, quality=floor)
    large = sum(share.rate for route in routed.apis if route.api == "cloud/large" for share in route.shares) / 2.0
    recorded(f"routing, {name}, sent to the small model", f"{1 - large:.1%}".replace("%", " %"))
    recorded(f"routing, {name}, cost", change(routed.cost.total, alone.cost.total))


# The same essay: 22 % fewer tokens and 35 % better packing, 38 % less cost. Better packing is taken as a machine that does 1.35
# times as much, so as a rate 1/1.35 as high: there is no way to say it to a planner that packs as well as it can from the start.
def test_tokens_and_packing(tmp_path: Path) -> None:
    def cost(name: str, tokens: float, packing: float) -> float:
        effects = [{"input_tokens": {"low": tokens, "high": tokens}, "output_tokens": {"low": tokens, "high": tokens}}]
        levers = [lever("token_budget", {"name": "short", "effects": effects})]
        choose = {"instances": {"allow": ["shop/mini-1"]}, "offers": {"allow": ["on_demand"]}, "precisions": {"allow": ["bf16"]}}
        calls = tiny.workload(rate=f"{900 / packing} req/s", levers=levers)
        return plan_as_stated(tiny.load(tmp_path / name, tiny.problem(calls, choose=choose)), lambda _: None).cost.total

    plain = cost("plain", 1.0, 1.0)
    recorded("22 % fewer tokens", change(cost("tokens", 0.78, 1.0), plain))
    recorded("35 % better packing", change(cost("packing", 1.0, 1.35), plain))
    recorded("both", change(cost("both", 0.78, 1.35), plain))


# Essay "Squeezing the Inference Lever": a semantic cache spares up to 90 % of repeat traffic. Curves: `catalogs/levers`,
# the low end of hits and the high end of false hits. Asked: 95 % of the model's score; false hits are answers worth nothing.
@pytest.mark.parametrize("traffic", ["lmarena", "quora", "search-queries", "twitter-support"])
def test_semantic_caches_net_of_false_hits(tmp_path: Path, traffic: str) -> None:
    facts, name = tiny.catalog(), f"static-threshold/{traffic}"
    facts["semantic_caches"] = {name: rows("caches.yaml", "semantic_caches")[name]}
    points = facts["semantic_caches"][name]["points"]
    options = [{"name": str(p["threshold"]), "curve": {"name": name, "threshold": p["threshold"]}} for p in points]
    floor = [{"benchmark": "exam", "at_least": 0.95 * 50}]
    cached = at_apis(tmp_path / "cached", facts, quality=floor, levers=[lever("semantic_cache", *options)])
    plain = at_apis(tmp_path / "plain", facts, quality=floor)
    recorded(f"cache, {traffic}, threshold", cached.ways[0].settings.get("lever", "none"))
    recorded(f"cache, {traffic}, cost", change(cached.cost.total, plain.cost.total))


# Essay "The Microeconomic Bottlenecks of Generative AI Deployment": volume decides between retrieval with a large API and a tuned
# 8B model; break-evens on the web range from 3,300 to 100,000 queries a day (100,000 a month to 100,000 a day). Retrieval: 8
# passages of 250 tokens (the essay on scaling: top-k 8) at GPT-4o's list price, $2.50 and $10. Tuned: Llama-3.1-8B on one L40S on
# demand at AWS. Training $8 (LoRA Land, arXiv:2405.00732). Of data and evaluation no figure is published: $10,000 over a year is
# assumed, and that the tuned model scores as asked on the workload's own task.
def test_retrieval_or_a_tuned_model(tmp_path: Path) -> None:
    def cost(daily: float, *levers: dict[str, Any]) -> Plan:
        calls = tiny.workload(
            rate=f"{daily!r}/day",
            objectives=[],
            data={"external_api": True},
            quality=[{"benchmark": "MMLU-Pro", "at_least": 70}],
            stages=[{"name": "answer", "chunks": {"count": 8, "tokens": {"mean": 250}}}],
            levers=list(levers),
        )
        choose = {
            "models": {"allow": ["meta-llama/Llama-3.1-8B-Instruct", "openai/gpt-4o"]},
            "instances": {"allow": ["aws/g6e.xlarge"]},
            "engines": {"allow": ["vllm"]},
            "offers": {"allow": ["on_demand"]},
            "precisions": {"allow": ["bf16"]},
            "apis": {"allow": ["openai/gpt-4o"]},
        }
        path = tmp_path / f"{daily}-{len(levers)}.yaml"
        prices = {"input_price": "$2.50/Mtok", "output_price": "$10/Mtok"}
        catalogs = {"overrides": {"apis": {"openai/gpt-4o": prices}}}
        path.write_text(yaml.safe_dump(tiny.problem(calls, choose=choose, catalogs=catalogs)), encoding="utf-8")
        return plan_as_stated(load_problem(path), lambda _: None)

    scores = {"MMLU-Pro": {"low": 70, "high": 75}}
    tuned = {"stage": "answer", "chunks": 0, "models": ["meta-llama/Llama-3.1-8B-Instruct"], "scores": scores}
    tuning = lever("fine_tune", {"name": "tuned", "effects": [tuned], "once": "$10008", "months": 12})
    with_retrieval = (2800 * 2.5e-6 + 200 * 10e-6) / 24  # $/h per request/day, so that the quotient below is a volume
    own = cost(100000.0, tuning)
    assert own.ways[0].settings
    break_even = own.cost.total / with_retrieval
    recorded("break-even of a tuned 8B model", f"{break_even:,.0f} a day")
    below = cost(0.99 * break_even, tuning)
    assert not below.ways[0].settings
    assert below.cost.total == pytest.approx(0.99 * break_even * with_retrieval)
    assert cost(1.01 * break_even, tuning).ways[0].settings


# The essay on scaling: INT4 or FP8 can double throughput. Llama-3.1-8B on one H100 under vLLM, bf16 against 4-bit weights: one
# stream of 512 tokens to 256, where reading weights takes the time, and 256 streams of 2048 to 128, where products do.
def test_four_bits() -> None:
    catalog = check_files([])
    loads = {"one stream": (512, 256, 1), "256 streams": (2048, 128, 256)}
    base = {"model": "llama-3.1-8b", "accelerator": "h100-sxm", "engine": "vllm"}
    points = [
        {**base, "precision": precision, "input_tokens": prompt, "output_tokens": output, "concurrency": streams}
        for prompt, output, streams in loads.values()
        for precision in ("bf16", "w4a16-gptq", "fp8")
    ]
    found = predict_table(resolve(normalize(pd.DataFrame(points)), catalog), catalog)
    rates = found["output_tok_s_per_gpu"].to_numpy(dtype=float).reshape(2, 3)
    for place, load in enumerate(loads):
        recorded(f"4-bit weights, {load}", change(rates[place, 1], rates[place, 0]))
        recorded(f"fp8, {load}", change(rates[place, 2], rates[place, 0]))
