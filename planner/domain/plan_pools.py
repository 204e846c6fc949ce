"""Pools of a plan: what runs, how many, under what load; and what goes to APIs."""

from __future__ import annotations

from planner.domain.base import Strict
from planner.domain.layout import Shape


class Layout(Strict):
    """How a replica is spread over devices."""

    tp: int
    """Tensor-parallel degree."""
    pp: int
    """Pipeline stages."""
    dp: int = 1
    """Attention data-parallel ranks within the replica."""
    ep: int = 1
    """Expert-parallel degree."""

    @property
    def gpus(self) -> int:
        """Devices of a replica."""
        return self.tp * self.pp * self.dp

    @property
    def name(self) -> str:
        """As choices name it: `tp4 pp2`."""
        return str(Shape(self.tp, self.pp, self.dp))


class Speculation(Strict):
    """Speculative decoding of a deployment, to be set in the engine."""

    speculator: str
    """Catalog name."""
    draft_tokens: int
    """Tokens drafted for each sequence and iteration."""
    emitted: float
    """Tokens an iteration emits on average that the plan rests on, its own included."""
    emitted_low: float
    """The same on the traffic where it was least."""
    emitted_high: float
    """Where it was most."""
    source: str
    """Where those were read."""


class Deployment(Strict):
    """What one replica is."""

    model: str
    """Catalog name."""
    precision: str
    """Weight precision."""
    kv_precision: str
    """KV cache precision."""
    engine: str
    """Serving engine."""
    engine_version: str
    """Version the settings were read from."""
    accelerator: str
    """Catalog name."""
    layout: Layout
    """Parallel layout."""
    max_sequences: int
    """Limit of sequences decoding at once, to be set in the engine."""
    chunk_tokens: int
    """Token limit of an iteration, to be set in the engine."""
    max_context: int
    """Longest context to be allowed, to be set in the engine [token]."""
    memory_fraction: float
    """Share of device memory given to the engine."""
    speculation: Speculation | None = None
    """How it drafts; absent = it does not."""


class MemoryPerGpu(Strict):
    """Where the memory of one device goes [B]."""

    total: float
    """Usable memory."""
    weights: float
    """Weights."""
    activations: float
    """Activations and communication buffers."""
    runtime: float
    """CUDA context, graphs, libraries, and the share the engine leaves alone."""
    kv: float
    """KV cache blocks."""


class ServiceLevel(Strict):
    """What a pool guarantees to every stream it serves; corner of its additive resources."""

    iteration: float
    """Mean iteration time a replica is kept under [s]."""
    sequences: float
    """Mean number of decoding sequences a replica is kept under."""
    prompt_wait: float | None
    """Mean wait of a prompt a replica is kept under [s]."""
    jitter: float | None
    """Variance rate of iteration time by prompts that a replica is kept under [s]."""


class Share(Strict):
    """A stream's flow into a pool or API in one period."""

    stream: str
    """Stream."""
    period: str
    """Period."""
    rate: float
    """Calls per second."""
    share: float
    """Of the stream's calls in that period; of all in the cycle where they may be moved between periods."""


class PoolLoad(Strict):
    """A pool in one period."""

    period: str
    """Period."""
    replicas: int
    """Replicas, spares included."""
    spares: int | None = None
    """Of them, beyond those that carry load; written only where there are any or an availability is asked for."""
    availability: float | None = None
    """Probability at any time that no more replicas are down than there are spares; written only where one is asked for."""
    utilization: dict[str, float]
    """Share of each additive resource in use, on the replicas that carry load."""
    binding: str
    """The resource nearest its limit."""
    iteration: float
    """Predicted mean iteration time = mean TPOT [s]."""
    sequences: float
    """Predicted mean decoding sequences per replica."""
    output_tokens_per_second: float
    """Of the whole pool."""


class Pool(Strict):
    """A number of replicas of one deployment, run for one service level."""

    name: str
    """Name in this plan: P1, P2 …"""
    deployment: Deployment
    """What a replica is."""
    instance: str
    """Machine shape, catalog name."""
    seller: str
    """Seller."""
    region: str
    """Region."""
    region_group: str
    """Continent."""
    interruptible: bool
    """Whether it runs on spot machines."""
    level: ServiceLevel
    """What it guarantees."""
    memory: MemoryPerGpu
    """Memory of one device."""
    kv_capacity_tokens: float
    """Tokens of average context whose KV cache one replica holds."""
    loads: tuple[PoolLoad, ...]
    """One a period."""
    shares: tuple[Share, ...]
    """Who uses it."""
    fallback: bool | None = None
    """Whether on-demand machines take over from spot machines that are reclaimed; written only where they do."""

    @property
    def standing(self) -> str:
        """What tells its machines from others of the same kind and place: `spot`, `spot with fallback`, or nothing."""
        return ("spot with fallback" if self.fallback else "spot") if self.interruptible else ""


class ApiRoute(Strict):
    """Calls sent to someone else's API."""

    api: str
    """Catalog name."""
    input_price: float
    """Per uncached input token [$]."""
    cached_input_price: float
    """Per cached input token [$]."""
    output_price: float
    """Per output token [$]."""
    cost: float
    """Average cost [$/h]."""
    price_source: str
    """Where the prices come from."""
    batch: bool = False
    """Whether they are the prices of batches: calls are handed over together and answered within the turnaround."""
    turnaround: float | None = None
    """Time within which batches are answered [s]; absent for calls answered at once."""
    shares: tuple[Share, ...]
    """Who uses it."""


class ProvisionedRoute(Strict):
    """Throughput bought in units at an API, paid whether used or not, and the calls that it takes."""

    api: str
    """Catalog name."""
    units: dict[str, int]
    """Units held in each period."""
    unit_price: float
    """Price of one unit [$/h]."""
    term: str
    """hourly, monthly or yearly."""
    tokens_per_second: float
    """Weighted tokens that one unit takes [token/s]."""
    cost: float
    """Average cost [$/h]."""
    used: dict[str, float]
    """Share of the units held that is in use, in each period."""
    price_source: str
    """Where price and throughput come from."""
    shares: tuple[Share, ...]
    """Who uses it."""

    @property
    def name(self) -> str:
        """Name it apart from the same API at its price per token."""
        return f"{self.api} units"
