"""KServe, llm-d, Dynamo, Terraform: valid, and with what the plan says."""

from __future__ import annotations

import json
from typing import Any

import exported as made
import pytest
from manifests import exported

from planner.domain.plan import Plan
from planner.export.files import Document
from planner.export.terraform import DECLARATION

WIDE = made.changed(deployment={"layout": {"tp": 1, "pp": 1, "dp": 16, "ep": 16}}, of={"gpus_per_machine": 8})


def first(plan: Plan, kind: str, **wishes: Any) -> Document:
    """Return the first pool's document."""
    return exported(plan, kind, **wishes).files[0].documents[-1]


def test_kserve_runs_vllm_with_the_flags_it_does_not_set() -> None:
    spec = first(WIDE, "kserve")["spec"]
    assert spec["model"] == {"uri": "hf://org/small", "name": "org/small"}
    assert spec["parallelism"] == {"tensor": 1, "data": 16, "dataLocal": 8, "expert": True}
    assert "worker" in spec
    env = {one["name"]: one.get("value") for one in spec["template"]["containers"][0]["env"]}
    assert (env["VLLM_ADDITIONAL_ARGS"] or "").startswith("--dtype auto --quantization fp8 --kv-cache-dtype fp8 --max-model-len")


def test_kserve_runs_others_in_a_container_of_their_own() -> None:
    seen = exported(made.plan(engine="trtllm", engine_version="1.2"), "kserve").files[0]
    assert [document["kind"] for document in seen.documents] == ["ConfigMap", "InferenceService"]
    predictor = seen.documents[1]["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (2, 4)
    plan = made.changed(
        deployment={"engine": "sglang", "engine_version": "0.5", "layout": {"tp": 16, "pp": 1}}, of={"gpus_per_machine": 8}
    )
    told = exported(plan, "kserve")
    assert any("an InferenceService runs on one machine" in line for line in told.warnings)


def test_llm_d_starts_the_whole_command() -> None:
    values = first(made.plan(), "llm-d")
    (container,) = values["decode"]["containers"]
    assert (container["modelCommand"], container["command"], container["args"][0]) == ("custom", ["vllm", "serve"], "org/small")
    assert (values["decode"]["replicas"], values["prefill"]) == (4, {"create": False})
    wide = first(WIDE, "llm-d")
    assert (wide["multinode"], wide["decode"]["parallelism"]) == (True, {"tensor": 1, "data": 16, "dataLocal": 8, "workers": 2})
    assert "--data-parallel-start-rank" in wide["decode"]["containers"][0]["args"][0]


@pytest.mark.parametrize(
    ("engine", "version", "words"),
    [
        ("vllm", "0.24", ["--model", "org/small"]),
        ("sglang", "0.5", ["--model-path", "org/small"]),
        ("trtllm", "1.2", ["--model-path", "REPLACE-ME-checkpoint-of-org/small-in-fp8"]),
    ],
)
def test_dynamo_takes_the_engines_flags_but_those_of_its_server(engine: str, version: str, words: list[str]) -> None:
    worker = first(made.plan(engine=engine, engine_version=version), "dynamo")["spec"]["services"]["Worker"]
    args = worker["extraPodSpec"]["mainContainer"]["args"]
    assert args[:2] == words
    assert "--port" not in args
    if engine == "trtllm":
        assert json.loads(args[-1])["enable_chunked_prefill"] is True
        assert not any("_" in word for word in args if word.startswith("--"))


def test_dynamo_spans_machines() -> None:
    worker = first(WIDE, "dynamo", images={"vllm": "registry/dynamo:1"})["spec"]["services"]["Worker"]
    assert (worker["multinode"], worker["resources"]) == ({"nodeCount": 2}, {"limits": {"gpu": "8"}})
    assert worker["extraPodSpec"]["mainContainer"]["image"] == "registry/dynamo:1"


def test_terraform_gets_every_machine() -> None:
    body = first(made.plan(), "terraform-vars")
    assert [(one["key"], one["count"], one["count_max"], one["pools"]) for one in body["machines"]] == [
        ("aws/one/eu-west-1/reserved_1y", 2, 2, ["P1"]),
        ("aws/one/eu-west-1/on_demand", 2, 2, ["P1"]),
        ("lambda/one/us/on_demand", 1, 1, ["P2"]),
    ]
    assert body["machines"][1]["count_by_period"] == {"day": 2, "night": 0}
    night = first(made.plan(), "terraform-vars", period="night")
    assert [one["count"] for one in night["machines"]] == [2, 0, 0]


def test_terraform_declares_what_it_writes() -> None:
    body = made.body()
    body["purchases"][0] |= {"ordered": 3, "live": (3, 15), "scenario": "takes off"}
    machine = first(Plan.model_validate(body), "terraform-vars")["machines"][0]
    assert machine["key"] == "aws/one/eu-west-1/reserved_1y/month 3/takes off"
    assert all(f"    {name} " in DECLARATION for name in machine)
