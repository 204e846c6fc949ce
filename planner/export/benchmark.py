"""A GuideLLM benchmark a pool: the calls that the plan expects, at its rate, to hold its predictions against what is seen."""

from __future__ import annotations

import json

from planner.domain.plan_promises import Promise
from planner.domain.plan_serving import CallsPart
from planner.export.files import Document, to_yaml
from planner.export.names import dns, told_apart
from planner.export.pods import DOMAIN, TOKEN, metadata, selector
from planner.export.settings import Settings
from planner.export.view import Served, View, hub_id

IMAGE = "ghcr.io/vllm-project/guidellm:v0.8.1"
"""Of the version whose scenario files were read (guidellm 0.8.1 as released on PyPI, schemas/benchmark/; repository and entry
point: github.com/vllm-project/guidellm@0c393c1 Containerfile and workflows)."""

SECONDS = 900
"""Length of a benchmark: long enough for a 99th percentile at one call a second (assumption)."""

FORMATS = {"embed": "/v1/embeddings"}
"""Role → kind of request; others chat."""

SLOS = {"ttft": "ttft_ms", "tpot": "tpot_ms", "e2e": "e2el_ms"}
"""Metric → GuideLLM's name of a per-request objective (schemas/benchmark/goodput.py)."""


def scenario(served: Served, calls: CallsPart, address: str, tokenizer: str) -> Document:
    """Return GuideLLM's scenario of one stream on a pool.

    Parameters
    ----------
    served : the pool
    calls : the stream
    address : of the pool's service
    tokenizer : Hugging Face id of the model

    Returns
    -------
    dict
        Poisson arrivals at the planned rate; lengths of the stream's mean and standard deviation, which GuideLLM draws from a
        normal distribution, so that tails are shorter than those of most traffic.
    """
    slo = {SLOS[one.metric]: round(one.target * 1000, 3) for one in _promises(served, calls)}
    return {
        "metadata": {"labels": {"pool": served.pool.name, "stream": calls.stream, "period": served.load.period}},
        "spec": {
            "backend": {
                "kind": "openai_http",
                "target": address,
                "model": served.pool.deployment.model,
                "request_format": FORMATS.get(calls.role, "/v1/chat/completions"),
            },
            "tokenizer": {"kind": "huggingface_auto", "model": tokenizer},
            "profile": {"kind": "poisson", "rate": [float(f"{served.rate(calls.stream):.6g}")]},
            "constraints": [{"kind": "max_duration", "seconds": SECONDS}],
            "data": [_data(calls)],
            "metrics": {"kind": "generative", **({"slo": slo} if slo else {})},
            "outputs": [{"kind": "console"}, {"kind": "json", "path": f"/results/{dns(calls.stream)}.json"}],
        },
    }


def _promises(served: Served, calls: CallsPart) -> list[Promise]:
    """Return a stream's promises on a pool, the tightest percentile of each metric last."""
    mine = [one for one in served.promises if one.stream == calls.stream]
    return sorted(mine, key=lambda one: one.percentile)


def _data(calls: CallsPart) -> Document:
    """Return made-up texts of a stream's lengths, its shared prefix apart."""
    prefix = round(calls.prefix_tokens)
    data: Document = {
        "kind": "synthetic_text",
        "prompt_tokens": max(round(calls.input_mean) - prefix, 1),
        "prompt_tokens_stdev": max(round(calls.input_deviation), 1),
        "prompt_tokens_min": 1,
    }
    if calls.output_mean > 0:
        data |= {
            "output_tokens": max(round(calls.output_mean), 1),
            "output_tokens_stdev": max(round(calls.output_deviation), 1),
            "output_tokens_min": 1,
        }
    return data | ({"prefix_buckets": [{"prefix_tokens": prefix}]} if prefix else {})


def benchmark(view: View, served: Served, settings: Settings) -> list[Document]:
    """Return the scenarios of a pool's streams, and the job that runs them side by side.

    Parameters
    ----------
    view, served, settings : plan, pool and server

    Returns
    -------
    list
        A ConfigMap and a Job, which waits until it is started: `kubectl patch job NAME -p '{"spec":{"suspend":false}}'`. The
        job's annotation holds every promise with its target and prediction. Nothing where no call comes in the period.
    """
    running = [calls for calls in served.calls if served.rate(calls.stream) > 0]
    if not running:
        view.notes.add(f"{served.pool.name} gets no calls in {view.period!r}: no benchmark of it")
        return []
    _note(view, served, running)
    address = f"http://{served.label}.{view.wishes.namespace}.svc:{settings.line.port}"
    tokenizer = hub_id(served.pool.deployment.model, served.pool.name, view.notes)
    files = told_apart(calls.stream for calls in running)
    scenarios = {f"{files[calls.stream]}.yaml": to_yaml(scenario(served, calls, address, tokenizer)) for calls in running}
    name = f"{served.label}-bench"
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(view, served, name=name), "data": scenarios},
        _job(view, served, name, files),
    ]


def _note(view: View, served: Served, running: list[CallsPart]) -> None:
    if any(calls.role == "rerank" for calls in running):
        view.notes.add(f"{served.pool.name}: GuideLLM knows no requests for reranking; its benchmark sends chats instead")


def _job(view: View, served: Served, name: str, files: dict[str, str]) -> Document:
    predicted = [
        {
            "stream": one.stream,
            "metric": one.metric,
            "percentile": one.percentile,
            "target_s": one.target,
            "predicted_s": one.predicted,
        }
        for one in served.promises
    ]
    containers = [
        {
            "name": file,
            "image": IMAGE,
            "args": ["run", "--config", f"/scenarios/{file}.yaml", "--disable-console-interactive"],
            "env": [TOKEN],
            "volumeMounts": [{"name": "scenarios", "mountPath": "/scenarios"}, {"name": "results", "mountPath": "/results"}],
        }
        for file in files.values()
    ]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(view, served, name=name, annotations={f"{DOMAIN}/predicted": json.dumps(predicted)}),
        "spec": {
            "suspend": True,
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": {f"{DOMAIN}/benchmark-of": selector(served)["app.kubernetes.io/name"]}},
                "spec": {
                    "restartPolicy": "Never",
                    "containers": containers,
                    "volumes": [{"name": "scenarios", "configMap": {"name": name}}, {"name": "results", "emptyDir": {}}],
                },
            },
        },
    }
