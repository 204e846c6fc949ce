"""LiteLLM and the Gateway API: who answers what, by the plan's weights."""

from __future__ import annotations

import exported as made
from manifests import exported

from planner.domain.plan import Plan
from planner.export.files import Document


def models(plan: Plan, period: str | None = None) -> dict[str, tuple[str, int]]:
    """Return name of an entry → model, weight."""
    (file,) = exported(plan, "litellm", period=period).files
    return {
        one["model_info"]["id"]: (one["litellm_params"]["model"], one["litellm_params"]["weight"])
        for one in file.documents[0]["model_list"]
    }


def test_weights_are_the_plans() -> None:
    """30 of 40 calls go to P1 by day, all by night."""
    assert models(made.plan()) == {
        "chat on P1": ("hosted_vllm/org/small", 750),
        "chat on openai/gpt-4.1": ("openai/gpt-4.1", 250),
        "tags on P2": ("hosted_vllm/org/large", 1000),
    }
    assert models(made.plan(), "night")["chat on P1"] == ("hosted_vllm/org/small", 1000)
    assert "chat is routed as in 'day', which is not so in 'night': see --period" in exported(made.plan(), "litellm").warnings


def test_other_engines_are_called_as_openai_is() -> None:
    assert models(made.plan(engine="sglang", engine_version="0.5"))["chat on P1"] == ("openai/org/small", 750)


def test_a_provider_that_is_not_known_is_marked() -> None:
    body = made.body()
    body["serving"]["apis"][0]["provider"] = "nobody"
    seen = exported(Plan.model_validate(body), "litellm")
    assert "REPLACE-ME-provider-nobody/gpt-4.1" in str(seen.files[0].documents)
    assert any("provider nobody is not known" in line for line in seen.warnings)


def test_the_small_model_of_a_cascade_falls_back_on_the_large() -> None:
    body = made.body()
    for part, row, pool in zip(("small", "large"), body["serving"]["calls"], body["pools"], strict=True):
        row |= {"stream": f"s {part}", "name": f"ask/answer {part}", "workload": "ask", "stage": "answer", "part": part}
        pool["shares"] = [made.share(f"s {part}", "day", 3.0)]
    body["apis"] = []
    (file,) = exported(Plan.model_validate(body), "litellm").files
    assert file.documents[0]["router_settings"]["fallbacks"] == [{"ask/answer-small": ["ask/answer-large"]}]


def routes(plan: Plan) -> dict[str, Document]:
    """Return the routes by name."""
    documents = [document for file in exported(plan, "gateway").files for document in file.documents]
    return {one["metadata"]["name"]: one["spec"] for one in documents if one["kind"] == "HTTPRoute"}


def test_routes_lead_to_pools_and_to_the_proxy() -> None:
    made_routes = routes(made.plan())
    (rule,) = made_routes["mix-chat"]["rules"]
    assert rule["backendRefs"] == [
        {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "mix-p1", "weight": 750},
        {"name": "litellm", "port": 4000, "weight": 250},
    ]
    assert rule["matches"] == [{"headers": [{"name": "x-inference-stream", "value": "chat"}]}]
    assert list(made_routes) == ["mix-chat", "mix-tags"]


def test_a_stream_in_two_clusters_is_told() -> None:
    body = made.body()
    body["pools"][1]["shares"].append(made.share("chat", "day", 10.0))
    told = exported(Plan.model_validate(body), "gateway").warnings
    assert "chat is also served by P2 elsewhere: part it before the gateways" in told


def test_a_pool_that_no_export_starts_has_no_entry() -> None:
    assert list(models(made.plan(engine="static-baseline", engine_version="x"))) == ["chat on openai/gpt-4.1", "tags on P2"]
