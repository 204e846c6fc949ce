"""API prices: overrides first, then the library's bundled data; tiers, dates, hours, and what is unknown."""

from __future__ import annotations

import socket
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from planner.catalog import api_prices
from planner.catalog.api_prices import batch_price, price
from planner.domain.offers import ApiOffer
from planner.errors import MissingFact

APIS = yaml.load((Path(__file__).parents[2] / "catalogs" / "apis.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)[
    "apis"
]
OFFERS = {name: ApiOffer.model_validate(row) for name, row in APIS.items()}
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def offer(**fields: object) -> ApiOffer:
    base = {"provider": "openai", "model": "gpt-4o", "source": "test", "as_of": "2026"}
    return ApiOffer.model_validate({**base, **fields})


def model(prices: object) -> ModelInfo:
    return ModelInfo(id="m", match=ClauseEquals("m"), prices=prices)  # type: ignore[arg-type]


def mtok(input_mtok: str, output_mtok: str) -> ModelPrice:
    return ModelPrice(input_mtok=Decimal(input_mtok), output_mtok=Decimal(output_mtok))


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a price lookup touched the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_gpt_4o_costs_what_its_price_page_says() -> None:
    """$2.50 input, $1.25 cached input, $10 output per million tokens (openai.com/api/pricing, unchanged since 2024-10)."""
    found = price(offer(), "openai/gpt-4o", at=NOON)
    assert (found.input, found.cached_input, found.output) == pytest.approx((2.5e-6, 1.25e-6, 1e-5))
    assert found.context_window == 128000
    assert found.library_version in found.source


def test_stated_prices_win_and_need_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_prices, "_library", lambda: pytest.fail("asked the library"))
    found = price(offer(provider="nobody", model="none", input_price="$1/Mtok", output_price="$3/Mtok"), "x")
    assert (found.input, found.cached_input, found.output) == pytest.approx((1e-6, 1e-6, 3e-6))
    assert found.library_version == ""


def test_one_stated_price_replaces_only_its_own() -> None:
    found = price(offer(input_price="$1/Mtok", max_context=1000), "x", at=NOON)
    assert (found.input, found.output, found.context_window) == pytest.approx((1e-6, 1e-5, 1000))


def test_tiers_charge_the_whole_request() -> None:
    """Gemini 2.5 Pro: $1.25 up to 200k input tokens, $2.50 beyond (ai.google.dev/pricing)."""
    gemini = offer(provider="google", model="gemini-2.5-pro")
    assert price(gemini, "x", context_tokens=200_000, at=NOON).input == pytest.approx(1.25e-6)
    assert price(gemini, "x", context_tokens=200_001, at=NOON).input == pytest.approx(2.5e-6)
    assert price(gemini, "x", context_tokens=200_001, at=NOON).output > price(gemini, "x", at=NOON).output


def test_the_highest_tier_reached_counts() -> None:
    tiers = TieredPrices(base=Decimal(1), tiers=[Tier(start=100, price=Decimal(2)), Tier(start=200, price=Decimal(3))])
    assert [api_prices._rate(None, tiers, n) for n in (100, 101, 201)] == pytest.approx([1e-6, 2e-6, 3e-6])


def test_the_latest_price_that_has_started_counts() -> None:
    """Base 1, from June 2, from 2027 on 3."""
    dated = [
        ConditionalPrice(prices=mtok("1", "1")),
        ConditionalPrice(StartDateConstraint(date(2026, 6, 1)), prices=mtok("2", "2")),
        ConditionalPrice(StartDateConstraint(date(2027, 1, 1)), prices=mtok("3", "3")),
    ]
    assert api_prices._valid(model(dated), NOON).input_mtok == 2
    assert api_prices._valid(model(dated), datetime(2026, 1, 1, tzinfo=UTC)).input_mtok == 1
    assert api_prices._valid(model(dated), datetime(2027, 1, 1, tzinfo=UTC)).input_mtok == 3


