"""How replicas follow demand: what it takes to start one, and how long one stays that is no longer needed."""

from __future__ import annotations

from typing import Literal

from planner.domain.base import Strict
from planner.units import BytesPerSecond, Seconds, SomeSeconds


class Autoscaling(Strict):
    """What following demand costs (docs/autoscaling.md). The defaults are those of unoptimised clusters: state your own."""

    scaling: Literal["scheduled", "reactive"] = "scheduled"
    """scheduled: replicas start ahead of the period that needs them, by the clock. reactive: they start when the load has grown,
    and those that are ready carry the growth until the new ones answer."""
    cycle: Seconds | None = None
    """Time after which the periods come around again, such as `24h`; with a horizon the calendar says it, and a problem may state
    `follows` at its periods instead."""
    machine: SomeSeconds = 300.0
    """From the order of a machine until it may start a container: a new node took about 5 minutes to join its cluster and start
    a pod (an operator's report, Hacker News item 44053826, 2025). 0s where machines stay switched on."""
    image: SomeSeconds = 240.0
    """Pull of the container's image: 4 to 8 minutes (vendor figures, handbook §9, 2026), 0s where it is cached."""
    weights: Literal["store", "local_disk"] = "store"
    """Where weights are read from: a store over the network, or the machine's own disk where that is known to hold them. The disk
    of a freshly rented machine is empty: say local_disk only where yours come filled."""
    store_bandwidth: BytesPerSecond = 2e9
    """Rate of the store into one machine: 16 GB in 8 s, the slower of two vendor figures (handbook §9, 2026). 15 GB in 4.9 s, 3.1
    GB/s, were read from S3 with many streams (NVIDIA Run:ai Model Streamer, 2025-09)."""
    disk_bandwidth: BytesPerSecond = 5e9
    """Rate of the machine's own disks (assumption: NVMe drives read 3 to 7 GB/s; a loader got 7 GB/s out of the page cache, vLLM
    issue 19824, 2025-06)."""
    init: SomeSeconds | None = None
    """Start of the engine, compilation, capture of graphs, warm-up. Absent = by parameters, from 39 s at 8B (vLLM pull request
    11005, 2024-12) to 145 s at 70B (vLLM issue 19824, 2025-06, less a check that may be skipped), with nothing cached; with
    caches vendors state 12 and 30 s (handbook §9)."""
    scale_in_delay: SomeSeconds = 300.0
    """How long a replica stays that is no longer needed (300 s: default of the Kubernetes autoscaler, 2026)."""
    detect: SomeSeconds = 30.0
    """Until grown load is noticed, for reactive scaling: the Kubernetes autoscaler looks every 15 s (2026), at figures up to as
    old (assumption)."""
