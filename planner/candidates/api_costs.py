"""What a call costs at an API, and how much of the account's limits it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planner.catalog.api_prices import ApiPrice, batch_price, price
from planner.demand.stream import Stream
from planner.domain.api_terms import ApiCache
from planner.domain.offers import ApiOffer

Floats = NDArray[np.float64]

LIMITS = ("requests", "input tokens", "output tokens", "tokens")
"""What an account may be limited in, in the order of `limit_shares`."""


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
    return _averaged(stream, lambda tokens: price(offer, name, context_tokens=tokens))


def stream_batch_price(name: str, offer: ApiOffer, stream: Stream) -> ApiPrice:
    """Return the same of calls handed over in batches."""
    return _averaged(stream, lambda tokens: batch_price(offer, name, context_tokens=tokens))


def may_batch(offer: ApiOffer, stream: Stream) -> bool:
    """Whether a stream may wait as long as the seller takes for a batch."""
    return offer.batch is not None and stream.deadline is not None and stream.deadline >= offer.batch.turnaround


def _averaged(stream: Stream, at: Callable[[float], ApiPrice]) -> ApiPrice:
    prompts = stream.prompt.values
    low, high = at(float(prompts[0])), at(float(prompts[-1]))
    if low == high:
        return low
    paid = [at(float(tokens)) for tokens in prompts]
    return replace(
        high,
        input=float(np.average([p.input for p in paid], weights=prompts)),
        cached_input=float(np.average([p.cached_input for p in paid], weights=prompts)),
        output=float(np.mean([p.output for p in paid])),
    )


def cached_share(stream: Stream, cache: ApiCache | None) -> float:
    """Return the share of a stream's calls that find their prefix in an API's cache: as on one's own machines unless it says."""
    if cache is None:
        return stream.prefix_hit
    if stream.prefix_tokens < cache.minimum_tokens:
        return 0.0
    return stream.prefix_hit if cache.hit_rate is None else cache.hit_rate


def paid_tokens(stream: Stream, cache: ApiCache | None, input_price: float, cached_price: float) -> tuple[float, float]:
    """Return the input tokens of a call that are paid at the full and at the cached price.

    full = I − h·p + (f − 1)·(1 − h)·p,  cached = h·p;  all of them full where that is cheaper

    Parameters
    ----------
    stream : I mean prompt tokens, p of them prefix
    cache : h share of calls that find it, f price of a token written over that of an uncached one; None: as one's own, f = 1
    input_price, cached_price : per token [$]

    Returns
    -------
    (full, cached) [token]

    Notes
    -----
    Where writing costs more than finding saves, the cache is left unused.
    """
    hit, prefix = cached_share(stream, cache), stream.prefix_tokens
    cached = hit * prefix
    if cache is None:
        return stream.prompt.mean - cached, cached
    written = (1.0 - hit) * prefix if prefix >= cache.minimum_tokens else 0.0
    full = stream.prompt.mean - cached + (cache.write_factor - 1.0) * written
    pays = full * input_price + cached * cached_price < stream.prompt.mean * input_price
    return (full, cached) if pays else (stream.prompt.mean, 0.0)


def call_cost(stream: Stream, paid: ApiPrice, cache: ApiCache | None = None) -> float:
    """Return the price of a call.

    cost = full·price_in + cached·price_cached + O·price_out

    Parameters
    ----------
    stream : O mean output tokens; its input tokens as `paid_tokens` has them
    paid : prices per token [$]
    cache : the API's, None if it says nothing

    Returns
    -------
    [$]

    Notes
    -----
    Where the provider has no cached price it equals the uncached one.
    """
    full, cached = paid_tokens(stream, cache, paid.input, paid.cached_input)
    return full * paid.input + cached * paid.cached_input + stream.output.mean * paid.output


def limit_shares(offer: ApiOffer, stream: Stream) -> Floats:
    """Return what 1 call/s of a stream takes of each limit of an account, 0 where there is none.

    1/requests,  I/input_tokens,  O/output_tokens,  (I + O)/tokens

    Parameters
    ----------
    offer : with its limits per second
    stream : I and O mean tokens

    Returns
    -------
    [L] share of the limit per call/s [s], in the order of `LIMITS`
    """
    taken = (1.0, stream.prompt.mean, stream.output.mean, stream.prompt.mean + stream.output.mean)
    limits = (offer.rate_limit, offer.input_token_limit, offer.output_token_limit, offer.token_limit)
    return np.array([0.0 if limit is None else each / limit for each, limit in zip(taken, limits, strict=True)])
