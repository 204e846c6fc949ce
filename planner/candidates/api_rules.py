"""Which APIs a stream may use: choices, data rules, quality, latency, context; and what soft targets cost it there."""

from __future__ import annotations

from dataclasses import replace

from planner.candidates.evaluate import hard_targets, soft_targets
from planner.candidates.quality import api_score, api_value, unknown_length
from planner.catalog.api_prices import ApiPrice
from planner.catalog.select import lets
from planner.demand.stream import Stream
from planner.domain.api_terms import ApiLatency
from planner.domain.calls import Choice
from planner.domain.catalog import Catalog
from planner.domain.offers import ApiOffer
from planner.domain.problem import Problem
from planner.domain.workload import DataRules
from planner.perf.limits import Target
from planner.supply.choice import allowed

Reason = tuple[str, str]
"""Code and sentence."""


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


def api_seen(offer: ApiOffer, stream: Stream, target: Target, *, batch: bool) -> float | None:
    """Return the latency of an API that a hard promise is held against [s]: in batches the turnaround; None if none is known."""
    if batch and offer.batch is not None:
        return offer.batch.turnaround if target.metric == "e2e" else None
    return api_percentile(offer.latency, stream, judged(target, stream)) if offer.latency else None


def api_problem(name: str, offer: ApiOffer, stream: Stream, catalog: Catalog, problem: Problem) -> Reason | None:
    """Return (code, sentence) why a stream may not use an API, None if it may."""
    if stream.role != "generate":
        return "choice", f"answers with text, and these calls ask for a model made to {stream.role}"
    if not stream.workload.data.external_api:
        return "rules", "the workload's data may not go to an external API"
    if stream.home is not None:
        return "rules", "the workload has failover, and in which region an API answers is its seller's business"
    return (
        _choice_problem(name, offer, stream, problem)
        or _place_problem(name, offer, stream.workload.data)
        or _quality_problem(name, stream, catalog)
        or _latency_problem(name, offer, stream)
    )


def _choice_problem(name: str, offer: ApiOffer, stream: Stream, problem: Problem) -> Reason | None:
    own = stream.workload.choose
    if not allowed(name, problem.choose.apis, own.apis):
        return "choice", "is not among the allowed APIs"
    refused = model_refusal(name, offer, problem.choose.models, own.models)
    if refused is not None:
        return "choice", refused
    if stream.named is not None and (offer.open_model is None or not allowed(offer.open_model, Choice(allow=stream.named))):
        return "choice", f"serves none of the models that a lever names: {', '.join(stream.named)}"
    return None


def model_refusal(name: str, offer: ApiOffer, *choices: Choice) -> str | None:
    """Return why choices of models rule out an API, None if they do not (see `select.usable_apis`)."""
    if offer.open_model is not None:
        return None if allowed(offer.open_model, *choices) else f"serves {offer.open_model}, not among the allowed models"
    if all(lets(choice, (name, offer.model)) for choice in choices):
        return None
    return f"serves {offer.model}, not among the allowed models; allow {name} under choose.models if it may answer"


def _place_problem(name: str, offer: ApiOffer, rules: DataRules) -> Reason | None:
    terms = terms_problem(name, offer, rules)
    if terms is not None:
        return "rules", terms
    groups = rules.region_groups
    if (groups is not None and not set(offer.region_groups) <= set(groups)) or rules.regions is not None:
        return "rules", f"processed in {', '.join(offer.region_groups)}, outside the workload's regions"
    return None


def terms_problem(name: str, offer: ApiOffer, rules: DataRules) -> str | None:
    """Return why an API's terms for data do not serve, None if they do; what it does not say is taken as a no."""
    asked = (
        (rules.zero_retention, offer.zero_retention, True, "keeps what is sent", "zero_retention"),
        (rules.no_training, offer.trains_on_data, False, "trains on what is sent", "trains_on_data"),
    )
    for wanted, said, good, what, field in asked:
        if wanted and said is None:
            return f"whether it {what} is not known; give {field} for apis.{name}, with its source"
        if wanted and said is not good:
            return what
    return None


def _quality_problem(name: str, stream: Stream, catalog: Catalog) -> Reason | None:
    context = stream.longest_context()
    for floor in stream.workload.quality:
        if api_score(catalog, floor, name) is None:
            return "quality", f"no published {floor.benchmark} score"
        found = api_value(catalog, floor, name, context)
        if found is None:
            return "quality", unknown_length(floor, context)
        if found < floor.at_least and floor.over == "each":
            return "quality", f"{floor.benchmark} {found:g} < {floor.at_least:g}"
    return None


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


def context_problem(paid: ApiPrice, stream: Stream) -> tuple[str, str] | None:
    """Return why an API's context is too short for a stream, None if it is not."""
    context = stream.longest_context()
    if paid.context_window is None or context <= paid.context_window:
        return None
    return "context", f"99 % of calls need {context:,.0f} tokens, it takes {paid.context_window:,.0f}"


def missed_cost(offer: ApiOffer, stream: Stream) -> float:
    """Return the expected price of missed soft targets per call [$]."""
    total = 0.0
    for target, fee in soft_targets(stream):
        seen = api_percentile(offer.latency, stream, Target(target.metric, 95.0, target.seconds)) if offer.latency else None
        total += fee * (0.05 if seen is not None and seen <= target.seconds else 1.0)
    return total
