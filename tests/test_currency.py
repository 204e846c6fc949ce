"""Money in another currency is told by its name, wherever it is written."""

import pytest

from planner.currency import foreign
from planner.units import DOLLARS, DOLLARS_PER_HOUR, DOLLARS_PER_KWH, DOLLARS_PER_TOKEN, SECONDS, Kind, UnitError, parse


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("€250", "EUR (€)"), ("250€", "EUR (€)"), ("£2/h", "GBP (£)"), ("¥300/h", "JPY or CNY (¥)"), ("₿1", "₿"),
        ("2.50 EUR/h", "EUR"), ("eur 2.50/h", "EUR"), ("2 euros/h", "EUR"), ("$2 GBP/h", "GBP"), ("CHF1,200", "CHF"),
        ("C$3/h", "C$"), ("0.30 CNY/Mtok", "CNY"), ("1 yen/h", "JPY"),
    ],
)  # fmt: skip
def test_other_currencies_are_named(text: str, named: str) -> None:
    assert foreign(text) == named


@pytest.mark.parametrize(
    "text", ["$2.50/h", "2.50 dollar/h", "2.50 USD/h", "$40k/month", "$0.40/Mtok", "$0.08/kWh", "", "2 req/s"]
)
def test_dollars_are_no_other_currency(text: str) -> None:
    assert foreign(text) is None


@pytest.mark.parametrize("kind", [DOLLARS, DOLLARS_PER_HOUR, DOLLARS_PER_TOKEN, DOLLARS_PER_KWH])
def test_every_kind_of_money_says_which_currency_and_what_to_do(kind: Kind) -> None:
    with pytest.raises(
        UnitError, match=r"is in EUR \(€\), and all prices must be in one currency, US dollars; give it in dollars"
    ):
        parse(kind.example.replace("$", "€"), kind)
    assert parse(kind.example, kind) > 0


def test_what_is_no_money_is_not_judged_by_its_currency() -> None:
    with pytest.raises(UnitError, match="expected a duration"):
        parse("€5", SECONDS)
