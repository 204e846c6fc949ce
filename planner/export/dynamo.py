"""NVIDIA Dynamo: a DynamoGraphDeployment a pool, a frontend and its workers."""

from __future__ import annotations

import json

from planner.export.clusters import files_of_pools, nothing
from planner.export.commands import about
from planner.export.files import PLACEHOLDER, Document, Export, File
from planner.export.pods import metadata, node_selector, server, tolerations
from planner.export.settings import Settings
from planner.export.view import Served, View

API = "nvidia.com/v1alpha1"
"""Of github.com/ai-dynamo/dynamo@0fddc01 deploy/operator/api/v1alpha1/dynamographdeployment_types.go."""

RUNTIMES = {"vllm": "vllm-runtime", "sglang": "sglang-runtime", "trtllm": "tensorrtllm-runtime"}
"""Engine → image of nvcr.io/nvidia/ai-dynamo."""

SERVER = {"vllm": ("--host", "--port"), "sglang": ("--host", "--port"), "trtllm": ("--host", "--port", "--backend")}
"""Flags of the engines' own servers, which Dynamo's frontend takes the place of."""

TRTLLM = {
    "--tp_size": "--tensor-parallel-size",
    "--pp_size": "--pipeline-parallel-size",
    "--ep_size": "--expert-parallel-size",
    "--max_batch_size": "--max-batch-size",
    "--max_num_tokens": "--max-num-tokens",
    "--max_seq_len": "--max-seq-len",
    "--kv_cache_free_gpu_memory_fraction": "--free-gpu-memory-fraction",
}
"""trtllm-serve's flag → Dynamo's (docs.nvidia.com/dynamo, tensor-rt-llm-configuration)."""


def graphs(view: View) -> Export:
    """Return the graphs of all pools.

    Parameters
    ----------
    view : the plan
    """

    def make(served: Served, name: str) -> list[File]:
        if served.pooling:
            view.notes.add(f"{served.pool.name} generates nothing; no graph of it is exported, see planner export kubernetes")
            return []
        return [File(f"{name}.yaml", (_graph(view, served, server(view, served)),), notes=about(served))]

    files = files_of_pools(view, make)
    return Export("dynamo", tuple(files) or nothing("dynamo.yaml"), view.notes.lines)


def _graph(view: View, served: Served, settings: Settings) -> Document:
    engine = settings.line.engine
    image = _image(view, served, settings)
    worker: Document = {
        "componentType": "worker",
        "envFromSecret": "hf-token",
        "replicas": served.load.replicas,
        **({"multinode": {"nodeCount": served.nodes}} if served.nodes > 1 else {}),
        "resources": {"limits": {"gpu": str(served.gpus_per_node)}},
        "extraPodSpec": {
            "nodeSelector": node_selector(view, served),
            "tolerations": tolerations(served),
            "mainContainer": {
                "image": image,
                "command": ["python3", "-m", f"dynamo.{engine}"],
                "args": _arguments(settings),
            },
        },
    }
    frontend = {
        "componentType": "frontend",
        "replicas": 1,
        "extraPodSpec": {"mainContainer": {"image": image, "command": ["python3", "-m", "dynamo.frontend"]}},
    }
    return {
        "apiVersion": API,
        "kind": "DynamoGraphDeployment",
        "metadata": metadata(view, served),
        "spec": {"backendFramework": engine, "services": {"Frontend": frontend, "Worker": worker}},
    }


def _image(view: View, served: Served, settings: Settings) -> str:
    """Return the image asked for, else a placeholder: which release holds which engine's version is not known here."""
    engine = settings.line.engine
    if engine in view.wishes.images:
        return view.wishes.images[engine]
    made = f"nvcr.io/nvidia/ai-dynamo/{RUNTIMES[engine]}:{PLACEHOLDER}"
    version = served.pool.deployment.engine_version
    view.notes.add(
        f"put the release of Dynamo that holds {engine} {version} for {PLACEHOLDER} in {made}, or give --image {engine}=…"
    )
    return made


def _arguments(settings: Settings) -> list[str]:
    """Return what Dynamo's worker is started with: the engine's own flags, in its own words for TensorRT-LLM."""
    engine = settings.line.engine
    flags = settings.without(*SERVER[engine])
    if engine != "trtllm":
        return [*(["--model", settings.model] if settings.positional else []), *flags]
    named = [TRTLLM.get(flag, flag) for flag in flags if flag != "--enable_chunked_prefill"]
    config = {**(settings.config or {}), "enable_chunked_prefill": True}
    return ["--model-path", settings.model, *named, "--override-engine-args", json.dumps(config)]
