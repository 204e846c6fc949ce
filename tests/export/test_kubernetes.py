"""Manifests: valid by the published schemas, and with the figures of the plan."""

from __future__ import annotations

import json
from typing import Any

import exported as made
import pytest
import yaml
from kubernetes_validate import ValidationError
from manifests import exported, manifest

from planner.domain.plan import Plan
from planner.export.files import Document, Origin, as_text
from planner.export.kubernetes import manifests
from planner.export.scaling import quantity
from planner.export.view import Wishes, view

WIDE = made.changed(deployment={"layout": {"tp": 16, "pp": 1}}, of={"gpus_per_machine": 8})
"""P1 spans two machines."""


def found(plan: Plan, kind: str, name: str, **wishes: Any) -> Document:
    """Return the manifest of a kind and name."""
    (one,) = (
        document
        for file in exported(plan, "kubernetes", **wishes).files
        for document in file.documents
        if document.get("kind") == kind and document["metadata"]["name"] == name
    )
    return one


def test_a_file_a_pool_and_cluster() -> None:
    assert [file.name for file in exported(made.plan(), "kubernetes").files] == [
        "aws-eu-west-1.mix-p1.yaml",
        "aws-eu-west-1.mix-p1.bench.yaml",
        "lambda-us.mix-p2.yaml",
        "lambda-us.mix-p2.bench.yaml",
        "prometheus-adapter.values.yaml",
    ]


def test_a_deployment_runs_the_replicas_of_the_period() -> None:
    assert found(made.plan(), "Deployment", "mix-p1")["spec"]["replicas"] == 4
    assert found(made.plan(), "Deployment", "mix-p1", period="night")["spec"]["replicas"] == 2
    assert found(made.plan(), "Deployment", "mix-p2", period="night")["spec"]["replicas"] == 0


def test_pods_go_to_the_machines_of_the_plan() -> None:
    """aws labels its nodes; those of lambda are to be labelled, which is told."""
    own = found(made.plan(), "Deployment", "mix-p1")["spec"]["template"]["spec"]
    assert own["nodeSelector"] == {"node.kubernetes.io/instance-type": "one", "topology.kubernetes.io/region": "eu-west-1"}
    other = found(made.plan(), "Deployment", "mix-p2")["spec"]["template"]["spec"]
    assert other["nodeSelector"] == {"inference-planner/machine": "lambda-one-us"}
    told = exported(made.plan(), "kubernetes").warnings
    assert "label the nodes of lambda/one in us: kubectl label node NODE inference-planner/machine=lambda-one-us" in told
    assert any("pools stand in several clusters" in line for line in told)


@pytest.mark.parametrize(
    ("vendor", "resource"), [("nvidia", "nvidia.com/gpu"), ("amd", "amd.com/gpu"), ("intel", "gpu.intel.com/xe")]
)
def test_accelerators_are_counted_by_their_makers_plugin(vendor: str, resource: str) -> None:
    plan = made.changed(deployment={"layout": {"tp": 4, "pp": 1}}, of={"vendor": vendor, "gpus_per_machine": 8})
    pod = found(plan, "Deployment", "mix-p1")["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"] == {resource: "4"}
    assert pod["tolerations"][0]["key"] == resource


def test_an_image_that_is_not_known_is_marked_or_given() -> None:
    plan = made.changed(of={"vendor": "amd"})
    seen = exported(plan, "kubernetes")
    assert "replace-me/vllm:amd" in as_text(seen, Origin("x", ""))
    assert any("--image vllm=" in line for line in seen.warnings)
    given = found(plan, "Deployment", "mix-p1", images={"vllm": "registry/vllm:rocm"})
    assert given["spec"]["template"]["spec"]["containers"][0]["image"] == "registry/vllm:rocm"


