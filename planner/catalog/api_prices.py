"""Prices of API offers: what the catalog or the user states first, else the data bundled with `genai-prices`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from planner.domain.offers import ApiOffer
from planner.errors import MissingFact

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

_PER_MILLION = 1e6


@dataclass(frozen=True)
class ApiPrice:
    """What one token costs, and where that was read."""

    input: float
    """Per uncached input token, in $."""
    cached_input: float
    """Per cached input token, in $; as uncached where the seller has no cache price."""
    output: float
    """Per output token, in $."""
    context_window: float | None
    """Longest context, in tokens; None = not known."""
    source: str
    """Catalog row, or the library's provider and model."""
    library_version: str
    """Version of `genai-prices`; empty if it was not asked."""
    batch: bool = False
    """Whether it holds only for calls handed over in batches."""


def price(offer: ApiOffer, name: str, *, context_tokens: float = 0.0, at: datetime | None = None) -> ApiPrice:
    """Return the price of an API offer.

    Parameters
    ----------
    offer : ApiOffer
        The offer; prices it states win over the library's.
    name : str
        Its name in the catalog, for messages.
    context_tokens : float [token]
        Input tokens of a request; sellers with tiers charge the whole request at the tier it reaches.
    at : datetime, optional
        When the price must be valid; absent, now.

    Returns
    -------
    ApiPrice [$/token]
        Prices and their source.

    Raises
    ------
    MissingFact
        If neither the offer nor the library has the price.

    Notes
    -----
    Reads only the data shipped inside the installed library: nothing is fetched. Of prices bound to hours of the day
    (off-peak rebates) the dearest is taken, because a plan must hold at any hour.
    """
    if offer.input_price is not None and offer.output_price is not None:
        cached = offer.input_price if offer.cached_input_price is None else offer.cached_input_price
        return ApiPrice(offer.input_price, cached, offer.output_price, offer.max_context, f"catalog row {name}", "")
    model, version = _find(offer, name)
    listed = _valid(model, at or datetime.now(UTC))
    paid = _rate(offer.input_price, listed.input_mtok, context_tokens)
    output = _rate(offer.output_price, listed.output_mtok, context_tokens)
    if paid is None or output is None:
        missing = "input" if paid is None else "output"
        raise MissingFact(
            f"apis.{name}: genai-prices {version} has no {missing} price per token for {offer.model}; {_remedy(name)}"
        )
    cached_rate = _rate(offer.cached_input_price, listed.cache_read_mtok, context_tokens)
    return ApiPrice(
        input=paid,
        cached_input=paid if cached_rate is None else cached_rate,
        output=output,
        context_window=offer.max_context if offer.max_context is not None else model.context_window,
        source=f"genai-prices {version}: {offer.provider}/{model.id}",
        library_version=version,
    )


def batch_price(offer: ApiOffer, name: str, *, context_tokens: float = 0.0, at: datetime | None = None) -> ApiPrice:
    """Return the price of an API offer for calls handed over in batches.

    Stated prices win, then a stated discount on the standard ones, then the library's own prices of batches.

    Parameters, returns and raises : as `price`; the offer must have batches

    Notes
    -----
    Where the library names no price for cached tokens in batches, they cost what uncached ones do there.
    """
    batch = offer.batch
    if batch is None:
        raise MissingFact(f"apis.{name} sells no batches; {_batch_remedy(name)}")
    if batch.input_price is not None and batch.output_price is not None:
        cached = batch.input_price if batch.cached_input_price is None else batch.cached_input_price
        source = f"catalog row {name}, batches"
        return ApiPrice(batch.input_price, cached, batch.output_price, offer.max_context, source, "", batch=True)
    standard = price(offer, name, context_tokens=context_tokens, at=at)
    if batch.discount is not None:
        kept = 1.0 - batch.discount
        paid = tuple(kept * each for each in (standard.input, standard.cached_input, standard.output))
        source = f"{standard.source}; {batch.discount:.0%} off in batches: {batch.source}"
    else:
        paid, source = _batch_variant(offer, name, context_tokens, at or datetime.now(UTC)), f"{standard.source}, batches"
    return replace(standard, input=paid[0], cached_input=paid[1], output=paid[2], source=source, batch=True)


