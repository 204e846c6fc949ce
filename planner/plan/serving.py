"""What a plan passes on to exports, as the catalog and the streams say it; nothing is computed but moments of lengths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import sqrt

from planner.candidates.build import Search
from planner.demand.stream import Lengths, Stream
from planner.domain.catalog import Catalog
from planner.domain.plan_pools import ApiRoute, Pool, ProvisionedRoute
from planner.domain.plan_serving import ApiPart, CallsPart, PoolPart, Serving, Weights

UNQUANTIZED = ("bf16", "fp16")
"""Published weights that engines convert on loading; a checkpoint that is quantized already they take as it is."""


def serving_part(search: Search, pools: Sequence[Pool], routes: Sequence[ApiRoute | ProvisionedRoute]) -> Serving:
    """Return what exports of a plan need to know.

    Parameters
    ----------
    search : streams and catalogs
    pools : of the plan
    routes : its APIs

    Returns
    -------
    Serving
    """
    served = {share.stream for route in (*pools, *routes) for share in route.shares}
    return Serving(
        calls=tuple(_calls(stream) for stream in search.streams if stream.name in served),
        pools=tuple(_pool(search, pool) for pool in pools),
        apis=tuple(_apis(search.catalog, dict.fromkeys(route.api for route in routes))),
    )


def _calls(stream: Stream) -> CallsPart:
    return CallsPart(
        stream=stream.name,
        name=stream.short,
        workload=stream.workload.name,
        stage=stream.stage,
        part=stream.part,
        role=stream.role,
        input_mean=stream.prompt.mean,
        input_deviation=_deviation(stream.prompt),
        output_mean=stream.output.mean,
        output_deviation=_deviation(stream.output),
        prefix_tokens=stream.prefix_tokens,
    )


def _deviation(lengths: Lengths) -> float:
    """Return √(E[X²] − E[X]²) [token]."""
    return sqrt(max(lengths.second_moment - lengths.mean**2, 0.0))


def _pool(search: Search, pool: Pool) -> PoolPart:
    catalog, runs = search.catalog, pool.deployment
    cells = (cell for cell in search.supply.cells if (cell.instance, cell.region) == (pool.instance, pool.region))
    drafts = catalog.speculators[runs.speculation.speculator] if runs.speculation else None
    return PoolPart(
        pool=pool.name,
        vendor=catalog.accelerators[runs.accelerator].vendor,
        machine=catalog.instances[pool.instance].instance_type,
        gpus_per_machine=next(cells).gpus,
        weights=weights_of(catalog, runs.model, runs.precision),
        native_precision=catalog.models[runs.model].native_precision,
        speculation=drafts.method if drafts else None,
        draft=drafts.checkpoint or (drafts.draft.model if drafts.draft else None) if drafts else None,
    )


def weights_of(catalog: Catalog, model: str, precision: str) -> Weights:
    """Return where the weights of a model in a precision come from.

    Parameters
    ----------
    catalog : models and precisions
    model, precision : catalog names
    """
    native = catalog.models[model].native_precision
    if precision == native:
        return "published"
    loads = native in UNQUANTIZED and catalog.precisions[precision].universal
    return "on_load" if loads else "converted"


def _apis(catalog: Catalog, names: Iterable[str]) -> Iterator[ApiPart]:
    for name in names:
        yield ApiPart(api=name, provider=catalog.apis[name].provider, model=catalog.apis[name].model)