def test_a_replica_over_machines_is_a_leaderworkerset() -> None:
    made_set = found(WIDE, "LeaderWorkerSet", "mix-p1")["spec"]
    template = made_set["leaderWorkerTemplate"]
    assert (made_set["replicas"], template["size"]) == (4, 2)
    leader, worker = (template[name]["spec"]["containers"][0] for name in ("leaderTemplate", "workerTemplate"))
    assert "--headless" not in leader["args"][0]
    assert "--headless" in worker["args"][0]
    assert '"$LWS_WORKER_INDEX"' in worker["args"][0]
    assert (leader["resources"]["limits"], "ports" in worker, "readinessProbe" in worker) == (
        {"nvidia.com/gpu": "8"},
        False,
        False,
    )
    assert found(WIDE, "Service", "mix-p1")["spec"]["selector"]["leaderworkerset.sigs.k8s.io/worker-index"] == "0"
    assert found(WIDE, "HorizontalPodAutoscaler", "mix-p1")["spec"]["scaleTargetRef"]["kind"] == "LeaderWorkerSet"


def test_what_cannot_span_machines_is_left_out_and_told() -> None:
    deployment = {"engine": "trtllm", "engine_version": "1.2", "layout": {"tp": 16, "pp": 1}}
    seen = exported(made.changed(deployment=deployment, of={"gpus_per_machine": 8}), "kubernetes")
    assert [file.name for file in seen.files if "p1" in file.name] == []
    assert any("P1 spans 2 machines" in line for line in seen.warnings)


def test_load_scales_between_the_plans_replicas() -> None:
    """100 token/s over 4 replicas by day and over 2 by night: at 50 a replica, night's load runs night's replicas."""
    spec = found(made.plan(), "HorizontalPodAutoscaler", "mix-p1")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 4)
    told = {one["pods"]["metric"]["name"]: one["pods"]["target"]["averageValue"] for one in spec["metrics"]}
    assert told == {"inference_output_tokens_per_second": "50", "inference_running_requests": "8"}


