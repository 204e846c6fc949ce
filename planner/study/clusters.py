"""Solves on a Ray or Dask cluster: the one that RAY_ADDRESS or DASK_SCHEDULER_ADDRESS names, else one started on this machine.

Machines of a cluster need the planner in the same version, and catalogs and traces that the problem names at the same paths.
"""

from __future__ import annotations

import importlib
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from planner.errors import InvalidInput
from planner.study.executors import Done, Executor, Processes, Serial, Work

Cluster = Literal["ray", "dask"]
_ADDRESS = {"ray": "RAY_ADDRESS", "dask": "DASK_SCHEDULER_ADDRESS"}
_MODULE = {"ray": "ray", "dask": "distributed"}
AHEAD = 2
"""Tasks handed out for each worker: enough that none waits for the next, few enough that little is lost when stopped."""


def executor(workers: int, cluster: Cluster | None = None) -> Executor:
    """Return where to solve.

    Parameters
    ----------
    workers : processes on this machine; 1 = in this one
    cluster : which kind of cluster instead

    Raises
    ------
    InvalidInput
        If the cluster's library is not installed.
    """
    if cluster is None:
        return Serial() if workers == 1 else Processes(workers)
    library(cluster)
    return OnRay(workers) if cluster == "ray" else OnDask(workers)


def library(cluster: Cluster) -> Any:
    """Import what speaks to a cluster, which is an optional extra."""
    try:
        return importlib.import_module(_MODULE[cluster])
    except ImportError:
        remedy = f"install it with: pip install 'inference-planner[{cluster}]'"
        raise InvalidInput.at("command line", f"{cluster} is not installed", remedy, path="--cluster") from None


@dataclass(frozen=True)
class OnRay:
    """On a Ray cluster."""

    workers: int
    """Processors of a cluster that is started here; one that is there already has its own."""

    def run(self, work: Work, tasks: Sequence[Any]) -> Done:
        """Yield as they are done."""
        ray = library("ray")
        here = not ray.is_initialized()
        if here:
            local = {} if os.environ.get(_ADDRESS["ray"]) else {"num_cpus": self.workers, "include_dashboard": False}
            ray.init(log_to_driver=False, logging_level="error", **local)
        try:
            shared = ray.put(work)
            remote = ray.remote(_work)
            most = AHEAD * max(int(ray.cluster_resources().get("CPU", 1)), 1)
            waiting = deque(enumerate(tasks))
            out: dict[Any, int] = {}
            while waiting or out:
                while waiting and len(out) < most:
                    index, task = waiting.popleft()
                    out[remote.remote(shared, task)] = index
                done, _ = ray.wait(list(out), num_returns=1)
                for one in done:
                    yield out.pop(one), ray.get(one)
        finally:
            if here:
                ray.shutdown()


def _work(work: Work, task: Any) -> Any:
    """Do work on a task, on a cluster."""
    return work(task)


@dataclass(frozen=True)
class OnDask:
    """On a Dask cluster."""

    workers: int
    """Processes of a cluster that is started here."""

    def run(self, work: Work, tasks: Sequence[Any]) -> Done:
        """Yield as they are done."""
        distributed = library("dask")
        address = os.environ.get(_ADDRESS["dask"])
        local = {"n_workers": self.workers, "threads_per_worker": 1, "dashboard_address": None}
        with distributed.Client(address) if address else distributed.Client(**local) as client:
            shared = client.scatter(work, broadcast=True)
            futures = {client.submit(_work, shared, task, pure=False): index for index, task in enumerate(tasks)}
            for future in distributed.as_completed(list(futures)):
                yield futures[future], future.result()
