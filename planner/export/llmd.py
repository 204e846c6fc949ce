"""llm-d: values for its chart llm-d-modelservice, a file a pool."""

from __future__ import annotations

from planner.export.clusters import files_of_pools, nothing
from planner.export.commands import about, quoted_command
from planner.export.files import Document, Export, File
from planner.export.pods import TOKEN, can_span, image_of, node_selector, probes, resources, server, tolerations
from planner.export.settings import Settings
from planner.export.view import Served, View

CHART = "llm-d-incubation/llm-d-modelservice@024c0f2 charts/llm-d-modelservice/values.yaml"
"""Where its values were read."""

ACCELERATORS = {"nvidia": "nvidia", "amd": "amd", "intel": "intel-xe"}
"""Maker → the chart's `accelerator.type`."""


def values(view: View) -> Export:
    """Return the values of all pools.

    Parameters
    ----------
    view : the plan
    """

    def make(served: Served, name: str) -> list[File]:
        settings = server(view, served)
        if settings.config is not None:
            view.notes.add(f"{served.pool.name} reads options from a file, which the chart does not mount; it is left out")
        elif can_span(view, served, settings):
            return [File(f"{name}.values.yaml", (_values(view, served, settings),), notes=about(served))]
        return []

    files = files_of_pools(view, make)
    if files:
        view.notes.add("each file is for a release of its own: helm install POOL llm-d-modelservice/llm-d-modelservice -f FILE")
    return Export("llm-d", tuple(files) or nothing("llm-d.values.yaml"), view.notes.lines)


def _values(view: View, served: Served, settings: Settings) -> Document:
    """Return a pool's values: prompts and answers are served by the same pods."""
    model = served.pool.deployment.model
    return {
        "fullnameOverride": served.label,
        "modelArtifacts": {
            "name": model,
            "uri": f"hf://{settings.model}",
            "authSecretName": "hf-token",
            "labels": {"llm-d.ai/inferenceServing": "true", "llm-d.ai/model": served.label},
        },
        "multinode": served.nodes > 1,
        "accelerator": {"type": ACCELERATORS.get(served.part.vendor, served.part.vendor), "dra": False},
        "routing": {"servicePort": settings.line.port, "proxy": {"enabled": False}},
        "decode": _decode(view, served, settings),
        "prefill": {"create": False},
    }


def _decode(view: View, served: Served, settings: Settings) -> Document:
    layout = served.pool.deployment.layout
    return {
        "create": True,
        "replicas": served.load.replicas,
        "nodeSelector": node_selector(view, served),
        "tolerations": tolerations(served),
        "parallelism": {
            "tensor": layout.tp,
            "data": layout.dp,
            "dataLocal": max(layout.dp // served.nodes, 1),
            "workers": served.nodes,
        },
        "containers": [_container(view, served, settings)],
        "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}],
    }


def _container(view: View, served: Served, settings: Settings) -> Document:
    """Return the server with its whole command, so that nothing rests on what the chart would add."""
    return {
        "name": settings.line.engine,
        "image": image_of(view, served, settings),
        "modelCommand": "custom",
        **_command(settings),
        "env": [TOKEN],
        "ports": [{"name": "http", "containerPort": settings.line.port}],
        "resources": resources(served),
        "mountModelVolume": False,
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],  # noqa: S108 - shared memory
        **probes(settings),
    }


def _command(settings: Settings) -> Document:
    """Return the command; of several machines, each says by its number what it does."""
    count = len(settings.line.command)
    if settings.spread is None:
        argv = settings.argv()
        return {"command": argv[:count], "args": argv[count:]}
    leader, worker = (quoted_command(settings.argv(*more)) for more in (settings.spread.leader, settings.spread.worker))
    script = f'if [ "$LWS_WORKER_INDEX" -eq 0 ]; then exec {leader}; else exec {worker}; fi'
    return {"command": ["/bin/sh", "-c"], "args": [script]}
