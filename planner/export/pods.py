"""Pods: what every manifest that starts a pool's server has in common."""

from __future__ import annotations

from planner.export.commands import quoted_command, settings_of
from planner.export.files import PLACEHOLDER, Document, to_yaml
from planner.export.names import dns
from planner.export.settings import Rank, Settings
from planner.export.view import Served, View, note_variant

RESOURCES = {"nvidia": "nvidia.com/gpu", "amd": "amd.com/gpu", "intel": "gpu.intel.com/xe"}
"""Maker → resource that its device plugin counts (llm-d-modelservice values.yaml, accelerator.resources, 2026)."""

MANAGED = ("aws", "azure", "gcp")
"""Sellers whose nodes carry the machine's and region's name as the catalog spells them (kubernetes.io, well-known labels)."""

DOMAIN = "inference-planner"
"""Prefix of labels and annotations of our own."""

STARTUP = 180
"""Probes, ten seconds apart, in which weights are to be loaded: half an hour (assumption)."""

OPTIONS = "/etc/inference-planner"
"""Where options that have no flag are mounted."""

POD = Rank(index="$LWS_WORKER_INDEX", leader="$LWS_LEADER_ADDRESS")
"""A pod among several, in the variables that LeaderWorkerSets set."""

TOKEN = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf-token", "key": "token", "optional": True}}}
"""Token for models that need one, of a secret that need not be there."""


def labels(view: View, served: Served) -> dict[str, str]:
    """Return the labels of all that belongs to a pool."""
    return {
        "app.kubernetes.io/name": served.label,
        "app.kubernetes.io/part-of": view.system,
        "app.kubernetes.io/managed-by": DOMAIN,
        f"{DOMAIN}/pool": served.pool.name.lower(),
    }


def selector(served: Served) -> dict[str, str]:
    """Return what finds the pods of a pool."""
    return {"app.kubernetes.io/name": served.label}


def metadata(view: View, served: Served, *, name: str = "", annotations: dict[str, str] | None = None) -> Document:
    """Return the metadata of a manifest that belongs to a pool."""
    made: Document = {"name": name or served.label, "namespace": view.wishes.namespace, "labels": labels(view, served)}
    return made | ({"annotations": annotations} if annotations else {})


def server(view: View, served: Served) -> Settings:
    """Return what a pool's server is started with in a pod."""
    note_variant(served, view.notes)
    return settings_of(served, view.notes, POD)


def image_of(view: View, served: Served, settings: Settings) -> str:
    """Return a pool's container image: the one asked for, the engine's own, or a placeholder."""
    engine, vendor = settings.line.engine, served.part.vendor
    if engine in view.wishes.images:
        return view.wishes.images[engine]
    if vendor in settings.line.images:
        return settings.line.images[vendor]
    made = f"{PLACEHOLDER.lower()}/{engine}:{vendor}"  # names of images are in lower case
    view.notes.add(
        f"{served.pool.name}: no image of {engine} for {vendor} is known; give one with --image {engine}=…, in place of {made}"
    )
    return made


def container(view: View, served: Served, settings: Settings, *, worker: bool = False, name: str = "server") -> Document:
    """Return the container of a server, or of a worker among several machines, which listens to nobody."""
    made: Document = {
        "name": name,
        "image": image_of(view, served, settings),
        **_command(settings, worker=worker),
        "env": [TOKEN],
        **({} if worker else {"ports": [{"name": "http", "containerPort": settings.line.port}]}),
        "resources": resources(served),
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}, *_options_mount(settings)],  # noqa: S108 - shared memory
        **({} if worker else probes(settings)),
    }
    return made


def _command(settings: Settings, *, worker: bool) -> Document:
    """Return a command as arguments, or through a shell where it needs the variables of a pod among several."""
    path = f"{OPTIONS}/options.yaml"
    if settings.spread is None:
        argv = settings.argv(config_path=path)
        count = len(settings.line.command)
        return {"command": argv[:count], "args": argv[count:]}
    more = settings.spread.worker if worker else settings.spread.leader
    return {"command": ["/bin/sh", "-c"], "args": [f"exec {quoted_command(settings.argv(*more, config_path=path))}"]}


def resources(served: Served) -> Document:
    """Return the accelerators of one pod; CPU and memory are left to the machine, which nothing else shares."""
    count = str(served.gpus_per_node)
    name = resource_name(served)
    return {"limits": {name: count}, "requests": {name: count}}


def resource_name(served: Served) -> str:
    """Return the resource that counts a pool's accelerators."""
    return RESOURCES.get(served.part.vendor, f"{served.part.vendor}.com/accelerator")


def probes(settings: Settings) -> Document:
    """Return probes: weights may take long to load, then the server must answer."""
    get = {"httpGet": {"path": settings.line.health, "port": "http"}}
    return {
        "startupProbe": {**get, "periodSeconds": 10, "failureThreshold": STARTUP},
        "readinessProbe": {**get, "periodSeconds": 5},
        "livenessProbe": {**get, "periodSeconds": 10, "failureThreshold": 6},
    }


def _options_mount(settings: Settings) -> list[Document]:
    return [] if settings.config is None else [{"name": "options", "mountPath": OPTIONS, "readOnly": True}]


def placed(view: View, served: Served, containers: list[Document], settings: Settings) -> Document:
    """Return the spec of pods on the machines of a pool."""
    options = [] if settings.config is None else [{"name": "options", "configMap": {"name": f"{served.label}-options"}}]
    return {
        "nodeSelector": node_selector(view, served),
        "tolerations": tolerations(served),
        "containers": containers,
        "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}, *options],
    }


def tolerations(served: Served) -> list[Document]:
    """Return what lets pods onto nodes that are kept for accelerators."""
    return [{"key": resource_name(served), "operator": "Exists", "effect": "NoSchedule"}]


def node_selector(view: View, served: Served) -> dict[str, str]:
    """Return what finds a pool's machines: labels the seller sets, or one of our own that is to be set."""
    pool = served.pool
    if pool.interruptible:
        view.notes.add(f"{pool.name} is planned on spot machines, which its labels do not tell from others of their kind")
    if pool.seller in MANAGED:
        return {"node.kubernetes.io/instance-type": served.part.machine, "topology.kubernetes.io/region": pool.region}
    mark = machine_mark(served)
    view.notes.add(f"label the nodes of {pool.instance} in {pool.region}: kubectl label node NODE {DOMAIN}/machine={mark}")
    return {f"{DOMAIN}/machine": mark}


def machine_mark(served: Served) -> str:
    """Return the label's value for machines whose seller sets none."""
    return dns(served.pool.instance, served.pool.region)


def options_map(view: View, served: Served, settings: Settings) -> list[Document]:
    """Return the ConfigMap of options that have no flag."""
    if settings.config is None:
        return []
    body = {"options.yaml": to_yaml(settings.config)}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata(view, served, name=f"{served.label}-options"),
            "data": body,
        }
    ]


def scraped(settings: Settings) -> dict[str, str]:
    """Return annotations that let Prometheus find a server's metrics."""
    return {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(settings.line.port),
        "prometheus.io/path": settings.line.metrics_path,
    }


def can_span(view: View, served: Served, settings: Settings) -> bool:
    """Say whether a replica that spans machines can be started by manifests; note it if not."""
    if served.nodes == 1 or settings.spread is not None:
        return True
    view.notes.add(f"{served.pool.name} spans {served.nodes} machines, which no manifest here starts; it is left out")
    return False