def test_keda_may_scale_to_nothing() -> None:
    spec = found(made.plan(), "ScaledObject", "mix-p2", autoscaler="keda", namespace="llm")["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (0, 1)
    assert spec["triggers"][0]["metadata"]["query"] == (
        'sum(rate(vllm:generation_tokens_total{namespace="llm",pod=~"mix-p2-.*"}[2m]))'
    )
    assert any("cannot do" in line for line in exported(made.plan(), "kubernetes").warnings)
    assert not any("cannot do" in line for line in exported(made.plan(), "kubernetes", autoscaler="keda").warnings)


def test_embeddings_scale_with_what_is_read() -> None:
    """30 calls/s of 1,000 tokens over 4 replicas by day, 10 over 2 by night: 7,500 token/s a replica at most."""
    plan = made.changed(streams={"role": "embed", "output_mean": 0.0})
    (metric,) = found(plan, "HorizontalPodAutoscaler", "mix-p1")["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] == "inference_input_tokens_per_second"
    assert metric["pods"]["target"]["averageValue"] == "7500"


def test_an_engine_without_metrics_is_not_scaled() -> None:
    seen = exported(made.plan(engine="trtllm", engine_version="1.2"), "kubernetes")
    assert any("nothing scales it" in line for line in seen.warnings)
    kinds = [document.get("kind") for file in seen.files if "p1" in file.name for document in file.documents]
    assert kinds == ["ConfigMap", "Service", "Deployment", "PodDisruptionBudget", "ConfigMap", "Job"]


@pytest.mark.parametrize(("value", "text"), [(1042.5, "1042500m"), (3.0, "3"), (0.0, "1m"), (0.0004, "1m")])
def test_quantities(value: float, text: str) -> None:
    assert quantity(value) == text


@pytest.mark.parametrize(("spares", "most"), [(None, 1), ((0, 0), 1), ((2, 3), 2)])
def test_maintenance_may_take_the_spares(spares: tuple[int, int] | None, most: int) -> None:
    body = made.body()
    for load, kept in zip(body["pools"][0]["loads"], spares or (), strict=False):
        load["spares"] = kept
    budget = found(Plan.model_validate(body), "PodDisruptionBudget", "mix-p1")
    assert budget["spec"]["maxUnavailable"] == most
    assert budget["metadata"]["annotations"]["inference-planner/spares"] == str(min(spares or (0,)))


def test_of_two_pods_a_replica_two_spares_are_three_pods() -> None:
    body = WIDE.model_dump()
    for load in body["pools"][0]["loads"]:
        load["spares"] = 2
    assert found(Plan.model_validate(body), "PodDisruptionBudget", "mix-p1")["spec"]["maxUnavailable"] == 3


def test_the_benchmark_sends_what_the_plan_expects() -> None:
    plan = made.changed(streams={"prefix_tokens": 300.0})
    job = found(plan, "Job", "mix-p1-bench")
    assert job["spec"]["suspend"] is True
    assert json.loads(job["metadata"]["annotations"]["inference-planner/predicted"]) == [
        {"stream": "chat", "metric": "ttft", "percentile": 95.0, "target_s": 0.5, "predicted_s": 0.4}
    ]
    spec = yaml.safe_load(found(plan, "ConfigMap", "mix-p1-bench")["data"]["chat.yaml"])["spec"]
    assert spec["profile"] == {"kind": "poisson", "rate": [30.0]}
    assert spec["backend"]["target"] == "http://mix-p1.default.svc:8000"
    assert spec["metrics"]["slo"] == {"ttft_ms": 500.0}
    assert spec["data"][0] | {"kind": ""} == {
        "kind": "",
        "prompt_tokens": 700,
        "prompt_tokens_stdev": 500,
        "prompt_tokens_min": 1,
        "output_tokens": 200,
        "output_tokens_stdev": 100,
        "output_tokens_min": 1,
        "prefix_buckets": [{"prefix_tokens": 300}],
    }


def test_a_pool_without_calls_has_no_benchmark() -> None:
    seen = exported(made.plan(), "kubernetes", period="night")
    assert [file.name for file in seen.files if "p2" in file.name] == ["lambda-us.mix-p2.yaml"]
    assert "P2 gets no calls in 'night': no benchmark of it" in seen.warnings


def test_parts_of_boards_and_power_limits_are_told() -> None:
    part = made.changed(deployment={"accelerator": "h100-sxm+600W"})
    assert any("set the power limit" in line for line in exported(part, "kubernetes").warnings)
    body = made.body()
    body["pools"][0]["deployment"]["accelerator"] = "h100-sxm+1g"
    body["purchases"][0]["boards_per_machine"] = 8
    assert any("MIG" in line for line in exported(Plan.model_validate(body), "kubernetes").warnings)


def test_spot_machines_are_told() -> None:
    body = made.body()
    body["pools"][0]["interruptible"] = True
    told = exported(Plan.model_validate(body), "kubernetes").warnings
    assert "P1 is planned on spot machines, which its labels do not tell from others of their kind" in told


def test_a_plan_of_apis_alone_has_nothing_to_run() -> None:
    body = made.body() | {"pools": [], "purchases": [], "promises": []}
    body["serving"] |= {"pools": [], "calls": [made.calls("chat")]}
    plan = Plan.model_validate(body)
    for kind in ("kubernetes", "kserve", "llm-d", "dynamo", "gateway"):
        assert [file.documents for file in exported(plan, kind).files] == [()]


def test_an_engine_that_cannot_be_started_is_told() -> None:
    seen = exported(made.plan(engine="static-baseline", engine_version="baseline"), "kubernetes")
    assert any("no command line is known" in line for line in seen.warnings)


@pytest.mark.parametrize("edit", ["unknown field", "wrong type", "unknown field of a pod in a custom resource", "no selector"])
def test_the_check_finds_what_is_not_valid(edit: str) -> None:
    """Without this, a check that accepts anything would pass."""
    wrong = {
        "unknown field": lambda: found(made.plan(), "Deployment", "mix-p1")["spec"] | {"replica": 1},
        "wrong type": lambda: found(made.plan(), "Deployment", "mix-p1")["spec"] | {"replicas": "4"},
        "no selector": lambda: {"replicas": 4},
    }
    if edit in wrong:
        broken = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": wrong[edit]()}
    else:
        broken = found(WIDE, "LeaderWorkerSet", "mix-p1")
        broken["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]["containers"][0]["comand"] = ["x"]
    with pytest.raises(ValidationError):
        manifest(broken)


def test_the_same_plan_gives_the_same_text() -> None:
    first, second = (
        as_text(manifests(view(made.plan(), Wishes(), "x")), Origin("mix", "1" * 64)) for _ in range(2)
    )  # fmt: skip
    assert first == second
    assert [one["kind"] for one in yaml.safe_load_all(first) if one][:2] == ["Service", "Deployment"]
