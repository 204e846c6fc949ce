"""KServe: an LLMInferenceService a pool of vLLM that generates, an InferenceService for the others."""

from __future__ import annotations

from planner.export.clusters import files_of_pools, nothing
from planner.export.commands import about
from planner.export.files import Document, Export, File
from planner.export.pods import (
    TOKEN,
    can_span,
    container,
    image_of,
    metadata,
    node_selector,
    options_map,
    placed,
    resources,
    server,
    tolerations,
)
from planner.export.settings import Settings, quoted
from planner.export.view import Served, View

BY_KSERVE = (
    "--served-model-name",
    "--host",
    "--port",
    "--tensor-parallel-size",
    "--pipeline-parallel-size",
    "--data-parallel-size",
    "--enable-expert-parallel",
)
"""Flags that KServe's own template of vLLM sets from the specification."""

ARGUMENTS = "VLLM_ADDITIONAL_ARGS"
"""Variable of KServe's template that holds further flags."""


def services(view: View) -> Export:
    """Return the KServe resources of all pools.

    Parameters
    ----------
    view : the plan
    """

    def make(served: Served, name: str) -> list[File]:
        documents = _service(view, served, server(view, served))
        return [File(f"{name}.yaml", tuple(documents), notes=about(served))] if documents else []

    files = files_of_pools(view, make)
    return Export("kserve", tuple(files) or nothing("kserve.yaml"), view.notes.lines)


def _service(view: View, served: Served, settings: Settings) -> list[Document]:
    """Return a pool's resources; none where there is none that could run it."""
    if settings.line.engine == "vllm" and not served.pooling:
        return [_llm(view, served, settings)] if can_span(view, served, settings) else []
    if served.nodes == 1:
        return [*options_map(view, served, settings), _custom(view, served, settings)]
    view.notes.add(f"{served.pool.name}: an InferenceService runs on one machine; it is left out, see planner export kubernetes")
    return []


def _llm(view: View, served: Served, settings: Settings) -> Document:
    """Return an LLMInferenceService, whose template starts vLLM with the flags that it does not set itself."""
    flags = " ".join(_shell(settings))
    main = {
        "name": "main",
        "image": image_of(view, served, settings),
        "env": [TOKEN, {"name": ARGUMENTS, "value": flags}],
        "resources": resources(served),
    }
    pod = {"nodeSelector": node_selector(view, served), "tolerations": tolerations(served), "containers": [main]}
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "LLMInferenceService",
        "metadata": metadata(view, served),
        "spec": {
            "model": {"uri": f"hf://{settings.model}", "name": served.pool.deployment.model},
            "replicas": served.load.replicas,
            "parallelism": _parallelism(served),
            "router": {"route": {}, "gateway": {}, "scheduler": {}},
            "template": pod,
            **({"worker": pod} if served.nodes > 1 else {}),
        },
    }


def _shell(settings: Settings) -> list[str]:
    """Return the flags KServe does not set; its template passes them through a shell."""
    return quoted(settings.without(*BY_KSERVE))


def _parallelism(served: Served) -> Document:
    """Return degrees of parallelism in KServe's words."""
    layout = served.pool.deployment.layout
    made: Document = {"tensor": layout.tp}
    if layout.pp > 1:
        made["pipeline"] = layout.pp
    if layout.dp > 1:
        made |= {"data": layout.dp, "dataLocal": max(layout.dp // served.nodes, 1)}
    return made | ({"expert": True} if layout.ep > 1 else {})


def _custom(view: View, served: Served, settings: Settings) -> Document:
    """Return an InferenceService with a container of its own, as many as the plan has in its emptiest and fullest period."""
    pod = placed(view, served, [container(view, served, settings, name="kserve-container")], settings)
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": metadata(view, served),
        "spec": {"predictor": {"minReplicas": min(served.counts), "maxReplicas": max(*served.counts, 1), **pod}},
    }
