"""Plain Kubernetes: a Deployment or LeaderWorkerSet a pool, its service, autoscaler, disruption budget and benchmark."""

from __future__ import annotations

from planner.export.benchmark import benchmark
from planner.export.clusters import files_of_pools, nothing
from planner.export.commands import about
from planner.export.files import Document, Export, File
from planner.export.pods import can_span, container, labels, metadata, options_map, placed, scraped, selector, server
from planner.export.scaling import adapter_rules, autoscaler, disruption_budget
from planner.export.settings import Settings
from planner.export.view import Served, View

SET = "leaderworkerset.x-k8s.io/v1"
WORKER_INDEX = "leaderworkerset.sigs.k8s.io/worker-index"


def manifests(view: View) -> Export:
    """Return the manifests of all pools.

    Parameters
    ----------
    view : the plan

    Returns
    -------
    Export
        Two files a pool, named by the cluster it stands in: what serves, and the benchmark. And values for the chart of the
        Prometheus adapter where HorizontalPodAutoscalers need its metrics.
    """
    servers: list[Settings] = []

    def make(served: Served, name: str) -> list[File]:
        settings = server(view, served)
        if not can_span(view, served, settings):
            return []
        servers.append(settings)
        return _files(view, served, settings, name)

    files = files_of_pools(view, make)
    if servers and view.wishes.autoscaler == "hpa":
        notes = ("Values for the chart prometheus-community/prometheus-adapter",)
        files.append(File("prometheus-adapter.values.yaml", (adapter_rules(servers),), notes=notes, aside=True))
        view.notes.add(
            "HorizontalPodAutoscalers read metrics of engines through the Prometheus adapter: give its chart "
            "prometheus-adapter.values.yaml, which -o writes, or use --autoscaler keda"
        )
    return Export("kubernetes", tuple(files) or nothing("kubernetes.yaml"), view.notes.lines)


def _files(view: View, served: Served, settings: Settings, name: str) -> list[File]:
    workload = workload_of(view, served, settings)
    serving = (
        *options_map(view, served, settings),
        service(view, served, settings),
        workload,
        *autoscaler(view, served, settings, _reference(workload)),
        disruption_budget(view, served),
    )
    bench = benchmark(view, served, settings)
    files = [File(f"{name}.yaml", serving, notes=about(served))]
    return [*files, File(f"{name}.bench.yaml", tuple(bench), notes=about(served))] if bench else files


def _reference(workload: Document) -> Document:
    return {"apiVersion": workload["apiVersion"], "kind": workload["kind"], "name": workload["metadata"]["name"]}


def service(view: View, served: Served, settings: Settings) -> Document:
    """Return the service of a pool; of several machines only leaders answer."""
    leader = {WORKER_INDEX: "0"} if served.nodes > 1 else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(view, served),
        "spec": {
            "selector": {**selector(served), **leader},
            "ports": [{"name": "http", "port": settings.line.port, "targetPort": "http"}],
        },
    }


def workload_of(view: View, served: Served, settings: Settings) -> Document:
    """Return what runs a pool's replicas: a Deployment, or a LeaderWorkerSet where a replica spans machines."""
    return _set(view, served, settings) if served.nodes > 1 else _deployment(view, served, settings)


def _deployment(view: View, served: Served, settings: Settings) -> Document:
    """Return a Deployment; while it is updated no pod is added, for which there would be no machine."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(view, served),
        "spec": {
            "replicas": served.load.replicas,
            "selector": {"matchLabels": selector(served)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "template": _template(view, served, settings, worker=False),
        },
    }


def _set(view: View, served: Served, settings: Settings) -> Document:
    """Return a LeaderWorkerSet, whose replicas are groups of pods, one a machine."""
    view.notes.add(f"{served.pool.name} needs the LeaderWorkerSet controller (github.com/kubernetes-sigs/lws)")
    return {
        "apiVersion": SET,
        "kind": "LeaderWorkerSet",
        "metadata": metadata(view, served),
        "spec": {
            "replicas": served.load.replicas,
            "rolloutStrategy": {
                "type": "RollingUpdate",
                "rollingUpdateConfiguration": {"maxSurge": 0, "maxUnavailable": 1},
            },
            "leaderWorkerTemplate": {
                "size": served.nodes,
                "restartPolicy": "RecreateGroupOnPodRestart",
                "leaderTemplate": _template(view, served, settings, worker=False),
                "workerTemplate": _template(view, served, settings, worker=True),
            },
        },
    }


def _template(view: View, served: Served, settings: Settings, *, worker: bool) -> Document:
    body: Document = {"labels": labels(view, served)}
    if not worker:
        body["annotations"] = scraped(settings)
    return {"metadata": body, "spec": placed(view, served, [container(view, served, settings, worker=worker)], settings)}
