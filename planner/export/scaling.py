"""What follows demand and what survives maintenance: autoscalers on token load, and disruption budgets of the spares."""

from __future__ import annotations

from planner.export.files import Document
from planner.export.pods import DOMAIN, metadata, selector
from planner.export.settings import Settings
from planner.export.view import Served, View

WINDOW = "2m"
"""Time over which rates of tokens are taken (assumption)."""

OUTPUT, INPUT, RUNNING = "output_tokens_per_second", "input_tokens_per_second", "running_requests"
"""Names of metrics, whichever engine counts them."""

Target = tuple[str, str, float]
"""Metric of an engine, name under which the metrics API shows it, and the most of it that a replica is to have."""


def targets(served: Served, settings: Settings) -> list[Target]:
    """Return what a replica is loaded with where the plan loads it most.

    Parameters
    ----------
    served : the pool
    settings : names the engine's metrics

    Returns
    -------
    list
        Tokens per second of the pool over its replicas, spares included, in the period where that is most: tokens generated, or
        read where none are generated. And running requests: the mean below which the plan keeps a replica.

    Notes
    -----
    At the planned load an autoscaler then runs the planned replicas, spares included. Of several metrics it follows the one that
    asks for most.
    """
    names = settings.line.metrics
    made: list[Target] = []
    if names.output_tokens and not served.pooling:
        made.append((names.output_tokens, OUTPUT, _most(served, _written(served))))
    elif names.input_tokens:
        made.append((names.input_tokens, INPUT, _most(served, _read(served))))
    if names.running and not served.pooling:
        made.append((names.running, RUNNING, served.pool.level.sequences))
    return made


def _written(served: Served) -> dict[str, float]:
    """Return the tokens that a pool generates, by period [token/s]."""
    return {load.period: load.output_tokens_per_second for load in served.pool.loads}


def _read(served: Served) -> dict[str, float]:
    """Return the tokens that a pool reads, by period [token/s]."""
    length = {calls.stream: calls.input_mean for calls in served.calls}
    tokens = dict.fromkeys(_written(served), 0.0)
    for share in served.pool.shares:
        tokens[share.period] += share.rate * length[share.stream]
    return tokens


def _most(served: Served, tokens: dict[str, float]) -> float:
    """Return the most that a replica takes in any period."""
    return max((tokens[load.period] / load.replicas for load in served.pool.loads if load.replicas), default=0.0)


def quantity(value: float) -> str:
    """Return a figure as Kubernetes writes it, in thousandths, at least one.

    Examples
    --------
    >>> quantity(1042.5), quantity(3.0), quantity(0.0)
    ('1042500m', '3', '1m')
    """
    thousandths = max(round(value * 1000), 1)
    return f"{thousandths}m" if thousandths % 1000 else str(thousandths // 1000)


def autoscaler(view: View, served: Served, settings: Settings, target: Document) -> list[Document]:
    """Return what scales a pool between the fewest and the most replicas of the plan.

    Parameters
    ----------
    view, served, settings : plan, pool and server
    target : reference to what is scaled

    Returns
    -------
    list
        A HorizontalPodAutoscaler, a ScaledObject of KEDA, or nothing.
    """
    if view.wishes.autoscaler == "none":
        return []
    found = targets(served, settings)
    if not found:
        name = settings.line.engine
        view.notes.add(f"{served.pool.name}: no metric of tokens is documented for {name}, so nothing scales it with demand")
        return []
    return [_keda(view, served, target, found) if view.wishes.autoscaler == "keda" else _hpa(view, served, target, found)]


def _hpa(view: View, served: Served, target: Document, found: list[Target]) -> Document:
    least = min(served.counts)
    if least == 0:
        view.notes.add(
            f"{served.pool.name} runs no replica in some period, which a HorizontalPodAutoscaler cannot do; --autoscaler keda can"
        )
    metrics = [
        {
            "type": "Pods",
            "pods": {"metric": {"name": f"inference_{name}"}, "target": {"type": "AverageValue", "averageValue": quantity(most)}},
        }
        for _, name, most in found
    ]
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(view, served),
        "spec": {
            "scaleTargetRef": target,
            "minReplicas": max(least, 1),
            "maxReplicas": max(*served.counts, 1),
            "metrics": metrics,
        },
    }


def _keda(view: View, served: Served, target: Document, found: list[Target]) -> Document:
    triggers = [
        {
            "type": "prometheus",
            "metricType": "AverageValue",
            "metadata": {
                "serverAddress": view.wishes.prometheus,
                "query": f"sum({_series(metric, view.wishes.namespace, served.label)})",
                "threshold": f"{most:.6g}",
            },
        }
        for metric, _, most in found
    ]
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata(view, served),
        "spec": {
            "scaleTargetRef": target,
            "minReplicaCount": min(served.counts),
            "maxReplicaCount": max(*served.counts, 1),
            "triggers": triggers,
        },
    }


def _series(metric: str, namespace: str, label: str) -> str:
    """Return a metric of the pods of a pool; counters as rates."""
    found = f'{metric}{{namespace="{namespace}",pod=~"{label}-.*"}}'
    return f"rate({found}[{WINDOW}])" if metric.endswith("_total") else found


def adapter_rules(settings: list[Settings]) -> Document:
    """Return values for the chart of the Prometheus adapter, which shows engines' metrics to HorizontalPodAutoscalers."""
    lines = {one.line.engine: one.line.metrics for one in settings}.values()
    shown = [((one.output_tokens, OUTPUT), (one.input_tokens, INPUT), (one.running, RUNNING)) for one in lines]
    rules = [_rule(metric, f"inference_{name}") for each in shown for metric, name in each if metric is not None]
    return {"rules": {"custom": rules}}


def _rule(metric: str, name: str) -> Document:
    inner = (
        f"rate(<<.Series>>{{<<.LabelMatchers>>}}[{WINDOW}])" if metric.endswith("_total") else "<<.Series>>{<<.LabelMatchers>>}"
    )
    return {
        "seriesQuery": f'{metric}{{namespace!="",pod!=""}}',
        "resources": {"overrides": {"namespace": {"resource": "namespace"}, "pod": {"resource": "pod"}}},
        "name": {"as": name},
        "metricsQuery": f"sum({inner}) by (<<.GroupBy>>)",
    }


def disruption_budget(view: View, served: Served) -> Document:
    """Return how many pods maintenance may take at once: the spares that the plan keeps, at least one.

    Parameters
    ----------
    view, served : plan and pool

    Returns
    -------
    PodDisruptionBudget

    Notes
    -----
    Without spares one replica at a time must be let go, or nodes could never be drained; its promises are then at risk while it
    is away, which the annotation says. A replica of several pods is lost with any of them: k of them are lost once (k − 1)·size
    + 1 pods are.
    """
    spares = min((load.spares or 0 for load in served.pool.loads), default=0)
    taken = max(spares, 1)
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(view, served, annotations={f"{DOMAIN}/spares": str(spares)}),
        "spec": {"maxUnavailable": (taken - 1) * served.nodes + 1, "selector": {"matchLabels": selector(served)}},
    }