@pytest.mark.parametrize(("hourly", "expected"), [("4", 4), ("0.5", 1)])
def test_hours_of_the_day_never_make_a_plan_too_cheap(hourly: str, expected: int) -> None:
    """A surcharge by the hour counts, a rebate does not."""
    hours = TimeOfDateConstraint(start_time=time(1, tzinfo=UTC), end_time=time(4, tzinfo=UTC))
    prices = [ConditionalPrice(prices=mtok("1", "1")), ConditionalPrice(hours, prices=mtok(hourly, hourly))]
    assert api_prices._valid(model(prices), NOON).input_mtok == expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"provider": "nobody"}, "provider 'nobody' is not in genai-prices"),
        ({"model": "no-such-model"}, "knows no openai model 'no-such-model'"),
        ({"model": "text-embedding-3-small"}, "has no output price"),
    ],
)
def test_unknown_prices_say_what_to_do(fields: dict[str, str], message: str) -> None:
    with pytest.raises(MissingFact, match=message) as caught:
        price(offer(**fields), "openai/x", at=NOON)
    assert "input_price and output_price for apis.openai/x" in str(caught.value)


@pytest.mark.parametrize("name", sorted(OFFERS))
def test_every_offer_has_a_price(name: str) -> None:
    found = price(OFFERS[name], name, at=NOON)
    assert 0 < found.cached_input <= found.input <= found.output or found.output == found.input
    assert found.output < 1e-3


def test_catalog_types_no_price_in() -> None:
    assert not [name for name, row in OFFERS.items() if row.input_price or row.output_price or row.cached_input_price]


def test_enough_offers_over_enough_sellers() -> None:
    assert len(OFFERS) >= 25
    assert len({row.provider for row in OFFERS.values()}) >= 8


BATCH = {"turnaround": "24h", "source": "test", "as_of": "2026"}


def test_batches_cost_what_the_seller_lists() -> None:
    """Half of $2 and $8 a million (genai-prices, processing: batch, from 2026-10-14 on); no price of cached tokens is listed."""
    found = batch_price(offer(model="gpt-4.1", batch=BATCH), "x", at=NOON)
    assert (found.input, found.cached_input, found.output) == pytest.approx((1e-6, 1e-6, 4e-6))
    assert found.batch
    assert found.source.endswith("openai/gpt-4.1, batches")


@pytest.mark.parametrize("row", [name for name, row in OFFERS.items() if row.batch])
def test_every_batch_of_the_catalog_has_a_price_below_the_standard_one(row: str) -> None:
    standard, batch = price(OFFERS[row], row, at=NOON), batch_price(OFFERS[row], row, at=NOON)
    assert (batch.input, batch.output) == pytest.approx((standard.input / 2, standard.output / 2))


def test_a_stated_discount_and_stated_prices_of_batches_win() -> None:
    less = batch_price(offer(batch={**BATCH, "discount": "25%"}), "x", at=NOON)
    assert (less.input, less.output) == pytest.approx((0.75 * 2.5e-6, 0.75 * 10e-6))
    assert "25% off" in less.source
    stated = batch_price(offer(batch={**BATCH, "input_price": "$1/Mtok", "output_price": "$3/Mtok"}), "x", at=NOON)
    assert (stated.input, stated.cached_input, stated.output) == pytest.approx((1e-6, 1e-6, 3e-6))


@pytest.mark.parametrize(
    ("fields", "day"),
    [
        ({}, NOON),
        ({"batch": BATCH, "provider": "groq", "model": "qwen/qwen3-32b"}, NOON),
        ({"batch": BATCH}, datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_price_of_batches_nobody_lists_is_missing(fields: dict[str, object], day: datetime) -> None:
    with pytest.raises(MissingFact, match=r"batch\.discount"):
        batch_price(offer(**fields), "x", at=day)
