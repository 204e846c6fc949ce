"""Which APIs each stream may use, and what a call costs there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.candidates.evaluate import hard_targets, soft_targets
from planner.candidates.quality import score_of
from planner.candidates.rejection import Ledger
from planner.catalog.api_prices import ApiPrice, price
from planner.catalog.select import lets
from planner.demand.stream import Stream
from planner.domain.calls import Choice
from planner.domain.catalog import Catalog
from planner.domain.offers import ApiLatency, ApiOffer
from planner.domain.problem import Problem
from planner.errors import MissingFact
from planner.perf.limits import Target
from planner.supply.choice import allowed

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Apis:
    """API offers some stream may use."""

    names: tuple[str, ...]
    """[A] Catalog names."""
    prices: tuple[tuple[ApiPrice | None, ...], ...]
    """[A][R] Prices at each stream's prompt lengths; None where it may not use the API."""
    call_cost: Floats
    """[R, A] Price per call [$]; inf where the stream may not use it."""
    rate_limit: Floats
    """[A] Most calls per second; inf if none."""


def stream_price(name: str, offer: ApiOffer, stream: Stream) -> ApiPrice:
    """Return an API's prices per token for a stream, averaged over its prompts where the seller has tiers.

    price_in = E[I·price_in(I)] / E[I],  price_out = E[price_out(I)]

    Parameters
    ----------
    name, offer : the API
    stream : with its prompt lengths I

    Returns
    -------
    ApiPrice [$/token]

    Notes
    -----
    A request is charged at the tier its own prompt reaches, not at the tier of the mean prompt.
    """
    prompts = stream.prompt.values
    low, high = (price(offer, name, context_tokens=float(tokens)) for tokens in (prompts[0], prompts[-1]))
    if low == high:
        return low
    paid = [price(offer, name, context_tokens=float(tokens)) for tokens in prompts]
    return replace(
        high,
        input=float(np.average([p.input for p in paid], weights=prompts)),
        cached_input=float(np.average([p.cached_input for p in paid], weights=prompts)),
        output=float(np.mean([p.output for p in paid])),
    )


def call_cost(stream: Stream, paid: ApiPrice) -> float:
    """Return the price of a call.

    cost = (I − h·p)·price_in + h·p·price_cached + O·price_out

    Parameters
    ----------
    stream : I and O mean tokens, p prefix tokens cached at rate h
    paid : prices per token [$]

    Returns
    -------
    [$]

    Notes
    -----
    The cached share assumes that the provider's prompt cache hits as often as one's own would; where the provider has no
    cached price it equals the uncached one.
    """
    cached = stream.prefix_hit * stream.prefix_tokens
    return (stream.prompt.mean - cached) * paid.input + cached * paid.cached_input + stream.output.mean * paid.output


def api_percentile(latency: ApiLatency, stream: Stream, target: Target) -> float | None:
    """Return an upper bound on a latency percentile of an API [s]; None above the 95th, which nobody has measured.

    For end-to-end times the 95th percentiles of the parts are added, as if slow starts, slow tokens and long answers came
    together.
    """
    if target.percentile > 95.0:
        return None
    if target.metric == "ttft":
        return latency.ttft_p95
    if target.metric == "tpot":
        return latency.tpot_p95
    return latency.ttft_p95 + stream.output.quantile(0.95) * latency.tpot_p95


def api_problem(name: str, offer: ApiOffer, stream: Stream, catalog: Catalog, problem: Problem) -> tuple[str, str] | None:
    """Return (code, sentence) why a stream may not use an API, None if it may."""
    workload = stream.workload
    if stream.role != "generate":
        return "choice", f"answers with text, and these calls ask for a model made to {stream.role}"
    if not workload.data.external_api:
        return "rules", "the workload's data may not go to an external API"
    if not allowed(name, problem.choose.apis, workload.choose.apis):
        return "choice", "is not among the allowed APIs"
    refused = model_refusal(name, offer, problem.choose.models, workload.choose.models)
    if refused is not None:
        return "choice", refused
    if stream.named is not None and (offer.open_model is None or not allowed(offer.open_model, Choice(allow=stream.named))):
        return "choice", f"serves none of the models that a lever names: {', '.join(stream.named)}"
    groups = workload.data.region_groups
    if (groups is not None and not set(offer.region_groups) <= set(groups)) or workload.data.regions is not None:
        return "rules", f"processed in {', '.join(offer.region_groups)}, outside the workload's regions"
    scores = offer.scores + (catalog.models[offer.open_model].scores if offer.open_model else ())
    for floor in workload.quality:
        found = score_of(floor, scores)
        if found is None:
            return "quality", f"no published {floor.benchmark} score"
        if found < floor.at_least and floor.over == "each":
            return "quality", f"{floor.benchmark} {found:g} < {floor.at_least:g}"
    return _latency_problem(name, offer, stream)