def _batch_variant(offer: ApiOffer, name: str, context_tokens: float, at: datetime) -> tuple[float, ...]:
    """Return the library's prices of batches: input, cached input, output [$/token]."""
    model, version = _find(offer, name)
    variants = [one for one in getattr(model, "price_variants", None) or () if one.when == {"processing": "batch"}]
    valid = [one.prices for one in variants if one.constraint is None or one.constraint.active(at)]
    paid, cached, output = (
        _rate(None, getattr(valid[-1], kind, None), context_tokens) if valid else None
        for kind in ("input_mtok", "cache_read_mtok", "output_mtok")
    )
    if paid is None or output is None:
        raise MissingFact(f"apis.{name}: genai-prices {version} has no price of batches for {offer.model}; {_batch_remedy(name)}")
    return paid, paid if cached is None else cached, output


def _batch_remedy(name: str) -> str:
    return f"give batch.discount, or batch.input_price and batch.output_price, for apis.{name}, with the seller's page as source"


def _remedy(name: str) -> str:
    """Say how to supply a price."""
    return f"give input_price and output_price for apis.{name}, such as $0.40/Mtok, with the seller's price page as source"


@lru_cache(maxsize=1)
def _library() -> tuple[Sequence[Provider], str]:
    """Return the providers bundled with the installed library and its version."""
    from genai_prices import __version__
    from genai_prices.data import providers

    return providers, __version__


def _find(offer: ApiOffer, name: str) -> tuple[ModelInfo, str]:
    """Find an offer's model: by exact id first, then by the library's own matching."""
    providers, version = _library()
    provider = next((item for item in providers if item.id == offer.provider), None)
    if provider is None:
        known = ", ".join(sorted(item.id for item in providers))
        message = f"apis.{name}: provider {offer.provider!r} is not in genai-prices {version} ({known})"
        raise MissingFact(f"{message}; {_remedy(name)}")
    exact = next((item for item in provider.models if item.id == offer.model), None)
    model = exact or provider.find_model(offer.model, all_providers=list(providers))
    if model is None:
        raise MissingFact(f"apis.{name}: genai-prices {version} knows no {offer.provider} model {offer.model!r}; {_remedy(name)}")
    return model, version


def _valid(model: ModelInfo, at: datetime) -> ModelPrice:
    """Return the prices valid at a time: the latest that has started, or a dearer one bound to hours and listed after it."""
    from genai_prices.types import TimeOfDateConstraint

    if not isinstance(model.prices, list):
        return model.prices
    hours = [isinstance(item.constraint, TimeOfDateConstraint) for item in model.prices]
    dated = [
        not hourly and (item.constraint is None or item.constraint.active(at))
        for item, hourly in zip(model.prices, hours, strict=True)
    ]
    standard = max((index for index, valid in enumerate(dated) if valid), default=0)
    rebated = [item.prices for item, hourly in list(zip(model.prices, hours, strict=True))[standard + 1 :] if hourly]
    return max([model.prices[standard].prices, *rebated], key=_dearness)


def _dearness(listed: ModelPrice) -> float:
    """Order prices by the sum of input and output."""
    return (_rate(None, listed.input_mtok, 0.0) or 0.0) + (_rate(None, listed.output_mtok, 0.0) or 0.0)


def _rate(stated: float | None, listed: Any, context_tokens: float) -> float | None:
    """Return $/token: as stated, else the library's rate of the tier a request's input reaches."""
    if stated is not None or listed is None:
        return stated
    reached = [tier.price for tier in getattr(listed, "tiers", ()) if context_tokens > tier.start]
    rate = reached[-1] if reached else getattr(listed, "base", listed)
    return float(rate) / _PER_MILLION
