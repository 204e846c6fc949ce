"""Gateway API: an InferencePool a pool and an HTTPRoute a stream, weighted as the plan routes it."""

from __future__ import annotations

from planner.domain.plan_pools import Pool
from planner.export.clusters import note_clusters, nothing
from planner.export.commands import about, settings_of
from planner.export.files import Document, Export, File
from planner.export.kubernetes import WORKER_INDEX
from planner.export.litellm import model_name
from planner.export.names import dns, told_apart
from planner.export.pods import POD, metadata, selector
from planner.export.routes import Target, Ways, routes_of
from planner.export.view import Served, View

GROUP = "inference.networking.k8s.io"
"""API group of InferencePool v1 (gateway-api-inference-extension, api/v1/inferencepool_types.go)."""

PICKER_PORT = 9002
"""Port of endpoint pickers, as the extension's chart sets it."""

GATEWAY = "inference-gateway"
"""Name of the Gateway that routes attach to (assumption: the extension's guides call it so)."""

PROXY, PROXY_PORT = "litellm", 4000
"""Service that calls APIs, as LiteLLM's chart names it and where it listens by default."""

HEADER = "x-inference-stream"
"""Header by which callers say what a call is; a gateway cannot tell."""


def routing(view: View) -> Export:
    """Return pools and routes, a file a cluster.

    Parameters
    ----------
    view : the plan
    """
    note_clusters(view)
    ways = routes_of(view)
    labels = told_apart(model_name(way) for way in ways)
    files = []
    for cluster, pools in view.clusters.items():
        routes = [route for way in ways if (route := _route(view, way, pools, labels[model_name(way)]))]
        documents = [*(_pool(view, served) for served in pools), *routes]
        notes = tuple(line for served in pools for line in about(served))
        files.append(File(f"{cluster}.yaml", tuple(documents), notes=notes))
    _note(view, ways)
    return Export("gateway", tuple(files) or nothing("gateway.yaml"), view.notes.lines)


def _note(view: View, ways: tuple[Ways, ...]) -> None:
    """Note what callers and others have to do."""
    if not view.pools:
        view.notes.add("no pool to route to: see planner export litellm for APIs")
        return
    view.notes.add(f"callers say with the header {HEADER} which stream a call is of")
    view.notes.add("each InferencePool needs the endpoint picker named in endpointPickerRef (chart inferencepool)")
    if any(not isinstance(target.route, Pool) for way in ways for target in way.targets):
        view.notes.add(f"calls of APIs go to the service {PROXY}:{PROXY_PORT}: planner export litellm")


def _pool(view: View, served: Served) -> Document:
    """Return the InferencePool of a pool; of several machines only leaders answer."""
    leader = {WORKER_INDEX: "0"} if served.nodes > 1 else {}
    port = settings_of(served, view.notes, POD).line.port
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "InferencePool",
        "metadata": metadata(view, served),
        "spec": {
            "selector": {"matchLabels": {**selector(served), **leader}},
            "targetPorts": [{"number": port}],
            "endpointPickerRef": {"name": f"{served.label}-epp", "port": {"number": PICKER_PORT}},
        },
    }


def _route(view: View, way: Ways, pools: list[Served], label: str) -> Document | None:
    """Return the route of a stream within a cluster; None if nothing answers it there."""
    here = {served.pool.name: served for served in pools}
    backends = [one for target in way.targets if (one := _backend(target, here))]
    if not any(backend.get("kind") == "InferencePool" for backend in backends):
        return None
    elsewhere = [target.name for target in way.targets if isinstance(target.route, Pool) and target.name not in here]
    if elsewhere:
        view.notes.add(f"{way.calls.stream} is also served by {', '.join(elsewhere)} elsewhere: part it before the gateways")
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": dns(view.system, label), "namespace": view.wishes.namespace},
        "spec": {
            "parentRefs": [{"name": GATEWAY}],
            "rules": [
                {
                    "matches": [{"headers": [{"name": HEADER, "value": model_name(way)}]}],
                    "backendRefs": backends,
                }
            ],
        },
    }


def _backend(target: Target, here: dict[str, Served]) -> Document | None:
    """Return who answers, with the weight; None for a pool that is not here."""
    if not isinstance(target.route, Pool):
        return {"name": PROXY, "port": PROXY_PORT, "weight": target.weight}
    if target.name not in here:
        return None
    return {"group": GROUP, "kind": "InferencePool", "name": here[target.name].label, "weight": target.weight}