def model_refusal(name: str, offer: ApiOffer, *choices: Choice) -> str | None:
    """Return why choices of models rule out an API, None if they do not (see `select.usable_apis`)."""
    if offer.open_model is not None:
        return None if allowed(offer.open_model, *choices) else f"serves {offer.open_model}, not among the allowed models"
    if all(lets(choice, (name, offer.model)) for choice in choices):
        return None
    return f"serves {offer.model}, not among the allowed models; allow {name} under choose.models if it may answer"


def judged(target: Target, stream: Stream) -> Target:
    """Return a target as APIs are judged by it: a batch deadline at the 95th percentile, the highest anybody publishes."""
    return replace(target, percentile=95.0) if stream.deadline is not None else target


def _latency_problem(name: str, offer: ApiOffer, stream: Stream) -> tuple[str, str] | None:
    """Return why an API's latency does not serve, None if it does; without a figure it cannot promise anything.

    Batch work goes to APIs of unknown latency: a deadline is taken to be long against a call.
    """
    if offer.latency is None:
        if not stream.objectives:
            return None
        return "latency", f"no latency figure is known; measure it and give it under catalogs.overrides.apis.{name}.latency"
    for target in hard_targets(stream):
        seen = api_percentile(offer.latency, stream, judged(target, stream))
        if seen is None:
            return "latency", f"no figure above the 95th percentile, {target.metric} is promised at p{target.percentile:g}"
        if seen > target.seconds:
            return "latency", f"{target.metric} p95 {seen * 1e3:.0f} ms > {target.seconds * 1e3:.0f} ms"
    return None


def usable_apis(catalog: Catalog, problem: Problem, streams: Sequence[Stream], ledger: Ledger) -> Apis:
    """Return the APIs some stream may use, priced.

    Parameters
    ----------
    catalog, problem, streams : facts and rules
    ledger : takes the others, with the reason

    Returns
    -------
    Apis

    Notes
    -----
    A missed soft target costs its price times the share of misses; an API is charged the full price if its 95th
    percentile is over the target and 5 % of it otherwise, for want of a distribution.
    """
    names: list[str] = []
    prices: list[tuple[ApiPrice | None, ...]] = []
    costs: list[list[float]] = []
    for name, offer in catalog.apis.items():
        row = tuple(usable_price(name, offer, stream, catalog, problem, ledger) for stream in streams)
        if any(row):
            names.append(name)
            prices.append(row)
            costs.append([_cost(offer, stream, paid) for stream, paid in zip(streams, row, strict=True)])
    limits = [catalog.apis[name].rate_limit for name in names]
    table = np.array(costs, dtype=float).reshape(len(names), len(streams)).T
    return Apis(tuple(names), tuple(prices), table, np.array([np.inf if limit is None else limit for limit in limits]))


def usable_price(
    name: str, offer: ApiOffer, stream: Stream, catalog: Catalog, problem: Problem, ledger: Ledger
) -> ApiPrice | None:
    """Return what a stream pays for an API, None if it may not use it; the ledger is told why."""
    reason = api_problem(name, offer, stream, catalog, problem)
    if reason is None:
        try:
            paid = stream_price(name, offer, stream)
        except MissingFact as missing:
            reason = "rules", str(missing)
        else:
            reason = _context_problem(paid, stream)
            if reason is None:
                return paid
    ledger.add(reason[0], name, reason[1], stream=stream.name)
    return None


def _context_problem(paid: ApiPrice, stream: Stream) -> tuple[str, str] | None:
    context = stream.longest_context()
    if paid.context_window is None or context <= paid.context_window:
        return None
    return "context", f"99 % of calls need {context:,.0f} tokens, it takes {paid.context_window:,.0f}"


def _cost(offer: ApiOffer, stream: Stream, paid: ApiPrice | None) -> float:
    """Return the price of a call with the soft targets it is expected to miss [$]; inf if the API may not be used."""
    return call_cost(stream, paid) + missed_cost(offer, stream) if paid is not None else float("inf")


def missed_cost(offer: ApiOffer, stream: Stream) -> float:
    """Return the expected price of missed soft targets per call [$]."""
    total = 0.0
    for target, fee in soft_targets(stream):
        seen = api_percentile(offer.latency, stream, Target(target.metric, 95.0, target.seconds)) if offer.latency else None
        total += fee * (0.05 if seen is not None and seen <= target.seconds else 1.0)
    return total
